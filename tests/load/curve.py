"""Word errors against lateness, by load: servers of fixed depth beside the policy, on this machine.

    python tests/load/curve.py --base 4 --out curve.tsv [--loads 1,2,4] [--seconds 20]
    python tests/load/plot.py load curve.tsv curve.svg

Live streams with interim results at the pace of a microphone, over loopback; --base is the number that
a server of full depth sustains (see /v1/capacity). Rows: a way of choosing depth, a multiple of the base,
p50 and p95 of how long after their last sound finals come, word errors in percent, streams refused,
words heard. Each run takes --seconds and a little; the daemon is started anew for each.
"""

import argparse
import asyncio
import sys

import load
from load import harness


def word_error_percent(speakers, texts):
    errors = words = 0
    for i, s in enumerate(speakers):
        if not s.refused:
            e, n = harness.word_errors(texts[i % len(texts)], harness.normalise(" ".join(s.words())))
            errors, words = errors + e, words + n
    return 100 * errors / words if words else float("nan")


def scripts(clips, seconds, kinds):
    """Whole clips with pauses, each of about so many seconds -> [(pcm, reference words)]."""
    found = []
    for kind in range(kinds):
        pcm, text = b"", []
        for clip in (clips[kind:] + clips[:kind]) * 9:
            if pcm and len(pcm) + len(clip.pcm()) > seconds * 2 * harness.RATE:
                break
            pcm += clip.pcm() + load.PAUSE
            text.append(clip.text)
        found.append((pcm, harness.normalise(" ".join(text))))
    return found


def run(name, multiple, options):
    query = {} if name == "policy" else {"depth": name[1:]}
    policy = "adaptive" if name == "policy" else "fixed"
    said = scripts(harness.clips(), options.seconds, 4)
    with harness.Daemon("--depth-policy", policy, "--max-live", 1000) as daemon:
        speakers = asyncio.run(load.crowd(
            daemon, [said[i % 4][0] for i in range(round(multiple * options.base))], query))
    lags = load.quantiles([x for s in speakers if not s.refused for x in s.lags_ms(True)])
    partials = load.quantiles([x for s in speakers if not s.refused for x in s.lags_ms(False)])
    depths = [d for s in speakers if not s.refused for d in s.depths()]
    return [name, multiple, lags["p50"], lags["p95"], partials["p50"],
            round(word_error_percent(speakers, [t for _, t in said]), 2), sum(bool(s.refused) for s in speakers),
            sum(not s.refused and s.close != 1000 for s in speakers), sum(len(s.words()) for s in speakers),
            round(sum(depths) / max(len(depths), 1), 2)]


HEAD = ["depth", "load", "final_p50_ms", "final_p95_ms", "partial_p50_ms", "wer_percent", "refused", "lost", "words",
        "mean_depth"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", type=float, required=True, help="streams that full depth sustains")
    parser.add_argument("--loads", default="1,2,4", help="multiples of that")
    parser.add_argument("--ways", default="x1,x2,policy", help="fixed depths, and policy")
    parser.add_argument("--seconds", type=float, default=20, help="of sound for each stream")
    parser.add_argument("--out", type=argparse.FileType("w"), default=sys.stdout)
    options = parser.parse_args()
    print(*HEAD, sep="\t", file=options.out)
    for multiple in map(float, options.loads.split(",")):
        for way in options.ways.split(","):
            print(*run(way, multiple, options), sep="\t", file=options.out, flush=True)


if __name__ == "__main__":
    main()
