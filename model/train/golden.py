#!/usr/bin/env python3
"""Reference activations for the C engine, from PyTorch in float32.

    golden.py --seed FILE.safetensors --clip FILE.flac --out FILE.golden
    golden.py --tiny tests/golden        # the small random models and their activations, as committed

A golden file is a safetensors file: pcm [N], stem [T, d], prelude [T, d], and for every unfold r
x<r> [T, d] and logp<r> [T, V], all F32.
"""

import argparse
import json
import pathlib
import struct

import torch

from fold import seedfile
from fold.encoder import Config, Foldable


@torch.no_grad()
def activations(model, pcm):
    """pcm [N] float32 -> {name: tensor}"""
    samples = torch.tensor([len(pcm)])
    x, frames = model.frontend(pcm[None], samples)
    out = {"pcm": pcm, "stem": x[0]}
    context = model.context(x, frames)
    for block in model.prelude:
        x = block(x, *context)
    out["prelude"] = x[0]
    for r in range(model.config.unfolds):
        if r and model.config.feedback:
            x = x + model.feedback(logp.exp())
        for block in model.blocks:
            x = block(x, *context, r)
        logp = model.exit(x)
        out[f"x{r + 1}"], out[f"logp{r + 1}"] = x[0], logp[0]
    return out


def save(path, tensors):
    header, at, chunks = {}, 0, []
    for name, value in tensors.items():
        raw = value.contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        chunks.append(raw)
    head = json.dumps(header).encode()
    head += b" " * (-(8 + len(head)) % seedfile.ALIGN)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(head)) + head + b"".join(chunks))


def tiny(folder):
    """Small models with and without conv modules and feedback, in two dtypes, far from initial values."""
    for name, kernel, feedback, dtype in (("conv", 5, False, "i8"), ("plain", 0, False, "f16"),
                                          ("feedback", 5, True, "i8")):
        torch.manual_seed(7)
        model = Foldable(Config(d=32, heads=4, ffn=48, prelude=1, blocks=2, unfolds=3, conv_kernel=kernel,
                                rope_dims=4, feedback=feedback))
        for p in model.parameters():
            p.data += 0.1 * torch.randn_like(p)
        file = pathlib.Path(folder) / f"tiny-{name}.safetensors"
        seedfile.save(file, model, f"tiny-{name}", dtype)
        t = torch.arange(9600) / 16000
        pcm = 0.4 * torch.sin(2 * torch.pi * (200 + 900 * t) * t) + 0.02 * torch.randn(len(t))
        save(file.with_suffix(".golden"), activations(seedfile.load(file), pcm))


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seed")
    ap.add_argument("--clip", help="16 kHz mono recording")
    ap.add_argument("--out")
    ap.add_argument("--tiny", metavar="FOLDER")
    args = ap.parse_args()
    if args.tiny:
        tiny(args.tiny)
    else:
        import soundfile

        wave, rate = soundfile.read(args.clip, dtype="float32")
        assert rate == 16000 and wave.ndim == 1, "the clip must be 16 kHz mono"
        save(args.out, activations(seedfile.load(args.seed), torch.from_numpy(wave)))
