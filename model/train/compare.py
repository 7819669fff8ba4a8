#!/usr/bin/env python3
"""How much better one kept reading of a set is than another: points of CER and WER, 95 % by paired bootstrap.

    compare.py SET FILE:DEPTH FILE:DEPTH        # files of paper.py (texts.json) or evaluate.py --read --keep
"""

import argparse
import json

import evaluate
from fold import text


def kept(spec, name):
    """-> list of (reference, text)."""
    path, _, depth = spec.rpartition(":")
    by_depth = json.load(open(path)).get(name, {})
    if depth not in by_depth:
        raise SystemExit(f"{spec}: nothing kept of {name} at that depth; there is {', '.join(by_depth) or 'none'}")
    return [tuple(pair) for pair in by_depth[depth]]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("set")
    ap.add_argument("one", metavar="FILE:DEPTH")
    ap.add_argument("other", metavar="FILE:DEPTH")
    args = ap.parse_args()
    one, other = (sorted(kept(spec, args.set)) for spec in (args.one, args.other))
    if [ref for ref, _ in one] != [ref for ref, _ in other]:
        raise SystemExit("not the same utterances")
    for unit, pairs in (("CER", [list(map(text.spelled, p)) for p in (one, other)]), ("WER", [one, other])):
        print(unit + ": the first is better by {:.2f} points ({:.2f} .. {:.2f})".format(*evaluate.gain(*pairs[::-1])))


if __name__ == "__main__":
    main()
