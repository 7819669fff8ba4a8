#!/usr/bin/env python3
"""Word error rates by depth, greedy and with the beam that serves.

    evaluate.py --seed FILE.safetensors --lm FILE.flm --library BUILD/model/libfold_inside.so --data DATA
    evaluate.py --run RUN ... --set dev_clean --count 120 --tune

Log-probabilities come from PyTorch and are kept in --cache, by the hash of the weights. --tune
searches the decoder's weights on the deepest exit, one at a time; only ever do that on a dev set.
"""

import argparse
import hashlib
import json
import pathlib
import random
import time

import numpy as np
import torch

import export
from fold import data, decoder, evaluation, seedfile, text

ROOT = pathlib.Path(__file__).resolve().parents[2]


def logprobs(args):
    """-> list of (reference, [logp [T, V] float32 by depth]), seconds of sound, what the exits tell apart (None: our letters)"""
    path = pathlib.Path(args.seed or pathlib.Path(args.run) / "last.pt")
    key = hashlib.sha256(path.read_bytes()).hexdigest()[:16] + f"-{args.set}-{args.count}.npz"
    kept = pathlib.Path(args.cache) / key if args.cache else None
    chosen = evaluation.subset(data.Speech(args.data, [args.set]), args.count)
    model = seedfile.load(args.seed) if args.seed else export.from_run(args.run)
    if kept and kept.exists():
        stored = np.load(kept)
        rows = {int(k): list(stored[k]) for k in stored}
    else:
        model.to(args.device)
        rows = {i: [e.numpy() for e in exits] for i, exits in evaluation.logprobs(model, chosen, args.device)}
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, **{str(i): np.stack(e) for i, e in rows.items()})
    return ([(text.normalise(chosen[0].text(i)), rows[i]) for i in rows], sum(map(chosen[0].seconds, rows)),
            model.config.symbols)


def wer(pairs):
    """-> (WER, 95 % half-width by bootstrap over utterances)"""
    counts = np.array([text.word_errors(*p) for p in pairs], dtype=float)
    rng = random.Random(0)
    draws = [counts[[rng.randrange(len(counts)) for _ in counts]].sum(0) for _ in range(200)]
    spread = np.std([e / n for e, n in draws])
    return counts[:, 0].sum() / counts[:, 1].sum(), 1.96 * spread


def gain(shallow, deep):
    """Points of WER that deep is better by than shallow, pairs of the same utterances -> (gain, low, high): 95 %
    interval by paired bootstrap over utterances."""
    a, b = (np.array([text.word_errors(*p) for p in pairs], dtype=float) for pairs in (shallow, deep))
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(a), size=len(a)) for _ in range(2000)]
    spread = [100 * (a[d, 0].sum() - b[d, 0].sum()) / a[d, 1].sum() for d in draws]
    return 100 * (a[:, 0].sum() - b[:, 0].sum()) / a[:, 1].sum(), *np.percentile(spread, (2.5, 97.5))


def read(args):
    """Word error rates of the attention decoder, greedy and in float32, and what depth brings."""
    model = (seedfile.load(args.seed) if args.seed else export.from_run(args.run)).to(args.device)
    read, _ = evaluation.readings(model, evaluation.subset(data.Speech(args.data, [args.set]), args.count), args.device,
                                  ctc=False)
    if args.keep:
        pathlib.Path(args.keep).write_text(json.dumps({args.set: dict(enumerate(read, 1))}))
    for depth, pairs in enumerate(read, 1):
        score, half = wer(pairs)
        line = f"x{depth}  attention decoder {100 * score:.2f} % (+- {100 * half:.2f})"
        if depth > 1:
            line += ", better than x1 by {:.2f} points ({:.2f} .. {:.2f})".format(*gain(read[0], pairs))
        print(line, flush=True)


def tune(args, rows, symbols):
    """One weight at a time from the decoder's defaults, on a few utterances, then all of them."""
    some = random.Random(1).sample(rows, min(args.tune, len(rows)))
    grid = {"lm_weight": (0.5, 0.65, 0.8, 0.95, 1.1, 1.3), "word_bonus": (-1.0, 0.0, 1.0, 2.0),
            "unknown_score": (-14.0, -12.0, -10.0, -8.0, -6.0)}

    def score(weights, among):
        beam = decoder.Decoder(args.library, args.lm, args.beam, **weights, symbols=symbols)
        found = wer([(ref, beam.decode(exits[-1])) for ref, exits in among])[0]
        beam.close()
        return found

    best = {"lm_weight": 0.8, "word_bonus": 0.0, "unknown_score": -10.0}
    least, moved = score(best, some), True
    while moved:
        moved = False
        for name, values in grid.items():
            for value in values:
                weights = {**best, name: value}
                if value != best[name] and (found := score(weights, some)) < least:
                    least, best, moved = found, weights, True
                    print(f"{best}: {100 * least:.2f} %", flush=True)
    print(f"best: {best}: {100 * score(best, rows):.2f} % of all {len(rows)} utterances")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = ap.add_mutually_exclusive_group(required=True)
    source.add_argument("--seed", help="model file")
    source.add_argument("--run", help="run folder of train.py")
    ap.add_argument("--lm", help="language model; without it greedy only")
    ap.add_argument("--library", default=next(iter(sorted(ROOT.glob("build*/**/libfold_inside.so"))), None),
                    help="libfold_inside.so; default: one that is built in this tree")
    ap.add_argument("--data", required=True, help="folder made by pack.py")
    ap.add_argument("--set", default="dev_clean")
    ap.add_argument("--count", type=int, default=0, help="utterances, chosen at random; 0: all")
    ap.add_argument("--cache", help="folder for log-probabilities")
    ap.add_argument("--beam", type=int, default=0)
    ap.add_argument("--lm-weight", type=float, default=-1)
    ap.add_argument("--word-bonus", type=float, default=float("nan"))
    ap.add_argument("--unknown", type=float, default=float("nan"))
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    ap.add_argument("--tune", type=int, nargs="?", const=120, metavar="COUNT",
                    help="search the decoder's weights on so many utterances (120)")
    ap.add_argument("--read", action="store_true", help="score the attention decoder instead of CTC")
    ap.add_argument("--keep", help="with --read: file for the texts, for compare.py")
    args = ap.parse_args()
    if args.read:
        read(args)
        return
    rows, seconds, symbols = logprobs(args)
    if args.tune:
        tune(args, rows, symbols)
        return
    print(f"{args.set}: {len(rows)} utterances, {seconds / 60:.1f} min")
    for depth in range(len(rows[0][1])):
        line = f"x{depth + 1}"
        for name, lm in (("greedy", None), ("beam", args.lm))[:2 if args.lm else 1]:
            d = decoder.Decoder(args.library, lm, args.beam, args.lm_weight, args.word_bonus, args.unknown, symbols)
            began = time.process_time()
            score, half = wer([(ref, d.decode(exits[depth])) for ref, exits in rows])
            line += f"  {name} {100 * score:.2f} % (+- {100 * half:.2f}), RTF {(time.process_time() - began) / seconds:.5f}"
            d.close()
        print(line, flush=True)


if __name__ == "__main__":
    main()
