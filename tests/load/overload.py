"""What becomes of twice and four times what a server carries, for minutes?  How late, how deep, who is refused, what is
lost, and how soon all is as before.

    python tests/load/overload.py --minutes 10                    starts the daemon of build-release/
    python tests/load/overload.py --minutes 3 --base 12 --loads 1,2,4

Streams at the pace of speech, each of 20 s; where one ends or is refused the next one comes (a refused one when it was
told to), and two that upload. All phases are of one daemon, one after the other. Base: what it says in /v1/capacity
that its full depth carries. Recovered: the ladder is at its top again, and a lone stream's final is as early as before.
"""

import argparse
import asyncio
import collections
import json
import random
import sys
import time
import urllib.request

import faults
import load
from load import harness, live

EACH_S = 20


def capacity(daemon):
    with urllib.request.urlopen(daemon.url + "/v1/capacity", timeout=30) as got:
        return json.load(got)


async def speak_on(daemon, scripts, until, speakers):
    await asyncio.sleep(random.uniform(0, EACH_S))
    while time.monotonic() < until:
        speakers.append(load.Speaker(random.choice(scripts)))
        await speakers[-1].speak(daemon, {})
        if speakers[-1].refused:
            await asyncio.sleep(speakers[-1].retry_s)


async def upload_on(daemon, clip, until, counts):
    while time.monotonic() < until:
        counts[await asyncio.to_thread(faults.upload, daemon, clip)] += 1
        await asyncio.sleep(0.5)


async def phase(daemon, streams, scripts, clip, seconds):
    speakers, sent = [], collections.Counter()
    until = time.monotonic() + seconds
    await asyncio.gather(*(speak_on(daemon, scripts, until, speakers) for _ in range(streams)),
                         *(upload_on(daemon, clip, until, sent) for _ in range(2 if streams > 1 else 0)))
    return speakers, sent


def shown(found):
    """p50 and p95; "-" where nothing was measured."""
    return "-" if found["p50"] is None else f"{found['p50']}, {found['p95']}"


def row(name, speakers, sent, back_s):
    served = [s for s in speakers if not s.refused]
    finals = load.quantiles([x for s in served for x in s.lags_ms(True)])
    partials = load.quantiles([x for s in served for x in s.lags_ms(False)])
    depths = [d for s in served for d in s.depths()]
    lost = sum(s.close != 1000 for s in served)
    away = [s for s in speakers if s.refused]
    told = collections.Counter(s.refused.split()[-1] for s in away)  # the status, or what else went wrong
    waits = load.quantiles([s.retry_s for s in away])
    print(f"| {name} | {len(served)} | {faults.words(told) or 0} | {shown(waits)} | {lost} | "
          f"{shown(finals)} | {shown(partials)} | "
          f"{sum(depths) / max(len(depths), 1):.2f} | {faults.words(sent)} | {back_s} |", flush=True)
    return lost, finals["p95"]


def recover(daemon, scripts, usual_ms):
    """Seconds until a lone stream is heard as before, and in full depth."""
    began = time.monotonic()
    while time.monotonic() - began < 120:
        if capacity(daemon)["load"]["level"] == 0:
            at = time.monotonic() - began
            speakers, _ = asyncio.run(phase(daemon, 1, [scripts[0][:12 * 2 * harness.RATE]], None, 0.01 + EACH_S))
            lags = [x for s in speakers for x in s.lags_ms(True)]
            if lags and max(lags) < 2 * usual_ms:
                return f"{at:.1f} s"
        time.sleep(0.2)
    return "not within 120 s"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="of each load")
    parser.add_argument("--base", type=int, help="streams that full depth carries; else the daemon says")
    parser.add_argument("--loads", default="1,2,4", help="multiples of that")
    options = parser.parse_args()
    random.seed(1)
    clips = harness.clips()
    scripts = [load.script(clips, EACH_S, i) for i in range(4)]
    with harness.Daemon("--depth-policy", "adaptive", "--max-live", 1000) as daemon:
        base = options.base or capacity(daemon)["depths"][-1]["live_streams_with_partials"]
        print(f"base: {base} streams\n\n| load | streams heard | refused | told to wait p50, p95, s | lost | "
              "finals p50, p95, ms | partials p50, p95, ms | mean depth of finals | uploads | recovered after |\n"
              "|---|---|---|---|---|---|---|---|---|---|", flush=True)
        speakers, sent = asyncio.run(phase(daemon, 1, scripts, None, 2 * EACH_S))
        lost, usual_ms = row("one stream", speakers, sent, "")
        for multiple in map(float, options.loads.split(",")):
            speakers, sent = asyncio.run(phase(daemon, round(multiple * base), scripts, clips[0], 60 * options.minutes))
            back_s = recover(daemon, scripts, usual_ms)
            lost += row(f"{multiple:g} x", speakers, sent, back_s)[0]
    return bool(lost)


if __name__ == "__main__":
    sys.exit(main())
