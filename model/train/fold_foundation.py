#!/usr/bin/env python3
"""Fold a wav2vec 2.0 or HuBERT checkpoint: few blocks in place of many layers, trained by CTC with all depths at once.

    fold_foundation.py --from FOLDER --data DATA --out RUN --hours 10                    # a seed; resumes by itself
    fold_foundation.py --from FOLDER --data DATA --out RUN --hours 10 --row foldable unshared alone-1 alone-2 random

Rows, of the same batches and schedule:

    foldable   blocks run again; losses at the seed (x1) and the deepest (x2), KL from the deepest (arXiv 2505.21237)
    no-kl      without that
    alone-1    the seed's blocks for this depth alone; alone-2: the deepest alone
    unshared   every logical layer a block of its own, one exit
    random     unshared, with weights that were never pre-trained

Which layers share blocks, and what blocks begin as: --way (fold/folding.py). The convolutions over the wave stay as they
were pre-trained. The budget is the audio seen; one line a row is printed as by paper.py, and texts are kept for compare.py.
"""

import argparse
import pathlib

import torch

import rows
from fold import data, folding
from fold.checkpoint import Checkpoint, Refused

ROWS = {"foldable": (1, 2), "no-kl": (1, 2), "alone-1": (1,), "alone-2": (2,), "unshared": (2,), "random": (2,)}
FROZEN = ("frontend.convs.", "frontend.norms.")
COMPARED = 8  # sounds over which similarity, and what a fold misses, are measured


def sounds_of(args, turn=0):
    """Some utterances' waves, always the same; other ones each turn."""
    speech = data.Speech(args.data, args.sets)
    ids = [i for i in speech.trainable(args.longest) if speech.seconds(i) > 1]
    order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(args.seed)).tolist()
    if not order:
        raise SystemExit(f"--sets {' '.join(args.sets)}: hold no utterance of 1 to {args.longest} s to measure a fold on")
    return [speech.wave(ids[order[(turn * COMPARED + i) % len(order)]]) for i in range(min(COMPARED, len(order)))]


def fold_of(checkpoint, whole, args):
    """-> the Fold that is asked for. whole: the checkpoint as it is."""
    layers = checkpoint.layers
    logical = args.logical or layers
    count = args.blocks or -(-2 * layers // 3)
    if not 1 <= count <= layers:
        raise SystemExit(f"--blocks {count}: the checkpoint has {layers} layers; 1 to {layers} blocks can be made of them")
    if logical < count:
        raise SystemExit(f"--logical {logical}: at least as many as blocks, {count}")
    if args.way != "similarity":
        return folding.by_position(layers, count, logical, stepwise=args.way == "stepwise")
    return folding.by_similarity(folding.imitation(whole, sounds_of(args)), count, logical)


def row_of(name, checkpoint, fold, facts, moments, args):
    exits, apart = ROWS[name], name in ("unshared", "random")
    model = folding.build(checkpoint, folding.apart(fold) if apart else fold, 0 if apart else args.rank, exits, moments)
    if name == "random":
        model = folding.forgotten(model)
    depths = list(exits) if len(exits) == model.config.unfolds else [1]
    whole, mine = (sum(p.numel() for p in one.parameters())
                   for one in (folding.build(checkpoint, folding.apart(fold), 0, (2,)), model))
    return rows.Row(name, model, depths, () if name == "random" else FROZEN, 0 if name == "no-kl" else 0.3,
                    facts={**facts, "saved": f"{100 * (1 - mine / whole):.1f} %"})


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--from", dest="source", required=True, metavar="FOLDER", help="a checkpoint of transformers")
    rows.arguments(ap)
    ap.add_argument("--row", nargs="+", default=["foldable"], choices=ROWS)
    ap.add_argument("--blocks", type=int, default=0, help="physical blocks; default: two thirds of the checkpoint's layers")
    ap.add_argument("--logical", type=int, default=0, help="logical layers of the deepest unfold; default: as many as layers")
    ap.add_argument("--way", default="position", choices=folding.WAYS)
    ap.add_argument("--rank", type=int, default=0, help="of adapters, begun as the SVD of what sharing loses on such sound; 0: none")
    args = ap.parse_args()
    torch.set_num_threads(1)
    try:
        checkpoint = Checkpoint(args.source)
    except Refused as why:
        raise SystemExit(f"{args.source}: {why}") from None
    whole = folding.build(checkpoint, folding.whole(checkpoint.layers)).eval()
    fold = fold_of(checkpoint, whole, args)
    moments = folding.inputs(whole, sounds_of(args, 1)) if args.rank else None
    missed = folding.missed_by(folding.build(checkpoint, fold, args.rank, moments=moments).eval(), whole, sounds_of(args))
    print(f"{checkpoint.layers} layers in {len(fold.begins)} blocks: x1 runs {fold.blocks[:fold.first]}, and then the deepest "
          f"{fold.blocks[fold.first:]}; blocks begin as layers {fold.begins}; before it is trained, the deepest misses what the "
          f"checkpoint makes by {missed:.3f} (squared, relative)", flush=True)
    facts = {"way": args.way, "blocks": len(fold.begins), "logical": len(fold.blocks), "runs": fold.blocks, "begins": fold.begins,
             "rank": args.rank, "missed": round(missed, 4)}
    for name in args.row:
        torch.manual_seed(args.seed)
        row = row_of(name, checkpoint, fold, facts, moments, args)
        rows.run(row, args, pathlib.Path(args.out) / (name if len(args.row) > 1 else ""))


if __name__ == "__main__":
    main()
