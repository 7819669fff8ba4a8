#!/usr/bin/env python3
"""A small Conformer from scratch, rows of the control table of arXiv 2505.21237.

    paper.py --data DATA --out RUN --row foldable --hours 6                     # resumes by itself
    paper.py --data DATA --out RUN --row foldable unshared --unique 3 --blocks 3 --unfolds 2 --hours 100

The blocks are this project's (attention -> conv -> ffn, pre-norm), not the paper's macaron ones. The budget
is the audio seen, equal for all rows; learning rate and curriculum are functions of the share spent.
Prints one line a row: parameters, bytes in int8, minutes, and by set and depth CTC loss a letter, CER and WER of greedy
text. The texts stay in RUN, for compare.py; export.py makes a model file of a row.
"""

import argparse
import pathlib

import torch

import rows
from fold import controls, logmel, text
from fold.encoder import Config, Foldable

ROWS = ["foldable", "alone-1", "alone-2", "alone-3", "unshared", "no-kl", "tied", "adapters", "half"]


def steps(unique, blocks, unfolds):
    """Paths [[block, row], ...] of such a stack: blocks that are run once, then those that are run again."""
    paths = [[[k, r] for k in range(unique, unique + blocks)] for r in range(unfolds)]
    return [[[k, 0] for k in range(unique)] + paths[0], *paths[1:]]


def row_of(name, args):
    """The model of a row, with weights as they begin."""
    unique, blocks, unfolds = args.unique, args.blocks, args.unfolds
    depths, logical = list(range(1, unfolds + 1)), args.unique + args.blocks * args.unfolds
    if name.startswith("alone-"):
        unfolds = int(name.removeprefix("alone-"))
        depths = [unfolds]
    elif name == "unshared":
        unique, blocks, unfolds, depths = 0, logical, 1, [unfolds]
    elif name == "half":
        blocks, unfolds, depths = -(-blocks * unfolds // 2), 2, [1, 2]
    paths = steps(unique, blocks, unfolds)
    if len(depths) == 1 and len(paths) > 1:  # its only exit is the last
        paths = [sum(paths, [])]
    rows_each = 1 if name == "tied" else unfolds
    if name == "tied":
        paths = [[[k, 0] for k, _ in path] for path in paths]
    elif not unique and len(paths) == unfolds:
        paths = None
    config = Config(d=args.width, heads=4, ffn=4 * args.width, prelude=0, unfolds=len(depths), rows=rows_each, blocks=unique + blocks,
                    rope_dims=args.width // 4, vocab=len(text.VOCAB), grow=1.0, paths=paths, chained=paths is not None,
                    frontend={"kind": logmel.KIND, "channels": 16})
    control = "adapters" if name == "adapters" else None
    return rows.Row(name, controls.CONTROLS.get(control, Foldable)(config), depths, kl=0 if name == "no-kl" else 0.3, control=control)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    rows.arguments(ap)
    ap.add_argument("--row", required=True, nargs="+", choices=ROWS)
    ap.add_argument("--unique", type=int, default=0, help="blocks below that are run once")
    ap.add_argument("--blocks", type=int, default=2, help="blocks that are run again")
    ap.add_argument("--unfolds", type=int, default=3)
    ap.add_argument("--width", type=int, default=144)
    args = ap.parse_args()
    if args.unique and {"adapters", "half"} & set(args.row):
        ap.error("--row adapters and half are of shapes without --unique")
    if any(name > f"alone-{args.unfolds}" for name in args.row if name.startswith("alone-")):
        ap.error(f"--row alone-N: N is at most --unfolds, {args.unfolds}")
    for name in args.row:
        torch.manual_seed(args.seed)
        rows.run(row_of(name, args), args, pathlib.Path(args.out) / (name if len(args.row) > 1 else ""))


if __name__ == "__main__":
    main()
