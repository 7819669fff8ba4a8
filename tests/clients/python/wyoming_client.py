"""wyoming-openai, a server of Home Assistant's protocol in front of OpenAI's, asked by wyoming's client."""

import asyncio
import importlib.metadata
import socket
import subprocess
import sys

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient

import told


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


async def ask(port):
    samples, rate = told.pcm()
    for _ in range(100):
        try:
            async with AsyncTcpClient("127.0.0.1", port) as client:
                await client.write_event(Transcribe().event())
                await client.write_event(AudioStart(rate=rate, width=2, channels=1).event())
                for at in range(0, len(samples), 3200):
                    await client.write_event(AudioChunk(rate=rate, width=2, channels=1,
                                                        audio=samples[at:at + 3200]).event())
                await client.write_event(AudioStop().event())
                while True:
                    event = await client.read_event()
                    if event is None:
                        raise ConnectionError("it hung up without a transcript")
                    if Transcript.is_type(event.type):
                        return Transcript.from_event(event).text
        except ConnectionRefusedError:
            await asyncio.sleep(0.1)
    raise ConnectionError("it does not listen")


def transcribe():
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "wyoming_openai", "--uri", f"tcp://127.0.0.1:{port}",
                               "--stt-openai-url", told.URL + "/v1", "--stt-openai-key", "any",
                               "--stt-models", "whisper-1", "--languages", "en"], stdout=sys.stderr)
    try:
        return asyncio.run(ask(port))
    finally:
        server.terminate()
        server.wait(10)


told.attempt("wyoming-openai", importlib.metadata.version("wyoming-openai"), transcribe)
