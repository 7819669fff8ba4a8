#!/usr/bin/env python3
"""Reference activations for the C engine, from PyTorch in float32.

    golden.py --seed FILE.safetensors --clip FILE.flac --out FILE.golden
    golden.py --tiny tests/golden        # the small random models and their activations, as committed

A golden file is a safetensors file: pcm [N], stem [T, d], prelude [T, d], and for every unfold r
x<r> [T, d] and logp<r> [T, V]; with an attention decoder also pieces [U], and for every unfold
logits<r> [U, pieces] of what follows each of them; of a seed that hears streams, live.x<r> and live.logp<r>, heard in
its chunks. All F32.
"""

import argparse
import json
import pathlib
import struct

import torch

from fold import aed, logmel, seedfile, wave
from fold.encoder import Chunks, Config, Foldable
from fold.pieces import BYTE, CONTROL, MERGE_NONE, SPACE, Pieces


@torch.no_grad()
def activations(model, pcm, text="the other one, then."):
    """pcm [N] float32, text for the attention decoder -> {name: tensor}"""
    samples = torch.tensor([len(pcm)])
    x, frames = model.frontend(pcm[None], samples)
    out = {"pcm": pcm, "stem": x[0]}
    context = model.context(x, frames)
    for block in model.prelude:
        x = block(x, *context)
    out["prelude"] = x[0]
    for r, x in enumerate(model.unfolds(x, context, model.config.unfolds)):
        logp = model.logp(x, context)
        out[f"x{r + 1}"], out[f"logp{r + 1}"] = x[0], logp[0]
        if model.config.decoder:
            pieces = torch.tensor([[aed.BEGIN, *model.pieces.encode(text)]])
            out["pieces"] = pieces[0].float()
            out[f"logits{r + 1}"] = model.decoder(pieces, model.exit.norm(x), depth=r)[0]
    if model.config.stream:
        chunks = Chunks(model.config.stream["chunk"], model.config.stream["left"])
        x, _, context = model.features(pcm[None], samples, chunks)
        for r, x in enumerate(model.unfolds(x, context, model.config.unfolds)):
            out[f"live.x{r + 1}"], out[f"live.logp{r + 1}"] = x[0], model.logp(x, context)[0]
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


def tiny_pieces():
    """A tokenizer of a few words, of which the last merges have no embedding."""
    plain = [SPACE, *"'.,?!abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    merges = ["th", "he", "in", "er", f"{SPACE}t", "on", "the", f"{SPACE}the", "re", f"{SPACE}o", "ing", "ne", "en",
              f"{SPACE}one", "ther", f"{SPACE}other"]
    steps = [f"{SPACE}w", "hen", "then"]
    strings = [b""] * 3 + [bytes([b]) for b in range(256)] + [s.encode() for s in plain + merges + steps]
    ranks = [CONTROL] * 3 + [BYTE] * 256 + [MERGE_NONE] * len(plain) + list(range(len(merges) + len(steps)))
    return Pieces(strings, ranks, len(strings) - len(steps))


