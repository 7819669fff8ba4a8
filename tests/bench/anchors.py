#!/usr/bin/env python3
"""Side by side in one run: libfold, onnxruntime on the same seed, and Moonshine; one thread each.

    anchors.py --seed SEED.safetensors --set PACKED_SET --score build/model/score [--count 40]
               [--lm FILE.flm] [--moonshine node_modules/@usefulsensors/moonshine-js --tokenizer moonshine-tokenizer.bin]

PACKED_SET is the stem of a packed set (model/train/fold/data.py). Every engine runs in a process of
its own over the same utterances and prints its word error rate, real-time factor and peak memory.
CTC engines decode greedily at full depth; "written" is what the seed's attention decoder makes of it, with --lm
from the draft that the daemon gives it.
Times are processor times of the network alone for letters (their greedy decoder costs nothing) and of
encoder and decoder for what is written, so that a busy machine disturbs them little; compare ratios, not absolutes. onnxruntime gets the seed as float32, and as
dynamic int8 (weights by channel; convolutions stay float32, as in Moonshine's own int8 files).

Needs torch, onnx and onnxruntime from PyPI; Moonshine's files come from npm,
`npm i --ignore-scripts @usefulsensors/moonshine-js@0.1.16`, its token list from the JavaScript tokenizer
that it uses: length byte (0: none, above 127: 7 more bits), bytes, for every token.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import score_output

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "model" / "train"))
from fold import text  # noqa: E402

RATE = 16000
HEADS = 8
MOONSHINE = {"tiny": (6, 36), "base": (8, 52)}  # decoder layers, width of a head
TOKENS_A_SECOND = 6.5
END = 2


def utterances(stem, count):
    """As model/tools/score.c chooses: -> [(float32 wave, reference)]"""
    lines = [line.rstrip("\n").split("\t") for line in open(f"{stem}.tsv")]
    step = len(lines) // count if 0 < count < len(lines) else 1
    data = np.memmap(f"{stem}.i16", dtype=np.int16, mode="r")
    return [(data[int(o):int(o) + int(n)].astype(np.float32) / 32768, words) for o, n, *_, words in lines[::step]]


def export(seed, folder):
    """-> paths of the seed as ONNX: float32, dynamic int8."""
    import torch
    import torch.nn.functional as F
    from fold import encoder, seedfile
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = seedfile.load(seed)
    c, stem = model.config, model.frontend

    def norm(self, x, r=None):
        """encoder.Norm.forward with a width that the exporter sees is constant."""
        gain, bias = (p if r is None or p is None else p[r] for p in (self.gain, self.bias))
        return F.layer_norm(x, (c.d,), gain, bias, 1e-5)

    encoder.Norm.forward = norm

    class Whole(torch.nn.Module):
        """Foldable.forward for one utterance, in operators that export with any length."""

        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, wave):
            h = torch.tanh(F.conv1d(wave[:, None], stem.conv1.weight, stride=64))
            h = F.group_norm(h, 1, stem.norm.weight, stem.norm.bias, stem.norm.eps)
            x = F.gelu(stem.conv3(F.gelu(stem.mix(stem.conv2(h))))).transpose(1, 2)
            context = encoder.rope_table(x.shape[1], c.rope_dims, c.rope_base, x.device), None, 1.0, None
            for block in model.prelude:
                x = block(x, *context)
            return model.unfold(x, context, c.unfolds)[-1]

    whole, names = Whole().eval(), [str(pathlib.Path(folder) / n) for n in ("fp32.onnx", "int8.onnx")]
    torch.onnx.export(whole, (torch.randn(1, 5 * RATE),), names[0], input_names=["wave"], output_names=["logp"],
                      dynamic_axes={"wave": {1: "samples"}, "logp": {1: "frames"}}, opset_version=17, dynamo=False)
    wave = torch.randn(1, 3 * RATE + 77) * 0.1
    got = session(names[0]).run(None, {"wave": wave.numpy()})[0]
    with torch.no_grad():
        want = model(wave, torch.tensor([wave.shape[1]]))[0][-1].numpy()
    assert np.abs(got - want).max() < 1e-2, "the export is not the model"
    quantize_dynamic(names[0], names[1], weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul"])
    return names


def session(path):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Ctc:
    def __init__(self, path):
        self.session = session(path)

    def __call__(self, wave):
        logp = self.session.run(None, {"wave": wave[None]})[0][0]
        return text.decode_greedy(logp.argmax(-1).tolist())


class Moonshine:
    def __init__(self, package, tokenizer, size):
        folder = pathlib.Path(package) / "dist" / "model" / size / "quantized"
        self.encoder, self.decoder = (session(str(folder / f"{n}.onnx"))
                                      for n in ("encoder_model", "decoder_model_merged"))
        self.layers, self.width = MOONSHINE[size]
        self.vocab = list(self._vocab(pathlib.Path(tokenizer).read_bytes()))

    @staticmethod
    def _vocab(raw):
        at = 0
        while at < len(raw):
            n, at = raw[at], at + 1
            if n > 127:
                n, at = raw[at] * 128 + n - 128, at + 1
            yield raw[at:at + n]
            at += n

    def __call__(self, wave):
        hidden = self.encoder.run(None, {self.encoder.get_inputs()[0].name: wave[None]})[0]
        outputs = [o.name for o in self.decoder.get_outputs()]
        past = {f"past_key_values.{i}.{a}.{b}": np.zeros((0, HEADS, 1, self.width), np.float32)
                for i in range(self.layers) for a in ("decoder", "encoder") for b in ("key", "value")}
        ids, last = [], 1
        for i in range(int(len(wave) / RATE * TOKENS_A_SECOND)):
            out = dict(zip(outputs, self.decoder.run(None, {
                "input_ids": np.array([[last]]), "encoder_hidden_states": hidden,
                "use_cache_branch": np.array([i > 0]), **past})))
            last = int(out["logits"][0, -1].argmax())
            if last == END:
                break
            ids.append(last)
            for name in past:
                if i == 0 or "decoder" in name:
                    past[name] = out[name.replace("past_key_values", "present")]
        pieces = (self.vocab[i] for i in ids)
        return b"".join(p for p in pieces if not re.fullmatch(rb"<.*>", p)).decode(errors="replace").replace("\u2581", " ")


def measure(engine, chosen):
    """In a process of its own: prints WER in per cent, RTF, peak memory in MB."""
    engine(chosen[0][0])  # the first run allocates
    errors = words = seconds = spent = 0
    for wave, reference in chosen:
        began = time.process_time()
        heard = engine(wave)
        spent += time.process_time() - began
        seconds += len(wave) / RATE
        wrong, count = text.word_errors(text.normalise(reference), text.normalise(heard))
        errors, words = errors + wrong, words + count
    # Not getrusage: its maximum is the parent's where that was larger, since exec keeps it.
    peak_kb = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path("/proc/self/status").read_text()).group(1))
    print(f"{100 * errors / words} {spent / seconds} {peak_kb / 1024}")


def child(command):
    """-> (standard output, peak RSS in MB)"""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    return out, usage.ru_maxrss / 1024


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seed", required=True)
    ap.add_argument("--set", required=True)
    ap.add_argument("--score", required=True)
    ap.add_argument("--count", type=int, default=40)
    ap.add_argument("--lm", default="-")
    ap.add_argument("--moonshine")
    ap.add_argument("--tokenizer")
    ap.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = ap.parse_args()
    if args.child:
        kind, what = args.child
        engine = Ctc(what) if kind == "ctc" else Moonshine(args.moonshine, args.tokenizer, what)
        measure(engine, utterances(args.set, args.count))
        return
    rows = []
    for precision in ("int8", "fp32"):
        scored = {lm: child([args.score, args.seed, args.set, lm, precision, str(args.count)]) for lm in {"-", args.lm}}
        rss = scored[args.lm][1]
        for letters, written in zip(*(score_output.parse(scored[lm][0]) for lm in ("-", args.lm))):
            rows.append((f"foldscribe x{letters.depth} {precision}, letters", letters.first_wer, letters.network_rtf, rss))
            if written.written_wer is not None:
                rows.append((f"foldscribe x{written.depth} {precision}, written", written.wer, written.rtf, rss))
    base = next(rtf for name, _, rtf, _ in reversed(rows) if "int8" in name)
    with tempfile.TemporaryDirectory() as folder:
        jobs = [(f"onnxruntime full depth {n}", "ctc", p) for n, p in zip(("fp32", "int8"), export(args.seed, folder))]
        if args.moonshine:
            jobs += [(f"Moonshine {size} int8", "moonshine", size) for size in MOONSHINE]
        for name, kind, what in jobs:
            out, _ = child([sys.executable, __file__, *sys.argv[1:], "--child", kind, what])
            rows.append((name, *map(float, out.split())))
    print(f"{'engine':32} {'WER %':>7} {'RTF':>8} {'x int8':>7} {'RSS MB':>7}")
    for name, wer, rtf, rss in rows:
        print(f"{name:32} {wer:7.2f} {rtf:8.5f} {rtf / base:7.2f} {rss:7.0f}")


if __name__ == "__main__":
    main()
