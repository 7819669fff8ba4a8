"""The model file, written and read: safetensors with the configuration in __metadata__.

Layout and checks are those of model/file/seedfile.h. I8 tensors have a companion NAME.scale with one
float32 per output channel (first axis): weight = scale * q.

The configuration is encoder.Config as JSON, less what is None; "vocab" lists what the exit tells apart: the blank first,
" " between words, "" for what is never written. Tensors, for a seed with R rows (one an unfold, unless "rows" says
otherwise), d width, H hidden, V vocabulary; i counts from 0:

    prelude.i., blocks.i.          a block that is run once; a shared one
      norm_attn.gain, .bias        [R, d]; of the prelude [d], and a bias only where "biases" is true. The same of
      norm_conv, norm_ffn          "norm": "pre" before what they are named for, "post" behind its residual sum
      attn.{q,k,v,o}.weight        [d, d], .bias [d] where "biases" is true
      ffn.fc1, ffn.fc2             [H, d], [d, H], biases [H], [d]
      scale                        [R, 3, d]: what the sums of attention, convolution, ffn are multiplied with; shared ones
      conv.pw1, .dw, .norm, .pw2   where "conv_kernel" is not 0, shared ones
      P.adapters.r.down.weight     [rank, in]: of row r where "adapters"[r] is not 0, P any of q, k, v, o, fc1, fc2:
      P.adapters.r.up.weight       [out, rank]: y = P(x) + up(down(x))
    exit.norm.gain, .bias          [d]; none where "norm" is "post"; the bias only where "biases" is true
    exit.head.weight, .bias        [V, d], [V]
    recall.weight                  [d, d], where there are paths, two unfolds or more, and "chained" is false
    frontend.conv{1,2,3}, .norm    where "frontend" is not given (WaveStem)
    frontend.convs.i.weight        [C_i, C_(i - 1), K_i] where it is of the kind "wave" (wave.py), .bias [C_i] if "bias"
    frontend.norms.i.weight, .bias [C_i]: i = 0 alone where its "norm" is "group", all where it is "layer"
    frontend.project_norm, .project  [C], [C], if "norm_features"; [d, C], [d]
    frontend.positions.weight, .bias [d, d / groups, taps], [d]: plain, weight norm is folded in
    frontend.last_norm.weight, .bias [d], if "norm_last"
    frontend.conv1, .conv2, .out   [c, 1, 3, 3], [c, c, 3, 3], [d, 20 c], each with a bias: of the kind "mel" (logmel.py)
"""

import dataclasses
import hashlib
import json
import pathlib
import struct

import numpy as np
import torch

from . import text
from .pieces import Pieces
from .encoder import Config, Foldable

ALIGN = 64
DTYPES = {"F32": np.float32, "F16": np.float16, "I8": np.int8, "U8": np.uint8, "I32": np.int32}
RATE = 16000


def _is_matrix(name, value):
    """GEMM weights are quantised; norms, scales, biases, depthwise taps, head and feedback stay float32, and what is next to
    the sound."""
    return (name.endswith(".weight") and value.ndim in (2, 3) and ".dw." not in name
            and not name.startswith(("exit.", "feedback.", "frontend.convs.0.")))


def _quantise(value, dtype):
    """-> {suffix: array} of the stored form."""
    if dtype == "f32":
        return {"": value}
    if dtype == "f16":
        return {"": value.astype(np.float16)}
    rows = value.reshape(len(value), -1)
    scale = np.maximum(np.abs(rows).max(1), 1e-12).astype(np.float32) / 127
    q = np.clip(np.rint(rows / scale[:, None]), -127, 127).astype(np.int8)
    return {"": q.reshape(value.shape), ".scale": scale}


def stored(name, value, dtype):
    """A tensor as the file has it: {suffix: array}."""
    return _quantise(value, dtype) if _is_matrix(name, value) else {"": value}


