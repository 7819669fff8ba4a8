"""How long does work go on for a client that has left?  Clients of both kinds leave in the middle of it.

    python tests/load/leave.py --rounds 20                       starts the daemon of build-release/
    python tests/load/leave.py --url ws://HOST:8080              uses one that runs
    python tests/load/leave.py --crowd 60                        of a crowd that keeps the workers busy
    ... -- --workers 2                                           further options of the daemon

Each round an upload of several minutes hangs up when a word of it is known to be worked at, and a live stream
with half a minute of sound in the queue breaks off. A crowd of live streams at the pace of a microphone makes many
short segments, which workers recognise in batches; its streams break off one after the other, --rounds times
each. The daemon counts the time from when it sees them go to when
nothing is computed for them any more (foldscribe_cancel_...). Prints JSON. Standard library and websockets only.
"""

import argparse
import asyncio
import contextlib
import json
import pathlib
import random
import socket
import struct
import sys
import time
import types
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402
import live  # noqa: E402


def counters(url):
    """The numbers of /metrics by name; those of segments summed."""
    with urllib.request.urlopen(url + "/metrics", timeout=60) as page:
        lines = [line.rsplit(" ", 1) for line in page.read().decode().splitlines() if line[0] != "#"]
    values = dict(lines)
    values["spans"] = sum(float(n) for name, n in lines if name.startswith("foldscribe_spans_total"))
    return {name: float(n) for name, n in values.items()}


def wait_until(url, true, patience_s=60):
    deadline = time.monotonic() + patience_s
    while not true(now := counters(url)):
        if time.monotonic() > deadline:
            raise SystemExit("what was waited for did not happen")
        time.sleep(0.002)
    return now


def hang_up(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def leave_upload(port, url, sound):
    before = counters(url)
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(sound) + sound)
    wait_until(url, lambda now: now["spans"] > before["spans"])
    hang_up(s)


async def leave_stream(daemon, url, pcm):
    before = await asyncio.to_thread(counters, url)
    async with live.connect(daemon) as ws:
        await ws.send(pcm)
        await asyncio.to_thread(wait_until, url, lambda now: now["spans"] > before["spans"])
        ws.transport.abort()


def measure(daemon, rounds):
    pcm = b"".join(clip.pcm() for clip in harness.clips())
    url = daemon.ws.replace("ws", "http", 1)
    port = int(daemon.ws.rsplit(":", 1)[1])
    begun = counters(url)
    for _ in range(rounds):
        leave_upload(port, url, harness.wav(pcm * 8))
        asyncio.run(leave_stream(daemon, url, pcm[:2 * harness.RATE * 60]))
        wait_until(url, lambda now: not any(now[f"foldscribe_{what}"] for what in
                                            ("live_streams", "batch_jobs", "queued_spans")))
    ended = wait_until(url, lambda now: now["foldscribe_cancels_total"] - begun["foldscribe_cancels_total"] >= 2 * rounds)
    cancels = ended["foldscribe_cancels_total"] - begun["foldscribe_cancels_total"]
    seconds = ended["foldscribe_cancel_seconds_total"] - begun["foldscribe_cancel_seconds_total"]
    return {"left": 2 * rounds, "cancels": int(cancels), "mean_ms": round(1e3 * seconds / cancels, 2),
            "worst_ms": round(1e3 * ended["foldscribe_cancel_worst_seconds"], 2),
            "audio_sent_s": round(rounds * (8 * len(pcm) / 2 / harness.RATE + 60)),
            "audio_computed_s": round(ended["foldscribe_audio_seconds_total"] - begun["foldscribe_audio_seconds_total"])}


async def leave_crowd(daemon, pcm, size, rounds):
    async def one(number):
        chance = random.Random(number)
        for _ in range(rounds):
            at = 2 * harness.RATE * chance.randrange(60)
            async with live.connect(daemon) as ws:
                reading = asyncio.create_task(drop(ws))
                for step in range(chance.randrange(20, 100)):
                    await ws.send(pcm[at + 3200 * step:at + 3200 * (step + 1)])
                    await asyncio.sleep(0.1)
                ws.transport.abort()
                await reading

    async def drop(ws):
        with contextlib.suppress(live.websockets.ConnectionClosed):
            async for _ in ws:
                pass

    await asyncio.gather(*map(one, range(size)))


def measure_crowd(daemon, size, rounds):
    pcm = b"".join(clip.pcm() for clip in harness.clips())
    url = daemon.ws.replace("ws", "http", 1)
    asyncio.run(leave_crowd(daemon, pcm * 2, size, rounds))
    ended = wait_until(url, lambda now: not now["foldscribe_live_streams"])
    cancels = ended["foldscribe_cancels_total"]
    return {"left": size * rounds, "cancels": int(cancels),
            "mean_ms": round(1e3 * ended["foldscribe_cancel_seconds_total"] / max(cancels, 1), 2),
            "worst_ms": round(1e3 * ended["foldscribe_cancel_worst_seconds"], 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--crowd", type=int, help="live streams at once")
    parser.add_argument("--url", help="ws://127.0.0.1:PORT of a daemon that runs")
    parser.add_argument("options", nargs="*", help="of the daemon")
    args = parser.parse_args()
    running = contextlib.nullcontext(types.SimpleNamespace(ws=args.url)) if args.url else harness.Daemon(*args.options)
    with running as daemon:
        print(json.dumps(measure_crowd(daemon, args.crowd, args.rounds) if args.crowd else measure(daemon, args.rounds)))


if __name__ == "__main__":
    main()
