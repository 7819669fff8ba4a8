"""In place of Moonshine: a foundation of random weights, and what is distilled from it in a few steps."""

import sys

import torch

import trainer  # noqa: F401 - where distil.py is

import distil
from fold import moonshine
from fold.aed import AttentionDecoder
from fold.encoder import Config, Foldable
from fold.pieces import SPACE, Pieces


def random_foundation(monkeypatch):
    """In place of Moonshine: random weights of a small shape, and a tokenizer that knows letters."""
    monkeypatch.setitem(moonshine.SHAPES, "tiny", dict(d=48, heads=1, ffn=64, layers=4))
    torch.manual_seed(2)
    whole = Foldable(Config(d=48, heads=1, ffn=64, prelude=3, blocks=1, unfolds=1, conv_kernel=0)).state_dict()
    state = {}
    for name, value in whole.items():
        if name.startswith("prelude."):
            state["layers." + name[len("prelude."):]] = value
        elif name.startswith("blocks.0.") and not name.endswith((".scale", "norm_attn.bias", "norm_ffn.bias")):
            state["layers.3." + name[len("blocks.0."):]] = value[0] if ".norm_" in name else value
        elif name.startswith("frontend.") or name == "exit.norm.gain":
            state[name] = value
    listed = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    listed += ["th", "the", SPACE] + [chr(c) for c in range(32, 127)]
    decoder = AttentionDecoder(48, 1, 64, 4, len(listed)).state_dict()
    monkeypatch.setattr(moonshine, "load", lambda size, cache: state)
    monkeypatch.setattr(moonshine, "load_decoder", lambda size, cache: dict(decoder))
    monkeypatch.setattr(moonshine, "pieces", lambda cache: Pieces.of_llama(listed, len(listed)))


def distilled(monkeypatch, packed, out, *more):
    """distil.py for a few steps on tones, in this process."""
    monkeypatch.setattr(sys, "argv", ["distil.py", *map(str, (
        "--data", packed, "--out", out, "--sets", "train_tones", "--device", "cpu", "--processes", 1,
        "--batch-seconds", 3, "--features-only", 0, *more))])
    distil.main()
