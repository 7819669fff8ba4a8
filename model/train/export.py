#!/usr/bin/env python3
"""Write a run's seed as a model file:  export.py --run RUN --out FILE.safetensors [--dtype i8|f16|f32]

RUN may be a row of paper.py as well: its Conformer is a seed over log-mels."""

import argparse
import dataclasses
import json
import pathlib

import torch

import paper
from fold import logmel, seedfile
from fold.controls import CONTROLS
from fold.encoder import Config, Foldable
from fold.pieces import Pieces


def from_row(run):
    """The Foldable that a row of paper.py is."""
    row = json.loads((run / "row.json").read_text())["row"]
    if row == "adapters":
        raise SystemExit(f"{run} is a row with adapters behind its blocks; a seed has none of that kind")
    made = paper.Conformer(row)
    config = dataclasses.replace(made.config, unfolds=made.unfolds, rows=made.config.unfolds,
                                 frontend={"kind": logmel.KIND, "channels": made.mel.conv1.out_channels})
    if row.startswith("alone"):  # its only exit is the last
        path = [[k, r] for r in range(made.unfolds) for k in range(config.blocks)]
        config = dataclasses.replace(config, unfolds=1, paths=[path])
    model = Foldable(config)
    state = torch.load(run / "last.pt", map_location="cpu")["model"]
    model.load_state_dict({name.replace("mel.", "frontend.", 1): value for name, value in state.items()})
    return model.eval()


def from_run(run):
    """The Foldable of RUN/last.pt, or the control that it is."""
    run = pathlib.Path(run)
    if (run / "row.json").exists():
        return from_row(run)
    saved = json.loads((run / "config.json").read_text())
    fields = {f.name for f in dataclasses.fields(Config)}
    made = CONTROLS.get(saved["args"].get("control"), Foldable)
    model = made(Config(**{k: v for k, v in saved.items() if k in fields}))
    model.load_state_dict(torch.load(run / "last.pt", map_location="cpu")["model"])
    if model.config.decoder:
        model.pieces = Pieces.of_plain(json.loads((run / "pieces.json").read_text()))
    return model.eval()


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--run", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--dtype", default="i8", choices=["i8", "f16", "f32"], help="of the GEMM weights")
    ap.add_argument("--name", default="foldscribe-tiny", help="the model's name, shown to clients")
    args = ap.parse_args()
    model = from_run(args.run)
    if type(model) is not Foldable:
        raise SystemExit(f"{args.run} is a control ({type(model).__name__}); only a foldable model can be written")
    size = seedfile.save(args.out, model, args.name, args.dtype)
    print(f"{args.out}: {size / 1e6:.1f} MB")
