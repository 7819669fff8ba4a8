"""How late are words when many speak at once?  N live streams at the pace of a microphone, over loopback.

    python tests/load/load.py --streams 8 --seconds 30            starts the daemon of build-release/
    python tests/load/load.py --streams 8 --url ws://HOST:8080    uses one that runs
    ... -- --workers 2 --max-live 100                             further options of the daemon

Every stream speaks recordings of tests/data, one after the other with a pause between, beginning at a
moment of its own. Two delays are measured, both from when the sound was sent to when its text came:

    partial   from the last sound that an interim result covers
    final     from the last sound that a final result covers (it has the pause that ends an utterance in it)

and with --reference DEPTH the words: those of each stream are compared with what the same sound gives to one
stream alone at that depth. It stops by itself, soon after the seconds given. Standard library and websockets only.
"""

import argparse
import asyncio
import json
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402
import live  # noqa: E402

STEP_MS = 100
STEP = 2 * harness.RATE * STEP_MS // 1000
PAUSE = bytes(2 * harness.RATE)


class Speaker:
    """One stream: what it sent when, what it heard when; refused at the door, or lost (close is not 1000)."""

    def __init__(self, pcm):
        self.pcm, self.sent, self.heard = pcm, [], []  # sent[i]: when the sound up to (i + 1) * STEP left
        self.admitted, self.refused, self.close = False, None, None
        self.retry_s = 1.0  # when it was told to come again

    async def speak(self, daemon, query):
        try:
            async with live.connect(daemon, **query) as socket:
                self.admitted = True
                listening = asyncio.create_task(self.listen(socket))
                begun = time.monotonic()
                for i, at in enumerate(range(0, len(self.pcm), STEP)):
                    await asyncio.sleep(max(0, begun + (i + 1) * STEP_MS / 1000 - time.monotonic()))
                    await socket.send(self.pcm[at:at + STEP])
                    self.sent.append(time.monotonic())
                await live.say(socket, "CloseStream")
                await asyncio.wait_for(listening, 60)
                self.close = socket.close_code
        except (OSError, asyncio.TimeoutError, live.websockets.WebSocketException) as error:
            if not self.admitted:  # else it is lost, and what it heard till then counts
                self.refused = f"{type(error).__name__}: {error}"[:100]
                headers = getattr(getattr(error, "response", None), "headers", {})
                self.retry_s = float(headers.get("Retry-After", 1))

    async def listen(self, socket):
        try:
            async for message in socket:
                self.heard.append((time.monotonic(), json.loads(message)))
        except live.websockets.ConnectionClosed:
            pass

    def lags_ms(self, final):
        """Of results with words."""
        for when, m in self.heard:
            if m["type"] != "Results" or m["is_final"] != final or not m["channel"]["alternatives"][0]["words"]:
                continue
            step = int((m["start"] + m["duration"]) * 1000 / STEP_MS + 0.999) - 1
            yield 1000 * (when - self.sent[min(max(step, 0), len(self.sent) - 1)])

    def words(self):
        return [w["word"] for _, m in self.heard if m["type"] == "Results" and m["is_final"]
                for w in m["channel"]["alternatives"][0]["words"]]

    def depths(self):
        return [m["depth"]["used"] for _, m in self.heard if m["type"] == "Results" and m["is_final"]
                and m["channel"]["alternatives"][0]["words"]]


def quantiles(values):
    """{count, p50, p95, p99, worst}, in ms."""
    ordered = sorted(values)
    pick = lambda q: round(ordered[min(len(ordered) - 1, int(q * len(ordered)))]) if ordered else None
    return {"count": len(ordered), "p50": pick(0.5), "p95": pick(0.95), "p99": pick(0.99),
            "worst": round(ordered[-1]) if ordered else None}


def script(clips, seconds, seed):
    """About so many seconds of clips in an order of their own."""
    order, pcm = list(clips), b""
    random.Random(seed).shuffle(order)
    while len(pcm) < seconds * 2 * harness.RATE:
        pcm += order[len(pcm) % len(order)].pcm() + PAUSE
    return pcm[:int(seconds * harness.RATE) * 2]


async def crowd(daemon, scripts, query):
    speakers = [Speaker(pcm) for pcm in scripts]
    late = random.Random(1)

    async def join(speaker):
        await asyncio.sleep(late.uniform(0, 2))
        await speaker.speak(daemon, query)

    await asyncio.gather(*(join(s) for s in speakers))
    return speakers


async def measure(daemon, options):
    clips = harness.clips()
    kinds = min(options.streams, 4)  # different scripts; more would only make the reference run longer
    texts = [script(clips, options.seconds, i) for i in range(kinds)]
    alone = []
    for pcm in texts if options.reference else []:
        heard = await live.stream(daemon, pcm, pace=50, depth=options.reference)
        alone.append([w["word"] for w in heard.words()])
    query = {"depth": options.depth} if options.depth else {}
    speakers = await crowd(daemon, [texts[i % kinds] for i in range(options.streams)], query)
    served = [s for s in speakers if not s.refused]
    changed, expected = 0, 0
    for i, s in enumerate(speakers):
        if alone and not s.refused:
            errors, words = harness.word_errors(" ".join(alone[i % kinds]), " ".join(s.words()))
            changed, expected = changed + errors, expected + words
    depths = [d for s in served for d in s.depths()]
    return {
        "streams": options.streams, "seconds": options.seconds, "refused": len(speakers) - len(served),
        "why": sorted({s.refused for s in speakers if s.refused}),
        "not_closed_1000": sum(s.close != 1000 for s in served),
        "partial_ms": quantiles([x for s in served for x in s.lags_ms(False)]),
        "final_ms": quantiles([x for s in served for x in s.lags_ms(True)]),
        "finals_by_depth": {d: depths.count(d) for d in sorted(set(depths))},
        "words": sum(len(s.words()) for s in served),
        "words_expected": expected, "words_changed": changed,
    }


class Running:
    """A daemon that somebody else started."""

    def __init__(self, url):
        self.ws = url.rstrip("/")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20, help="of sound for each stream")
    parser.add_argument("--depth", type=int, help="of finals; else the server decides")
    parser.add_argument("--reference", type=int, default=0, help="compare words with one stream alone at this depth")
    parser.add_argument("--url", help="ws://HOST:PORT of a daemon that runs")
    parser.add_argument("options", nargs="*", help="of the daemon, after --")
    options = parser.parse_args()
    if options.url:
        result = asyncio.run(measure(Running(options.url), options))
    else:
        with harness.Daemon(*options.options) as daemon:
            result = asyncio.run(measure(daemon, options))
    print(json.dumps(result, indent=2))
    return 1 if result["not_closed_1000"] else 0


if __name__ == "__main__":
    sys.exit(main())
