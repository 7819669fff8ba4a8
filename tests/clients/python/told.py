"""What every program here is started with, and how it tells what its client heard."""

import asyncio
import json
import sys
import traceback
import wave

URL, WAV = sys.argv[1:3]  # http://HOST:PORT, a recording of 16-bit mono samples
HOST = URL.split("//")[1]
WS = "ws://" + HOST


def tell(client, version, text):
    """One client's text, on standard output."""
    print(json.dumps({"client": client, "version": version, "text": text}), flush=True)


def fail(client, version, problem):
    """The same for one that raised."""
    traceback.print_exception(problem)
    print(json.dumps({"client": client, "version": version, "problem": f"{type(problem).__name__}: {problem}"[:300]}),
          flush=True)


def attempt(client, version, call, *arguments):
    """Tells what call() returns, or coroutine; what it raises is told as a failure, and others go on."""
    try:
        text = call(*arguments)
        if asyncio.iscoroutine(text):
            text = asyncio.run(text)
        tell(client, version, text)
    except Exception as problem:  # noqa: BLE001: whatever a client raises is its result
        fail(client, version, problem)


def pcm():
    """(samples as s16le, rate)"""
    with wave.open(WAV) as recording:
        return recording.readframes(recording.getnframes()), recording.getframerate()


def pieces(step_ms=50, tail_s=2.0):
    """The recording and silence behind it, in pieces as a microphone gives them."""
    samples, rate = pcm()
    samples += bytes(int(rate * tail_s) * 2)
    step = rate * step_ms // 1000 * 2
    return [samples[at:at + step] for at in range(0, len(samples), step)]
