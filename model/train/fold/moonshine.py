"""Import a Moonshine English encoder (MIT) from its npm package into a Foldable state dict.

The package is fetched by name with npm and every file is checked against a known SHA-256.
The ONNX initialisers are int8 with scale and zero point; they are dequantised to float32.
q and k rows are permuted once, so that rotary embedding works on halves of the first
rope_dims of a head instead of on interleaved pairs.
"""

import hashlib
import pathlib
import subprocess
import tarfile

import numpy as np
import torch

PACKAGE = "@usefulsensors/moonshine-js@0.1.16"
MEMBER = "package/dist/model/{}/quantized/encoder_model.onnx"
SHA256 = {
    "base": "1dd9ab0a7f987113d30affcba5a068d11c8f90fa0223caa3e491ade431ad9751",
    "tiny": "c6fc4b7bc5af75c0591fd157a1f3829b533d18e9769a888fd95a62e470dd4f4a",
}
SHAPES = {
    "base": dict(d=416, heads=8, ffn=1664, layers=8),
    "tiny": dict(d=288, heads=8, ffn=1152, layers=6),
}
ROPE_DIMS = 32


def fetch(size, cache):
    """Path of the encoder's ONNX file below cache, downloaded and checked if need be."""
    path = pathlib.Path(cache) / f"moonshine-{size}.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        name = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=path.parent, check=True,
                              capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(path.parent / name) as tar:
            path.write_bytes(tar.extractfile(MEMBER.format(size)).read())
        (path.parent / name).unlink()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256[size]:
        raise SystemExit(f"{path}: SHA-256 is {digest}, expected {SHA256[size]}")
    return path


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
