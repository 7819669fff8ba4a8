#!/usr/bin/env python3
"""Write a run's seed as a model file:  export.py --run RUN --out FILE.safetensors [--dtype i8|f16|f32]

RUN may be a row of paper.py or fold_foundation.py as well."""

import argparse
import dataclasses
import json
import pathlib

import torch

from fold import data, folding, seedfile
from fold.controls import CONTROLS
from fold.encoder import Config, Foldable
from fold.pieces import Pieces


def from_run(run):
    """The Foldable of RUN/last.pt, or the control that it is."""
    run = pathlib.Path(run)
    saved = json.loads((run / "config.json").read_text())
    fields = {f.name for f in dataclasses.fields(Config)}
    made = CONTROLS.get(saved["args"].get("control"), Foldable)
    model = made(Config(**{k: v for k, v in saved.items() if k in fields}))
    model.load_state_dict(torch.load(run / "last.pt", map_location="cpu")["model"])
    if model.config.decoder:
        model.pieces = Pieces.of_plain(json.loads((run / "pieces.json").read_text()))
    return model.eval()


def settled(model, args):
    speech = data.Speech(args.data, json.loads((pathlib.Path(args.run) / "config.json").read_text())["args"]["sets"])
    some = range(0, len(speech.items), 1 + len(speech.items) // 40)
    mixed = model
    if args.between:
        seed, share = args.between
        mixed = folding.between(seedfile.load(seed), model, float(share))
    other = folding.settle(mixed, args.settle, [speech.wave(i) for i in some])
    other.pieces = model.pieces
    return other.eval()


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--run", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--dtype", default="i8", choices=["i8", "f16", "f32"], help="of the GEMM weights")
    ap.add_argument("--name", default="foldscribe", help="the model's name, shown to clients")
    ap.add_argument("--settle", type=int, help="of a dial: what the deepest unfold adds becomes the blocks' own, and the first has "
                    "adapters of this rank")
    ap.add_argument("--between", nargs=2, metavar=("SEED", "SHARE"), help="with --settle, of a dial that was taught on from a seed: only "
                    "so far (0 .. 1) on the way from it")
    ap.add_argument("--data", help="folder made by pack.py: --settle goes by some of what the run was taught with")
    args = ap.parse_args()
    model = from_run(args.run)
    if args.settle:
        model = settled(model, args)
    if type(model) is not Foldable:
        raise SystemExit(f"{args.run} is a control ({type(model).__name__}); only a foldable model can be written")
    size = seedfile.save(args.out, model, args.name, args.dtype)
    print(f"{args.out}: {size / 1e6:.1f} MB")
