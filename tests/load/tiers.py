"""Premium and free at the same time, when more speak than the machine can serve: who loses what?

    python tests/load/tiers.py [--premium 2] [--base 3] [--loads 2,4] [--seconds 7] [--out tiers.tsv] [-- OPTIONS]

Live streams of two tiers, of which premium has the greater priority and a depth floor, at the pace of a microphone,
over loopback, against one daemon with one worker in fp32 (slow on purpose, so that few streams are many; --base is what
it sustains at full depth, and options behind -- go to the daemon). First premium alone, then premium among so many
free streams that all together are --loads times the base. One row for each load and tier: how late partials and
finals came after their last sound (ms), how deep finals went, how often partials came, who was refused, who was lost.
It takes the seconds for each load, and a few more.
"""

import argparse
import asyncio
import hashlib
import json
import pathlib
import random
import sys
import tempfile

import load
from load import harness

TIERS = [{"name": "free", "priority": 0}, {"name": "premium", "priority": 3, "depth_floor": 2}]
HEAD = ["load", "tier", "streams", "refused", "lost", "partial_p50_ms", "partial_p95_ms", "final_p50_ms",
        "final_p95_ms", "mean_depth", "seconds_between_partials", "words"]


def write_keys(folder):
    path = pathlib.Path(folder) / "keys.json"
    path.write_text(json.dumps({"tiers": TIERS, "keys": [
        {"sha256": hashlib.sha256(tier["name"].encode()).hexdigest(), "tier": tier["name"]} for tier in TIERS]}))
    return path


async def crowd(daemon, tiers, pcm):
    """One speaker for each tier named -> [(tier, speaker)]."""
    late = random.Random(1)
    speakers = [(tier, load.Speaker(pcm[i % len(pcm)])) for i, tier in enumerate(tiers)]

    async def join(tier, speaker):
        await asyncio.sleep(late.uniform(0, 1))
        await speaker.speak(daemon, {"token": tier})

    await asyncio.gather(*(join(*s) for s in speakers))
    return speakers


def row(name, tier, speakers, seconds):
    mine = [s for t, s in speakers if t == tier]
    served = [s for s in mine if not s.refused]
    partials, finals = (load.quantiles([x for s in served for x in s.lags_ms(final)]) for final in (False, True))
    depths = [d for s in served for d in s.depths()]
    every = seconds * len(served) / partials["count"] if partials["count"] else float("nan")
    return [name, tier, len(mine), len(mine) - len(served), sum(s.close != 1000 for s in served), partials["p50"],
            partials["p95"], finals["p50"], finals["p95"], round(sum(depths) / max(len(depths), 1), 2), round(every, 1),
            sum(len(s.words()) for s in served)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--premium", type=int, default=2, help="streams of the better tier")
    parser.add_argument("--base", type=float, default=3, help="streams that full depth sustains")
    parser.add_argument("--loads", default="2,4", help="multiples of that, all streams together")
    parser.add_argument("--seconds", type=float, default=7, help="of sound for each stream")
    parser.add_argument("--out", type=argparse.FileType("w"), default=sys.stdout)
    parser.add_argument("options", nargs="*", help="of the daemon, after --")
    options = parser.parse_args()
    clips = harness.clips()
    pcm = [load.script(clips, options.seconds, i) for i in range(4)]
    print(*HEAD, sep="\t", file=options.out)
    with tempfile.TemporaryDirectory() as folder:
        for multiple in [0, *map(float, options.loads.split(","))]:
            free = max(round(multiple * options.base) - options.premium, 0)
            tiers = ["premium"] * options.premium + ["free"] * free
            with harness.Daemon("--keys", write_keys(folder), "--depth-policy", "adaptive", "--max-live", 1000,
                                "--workers", 1, "--precision", "fp32", *options.options) as daemon:
                speakers = asyncio.run(crowd(daemon, tiers, pcm))
            for tier in sorted(set(tiers), reverse=True):
                print(*row(f"{multiple:g}" if multiple else "alone", tier, speakers, options.seconds), sep="\t",
                      file=options.out, flush=True)


if __name__ == "__main__":
    main()
