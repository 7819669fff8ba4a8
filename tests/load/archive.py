"""How fast an archive is transcribed from a queue: hours of audio an hour with one machine, and with two.

    python tests/load/archive.py --minutes 30 [--depth 2] --out tests/load/archive.tsv

A machine is a foldscribe-worker and a daemon with one worker thread, held to one core of this one, so that two of them
are to each other as two servers are; Redis and this script share both cores, which is what the second pays. Recordings
are the clips of tests/data, joined to two minutes each. "alone" is the same recordings sent to one such daemon by an
HTTP client that keeps two requests under way, without a queue.

Columns: what, recordings, seconds of audio, seconds it took, hours of audio an hour, jobs answered twice, jobs dead.
"""

import argparse
import concurrent.futures
import contextlib
import csv
import os
import pathlib
import tempfile
import time
import urllib.request

from load import harness  # finds tests/e2e
from job_queue import Redis, Worker

EACH_S = 120


def recordings(folder, seconds):
    """Files of EACH_S seconds each, all different: -> their names."""
    sound = [clip.pcm() for clip in harness.clips()]
    names = []
    while len(names) * EACH_S < seconds:
        turn = len(names) % len(sound)
        pcm = b"".join(sound[turn:] + sound[:turn])
        pcm = (pcm * (1 + 2 * harness.RATE * EACH_S // len(pcm)))[:2 * harness.RATE * EACH_S]
        names.append(f"{len(names)}.wav")
        (folder / names[-1]).write_bytes(harness.wav(pcm))
    return names


def hold(process, core):
    for thread in os.listdir(f"/proc/{process.pid}/task"):
        os.sched_setaffinity(int(thread), {core})


@contextlib.contextmanager
def machine(core):
    with harness.Daemon("--workers", 1) as daemon:
        hold(daemon.process, core)
        yield daemon


def queued(cores, folder, names, depth):
    """-> seconds, jobs answered twice, dead."""
    with contextlib.ExitStack() as inside:
        state = pathlib.Path(inside.enter_context(tempfile.TemporaryDirectory()))
        redis = inside.enter_context(Redis(state))
        daemons = [inside.enter_context(machine(core)) for core in cores]
        for name in names:
            redis.add(id=name, file=name, query=f"model=foldscribe@{depth}")
        began = time.monotonic()
        for core, daemon in zip(cores, daemons):
            hold(inside.enter_context(Worker(redis, daemon.url, folder)).process, core)
        harness.until(lambda: redis("XLEN", "jobs") == 0, 3600)
        took = time.monotonic() - began
        done = [row["id"] for row in redis.pairs("jobs:done")]
        return took, len(done) - len(set(done)), redis("XLEN", "jobs:dead")


def alone(core, folder, names, depth):
    """-> seconds"""
    def send(name):
        body = (folder / name).read_bytes()
        request = urllib.request.Request(f"{daemon.url}/v1/listen?model=foldscribe@{depth}", body,
                                         {"Content-Type": "audio/wav"})
        with urllib.request.urlopen(request, timeout=600) as answer:
            answer.read()

    with machine(core) as daemon, concurrent.futures.ThreadPoolExecutor(2) as pool:
        began = time.monotonic()
        list(pool.map(send, names))
        return time.monotonic() - began


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--minutes", type=float, default=30, help="of audio")
    ap.add_argument("--depth", type=int, default=2)
    ap.add_argument("--out", required=True)
    args = ap.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, open(args.out, "w", newline="") as file:
        folder = pathlib.Path(folder)
        names = recordings(folder, args.minutes * 60)
        out = csv.writer(file, delimiter="\t", lineterminator="\n")
        out.writerow(["what", "recordings", "audio_s", "took_s", "hours_an_hour", "twice", "dead"])
        for what, measure in (("alone", lambda: (alone(cores[0], folder, names, args.depth), 0, 0)),
                              ("one machine", lambda: queued(cores[:1], folder, names, args.depth)),
                              ("two machines", lambda: queued(cores[:2], folder, names, args.depth))):
            took, twice, dead = measure()
            audio = len(names) * EACH_S
            row = [what, len(names), audio, round(took, 1), round(audio / took, 1), twice, dead]
            out.writerow(row)
            print(*row, flush=True)


if __name__ == "__main__":
    main()