def tiny(folder):
    """Small models with and without conv modules, feedback, attention decoder, the letters' own block, a bridge, and
    paths with a factored stem, in two dtypes, far from initial values."""
    pieces = tiny_pieces()
    decoder = {"layers": 2, "ffn": 40, "pieces": pieces.kept}
    kinds = {"conv": (5, False, "i8", None), "plain": (0, False, "f16", None), "feedback": (5, True, "i8", None),
             "decoder": (0, False, "i8", decoder), "letters": (5, True, "i8", None), "bridge": (5, False, "i8", None),
             "paths": (0, False, "i8", {**decoder, "layers": 3, "paths": [[0, 2], [0, 1, 2], [0, 1, 2]]})}
    for name, (kernel, feedback, dtype, decoder) in kinds.items():
        torch.manual_seed(7)
        paths = name == "paths"
        model = Foldable(Config(d=32, heads=4, ffn=48, prelude=1, blocks=3 if paths else 2, unfolds=3, conv_kernel=kernel,
                                rope_dims=4, feedback=feedback, decoder=decoder, bridge=name == "bridge",
                                letters=name in ("letters", "bridge", "paths"),
                                paths=[[1], [0, 2], [0, 1, 2]] if paths else None, stem_rank=12 if paths else None,
                                stream={"chunk": 7, "left": 10} if name in ("bridge", "paths") else None))
        model.pieces = pieces
        for p in model.parameters():
            p.data += 0.1 * torch.randn_like(p)
        if decoder:  # else it writes BEGIN for ever; and bytes make no text
            model.decoder.norm.gain.data = torch.randn_like(model.decoder.norm.gain)
            model.decoder.embed.weight.data[:259] *= 0.1
            model.decoder.embed.weight.data[aed.END] *= 8
            for layer in model.decoder.layers:  # and it hears
                for linear in (layer.self.q, layer.self.o, layer.cross.q, layer.cross.k, layer.cross.o, layer.ffn.down):
                    linear.weight.data *= 3
        file = pathlib.Path(folder) / f"tiny-{name}.safetensors"
        seedfile.save(file, model, f"tiny-{name}", dtype)
        pcm = sweep()
        save(file.with_suffix(".golden"), activations(seedfile.load(file), pcm))


def tiny_foundations(folder):
    """Small models of the layouts of wav2vec 2.0 and HuBERT, base and large, of a Conformer over log-mels, and of what else
    their configurations can say, mixed."""
    letters = ["<pad>", "", "", "", " ", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]  # "": <s> and the like
    narrow = {"channels": [12] * 7, "positions": [16, 4]}
    kinds = {"base": (dict(norm="post", biases=True, conv_kernel=0, rope_dims=0, adapters=[0, 3], symbols=letters,
                           frontend=wave.settings(**narrow)), "i8"),
             "large": (dict(norm="pre", biases=True, conv_kernel=0, rope_dims=0, blocks=3, prelude=1, chained=True, rows=3,
                            paths=[[0, 1, 2], [1, [2, 0], [2, 2]]], symbols=letters,
                            frontend=wave.settings(**narrow, norm="layer", bias=True, normalise=True, norm_last=False)), "f16"),
             "mixed": (dict(norm="post", biases=True, conv_kernel=5, rope_dims=4, prelude=1, letters=True, feedback=True,
                            adapters=[2, 5], symbols=letters,
                            frontend=wave.settings(**{**narrow, "positions": [15, 8]}, bias=True, normalise=True,
                                                   norm_features=False)), "i8"),
             "mel": (dict(conv_kernel=5, rope_dims=4, frontend={"kind": logmel.KIND, "channels": 4}), "i8")}
    for name, (settings, dtype) in kinds.items():
        torch.manual_seed(7)
        config = Config(**{**dict(d=32, heads=4, ffn=48, prelude=0, blocks=2, unfolds=2), **settings})
        config.vocab = len(config.symbols) if config.symbols else config.vocab
        model = Foldable(config)
        for p in model.parameters():
            p.data += 0.1 * torch.randn_like(p)
        file = pathlib.Path(folder) / f"tiny-{name}.safetensors"
        seedfile.save(file, model, f"tiny-{name}", dtype)
        pcm = sweep()
        save(file.with_suffix(".golden"), activations(seedfile.load(file), pcm))


def sweep():
    """Six tenths of a second of a rising tone, and noise."""
    t = torch.arange(9600) / 16000
    return 0.4 * torch.sin(2 * torch.pi * (200 + 900 * t) * t) + 0.02 * torch.randn(len(t))


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seed")
    ap.add_argument("--clip", help="16 kHz mono recording")
    ap.add_argument("--out")
    ap.add_argument("--tiny", metavar="FOLDER")
    args = ap.parse_args()
    if args.tiny:
        tiny(args.tiny)
        tiny_foundations(args.tiny)
    else:
        import soundfile

        wave, rate = soundfile.read(args.clip, dtype="float32")
        assert rate == 16000 and wave.ndim == 1, "the clip must be 16 kHz mono"
        save(args.out, activations(seedfile.load(args.seed), torch.from_numpy(wave)))
