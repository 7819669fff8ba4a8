#!/usr/bin/env python3
"""Speech foundation models side by side in one run: libfold, transformers and onnxruntime; one thread each.

    foundations.py --bench build-release/tests/bench/bench_run --golden build-release/tests/golden/test_golden
                   [--layout base large] [--seconds 10] [--keep FOLDER]

The real layouts of wav2vec 2.0, base (12 x 768) and large (24 x 1024), with random weights, for speed does not depend on
them. First parity: log-probabilities of libfold against transformers, on noise. Then processor time for a second of
sound, the best of some rounds: libfold in fp32 and int8, transformers in float32, onnxruntime in float32 and in dynamic int8
(matrices by channel; convolutions stay float32, for it has no such kernel of theirs). Engines take turns, each in a process
of its own, so that what else runs here does the same to all; compare ratios, not absolutes.

Needs torch, transformers, onnx and onnxruntime from PyPI.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "model" / "train"))

RATE = 16000
ROUNDS = 3
VOCABULARY = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]


def layout(name):
    """transformers' model of random weights."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    torch.manual_seed(1)
    large = dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
                 do_stable_layer_norm=True, feat_extract_norm="layer", conv_bias=True)
    model = Wav2Vec2ForCTC(Wav2Vec2Config(vocab_size=len(VOCABULARY), **(large if name == "large" else {}))).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "layer_norm" in name or name.endswith("bias"):
                p.add_(0.1 * torch.randn_like(p))
        model.lm_head.weight.mul_(5)
    return model


def heard(model, pcm):
    """pcm [N] -> log-probabilities [T, V], as transformers' feature extractor and the model have it."""
    if model.config.feat_extract_norm == "layer":
        pcm = (pcm - pcm.mean()) / (pcm.var(unbiased=False) + 1e-7).sqrt()
    return model(pcm[None]).logits[0].log_softmax(-1)


def make(name, folder, seconds):
    """The layout's files in folder: transformers', the seed that the importer makes of it, ONNX in both precisions, and what
    the seed must say."""
    import torch
    import golden
    from fold import seedfile
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model, checkpoint = layout(name), folder / "transformers"
    model.save_pretrained(checkpoint)
    (checkpoint / "vocab.json").write_text(json.dumps({symbol: i for i, symbol in enumerate(VOCABULARY)}))
    (checkpoint / "preprocessor_config.json").write_text(json.dumps({"do_normalize": name == "large"}))
    subprocess.run([sys.executable, ROOT / "model/train/import_transformers.py", "--from", checkpoint, "--out",
                    folder / "seed.safetensors", "--dtype", "f32"], check=True, capture_output=True)
    foldable = seedfile.load(folder / "seed.safetensors")
    torch.manual_seed(2)
    pcm = 0.1 * torch.randn(seconds * RATE)
    with torch.no_grad():
        golden.save(folder / "seed.golden", {**golden.activations(foldable, pcm), "logp1": heard(model, pcm)})
        torch.onnx.export(model, (pcm[None],), folder / "float32.onnx", input_names=["wave"], output_names=["logits"],
                          dynamo=False, opset_version=17)
    quantize_dynamic(folder / "float32.onnx", folder / "int8.onnx", weight_type=QuantType.QInt8, per_channel=True,
                     op_types_to_quantize=["MatMul", "Gemm"])


def least(call, seconds):
    """Processor seconds for a second of sound, the best of some."""
    best = float("inf")
    call()
    for _ in range(3):
        began = time.process_time()
        call()
        best = min(best, (time.process_time() - began) / seconds)
    return best


def by_transformers(folder, seconds):
    import torch
    from transformers import Wav2Vec2ForCTC

    torch.set_num_threads(1)
    model = Wav2Vec2ForCTC.from_pretrained(folder / "transformers").eval()
    pcm = 0.1 * torch.randn(1, seconds * RATE)
    with torch.inference_mode():
        return least(lambda: model(pcm), seconds)


def by_onnxruntime(folder, seconds, file):
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / file), options, providers=["CPUExecutionProvider"])
    pcm = np.random.default_rng(1).standard_normal((1, seconds * RATE)).astype(np.float32) * 0.1
    return least(lambda: session.run(None, {"wave": pcm}), seconds)


def by_libfold(bench, folder, seconds, precision):
    said = subprocess.run([bench, folder / "seed.safetensors", str(seconds), precision], check=True, capture_output=True, text=True)
    return float(re.search(r"^x1 +RTF ([0-9.]+)", said.stdout, re.M).group(1))


ENGINES = {
    "libfold int8": lambda a, folder: by_libfold(a.bench, folder, a.seconds, "int8"),
    "libfold fp32": lambda a, folder: by_libfold(a.bench, folder, a.seconds, "fp32"),
    "onnxruntime int8": lambda a, folder: by_onnxruntime(folder, a.seconds, "int8.onnx"),
    "onnxruntime float32": lambda a, folder: by_onnxruntime(folder, a.seconds, "float32.onnx"),
    "transformers float32": lambda a, folder: by_transformers(folder, a.seconds),
}


def parity(golden, folder, precision):
    """The greatest difference of a log-probability, as test_golden prints it."""
    said = subprocess.run([golden, folder / "seed.safetensors", folder / "seed.golden", precision], capture_output=True, text=True)
    return re.search(r"^logp1 +max abs error (\S+)", said.stdout, re.M).group(1)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--bench", required=True, help="the program bench_run")
    ap.add_argument("--golden", required=True, help="the program test_golden")
    ap.add_argument("--layout", nargs="*", default=["base", "large"], choices=["base", "large"])
    ap.add_argument("--seconds", type=int, default=10)
    ap.add_argument("--keep", help="folder for the models, which are else thrown away")
    ap.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    args = ap.parse_args()
    if args.engine:
        print(ENGINES[args.engine](args, pathlib.Path(args.keep)))
        return
    for name in args.layout:
        with tempfile.TemporaryDirectory(dir=args.keep) as folder:
            command = [sys.executable, __file__, "--bench", args.bench, "--golden", args.golden, "--seconds", str(args.seconds),
                       "--keep", folder]
            make(name, pathlib.Path(folder), args.seconds)
            print(f"{name}: log-probabilities against transformers, greatest difference: fp32 "
                  f"{parity(args.golden, pathlib.Path(folder), 'fp32')}, int8 {parity(args.golden, pathlib.Path(folder), 'fastest')}")
            best = dict.fromkeys(ENGINES, float("inf"))
            for _ in range(ROUNDS):
                for engine in ENGINES:
                    said = subprocess.run([*command, "--engine", engine], check=True, capture_output=True, text=True)
                    best[engine] = min(best[engine], float(said.stdout.splitlines()[-1]))
            for engine, took in best.items():
                print(f"{name}: {engine:21} {took:.4f} of real time, {took / best['libfold int8']:.1f} times libfold in int8", flush=True)


if __name__ == "__main__":
    main()