def _pieces_arrays(pieces):
    """The tokenizer's table as tensors: the bytes of all strings, where each begins, and ranks (pieces.py)."""
    offsets = np.cumsum([0] + [len(s) for s in pieces.strings])
    return {"pieces.bytes": np.frombuffer(b"".join(pieces.strings), np.uint8),
            "pieces.offsets": offsets.astype(np.int32), "pieces.rank": np.array(pieces.ranks, np.int32)}


def _read_pieces(raw, kept):
    text, at = raw["pieces.bytes"].tobytes(), raw["pieces.offsets"].tolist()
    return Pieces([text[a:b] for a, b in zip(at, at[1:])], raw["pieces.rank"].tolist(), kept)


def save(path, model, name, dtype="i8"):
    """Write a Foldable; dtype i8, f16 or f32 is that of the GEMM weights. -> bytes written."""
    arrays = _pieces_arrays(model.pieces) if model.config.decoder else {}
    for key, value in model.state_dict().items():
        value = value.detach().float().cpu().numpy()
        arrays.update({key + suffix: np.ascontiguousarray(a) for suffix, a in stored(key, value, dtype).items()})
    names = {np.dtype(v): k for k, v in DTYPES.items()}
    header, at, chunks = {}, 0, []
    # Wide elements first, so that every tensor is aligned for its dtype without gaps.
    for key in sorted(arrays, key=lambda k: (-arrays[k].itemsize, k)):
        raw = arrays[key].tobytes()
        header[key] = {"dtype": names[arrays[key].dtype], "shape": list(arrays[key].shape),
                       "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        chunks.append(raw)
    data = b"".join(chunks)
    config = {k: v for k, v in dataclasses.asdict(model.config).items() if k not in ("vocab", "grow", "symbols") and v is not None}
    config.update(name=name, rate=RATE, vocab=model.config.symbols or text.VOCAB)
    header["__metadata__"] = {"format": "foldscribe-seed", "version": "1", "config": json.dumps(config),
                              "sha256": hashlib.sha256(data).hexdigest()}
    head = json.dumps(header).encode()
    head += b" " * (-(8 + len(head)) % ALIGN)
    blob = struct.pack("<Q", len(head)) + head + data
    replace(path, blob)
    return len(blob)


def replace(path, blob):
    """Writes a file whole or not at all."""
    path = pathlib.Path(path)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(blob)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def configuration(path):
    """What a model file says of itself."""
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        return json.loads(json.loads(file.read(length))["__metadata__"]["config"])


def load(path):
    """-> Foldable with the (rounded) weights that the file really holds, in eval mode."""
    blob = open(path, "rb").read()
    length, = struct.unpack("<Q", blob[:8])
    header, data = json.loads(blob[8:8 + length]), blob[8 + length:]
    meta = header.pop("__metadata__")
    if hashlib.sha256(data).hexdigest() != meta["sha256"]:
        raise SystemExit(f"{path}: the content hash does not match")
    raw = {key: np.frombuffer(data[slice(*e["data_offsets"])], DTYPES[e["dtype"]]).reshape(e["shape"])
           for key, e in header.items()}
    state = {}
    for key, value in raw.items():
        if key.startswith("pieces.") or key.endswith(".scale") and key[:-len(".scale")] in raw:
            continue
        value = value.astype(np.float32)
        if header[key]["dtype"] == "I8":
            scale = raw[key + ".scale"]
            value = value * scale.reshape(-1, *[1] * (value.ndim - 1))
        state[key] = torch.from_numpy(np.array(value))
    config = json.loads(meta["config"])
    fields = {f.name for f in dataclasses.fields(Config)}
    symbols = config["vocab"] if config["vocab"] != text.VOCAB else None
    model = Foldable(Config(**{k: v for k, v in config.items() if k in fields - {"vocab"}}, vocab=len(config["vocab"]),
                            symbols=symbols))
    model.load_state_dict(state)
    if model.config.decoder:
        model.pieces = _read_pieces(raw, model.config.decoder["pieces"])
    return model.eval()
