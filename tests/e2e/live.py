"""A live stream in Deepgram's dialect over a plain WebSocket, and what was heard back."""

import asyncio
import json
import urllib.parse

import websockets

import harness

QUERY = {"encoding": "linear16", "sample_rate": harness.RATE, "channels": 1, "interim_results": "true",
         "endpointing": 500}


class Heard:
    """All messages of a stream, in order, checked as they come."""

    def __init__(self):
        self.messages, self.close = [], None

    def results(self, final=None):
        return [m for m in self.messages if m["type"] == "Results" and final in (None, m["is_final"])]

    def text(self):
        texts = [m["channel"]["alternatives"][0]["transcript"] for m in self.results(final=True)]
        return " ".join(t for t in texts if t)

    def words(self):
        return [w for m in self.results(final=True) for w in m["channel"]["alternatives"][0]["words"]]

    def metadata(self):
        found = [m for m in self.messages if m["type"] == "Metadata"]
        assert len(found) == 1 and found[0] is self.messages[-1], self.messages[-3:]
        return found[0]


def connect(daemon, token="any", **query):
    words = urllib.parse.urlencode({k: v for k, v in {**QUERY, **query}.items() if v is not None})
    return websockets.connect(f"{daemon.ws}/v1/listen?{words}", max_size=None, compression=None,
                              additional_headers={"Authorization": f"Token {token}"})


async def listen(socket, heard):
    try:
        async for message in socket:
            heard.messages.append(json.loads(message))
    except websockets.ConnectionClosedError:
        pass
    heard.close = (socket.close_code, socket.close_reason)


async def speak(socket, pcm, pace=4.0, step_ms=100, rate=harness.RATE):
    """Sends s16le mono at so many times the speed of a microphone."""
    step = 2 * rate * step_ms // 1000
    for at in range(0, len(pcm), step):
        await socket.send(pcm[at:at + step])
        await asyncio.sleep(step_ms / 1000 / pace)


async def say(socket, kind):
    await socket.send(json.dumps({"type": kind}))


async def stream(daemon, pcm, pace=4.0, step_ms=100, **query):
    """A whole stream: audio, CloseStream, everything that comes back -> Heard."""
    heard = Heard()
    async with connect(daemon, **query) as socket:
        listening = asyncio.create_task(listen(socket, heard))
        await speak(socket, pcm, pace, step_ms, int(query.get("sample_rate", harness.RATE)))
        await say(socket, "CloseStream")
        await asyncio.wait_for(listening, 60)
    return heard


RAW = {"encoding": None, "sample_rate": None, "channels": None}  # found out from the bytes


def hear(daemon, messages, gap_s=0.0, **query):
    """Sends binary messages, then CloseStream -> Heard."""
    async def talk():
        heard = Heard()
        async with connect(daemon, **query) as socket:
            listening = asyncio.create_task(listen(socket, heard))
            try:
                for message in messages:
                    await socket.send(message)
                    await asyncio.sleep(gap_s)
                await say(socket, "CloseStream")
            except websockets.ConnectionClosed:
                pass
            await asyncio.wait_for(listening, 60)
        return heard

    return asyncio.run(talk())
