#!/usr/bin/env python3
"""Word errors where sound is rough: a set as it is, as a telephone call, in noise, at every depth.

    rough_sound.py --seed SEED.safetensors --set PACKED_SET --score build/model/score [--lm FILE.flm] [--count 200]

PACKED_SET is the stem of a packed set (model/train/fold/data.py). "phone" is 8 kHz, G.711 mu-law and back to 16 kHz;
"noise" is pink noise 10 dB below each utterance's mean power, always the same. Each is scored by model/tools/score.c,
int8; beside the rate stands how many times that of the set as it is. Needs numpy and soxr from PyPI.
"""

import argparse
import pathlib
import subprocess
import tempfile

import numpy as np
import score_output
import soxr

RATE, TELEPHONE = 16000, 8000
MU = 255
SNR_DB = 10


def phone(wave, _):
    """wave [N] in [-1, 1] as a call would bring it: companded to eight bits (G.711's law, as a formula) and back."""
    narrow = np.clip(soxr.resample(wave, RATE, TELEPHONE), -1, 1)
    code = np.round(np.sign(narrow) * np.log1p(MU * np.abs(narrow)) / np.log1p(MU) * 127) / 127
    wide = soxr.resample(np.sign(code) * np.expm1(np.abs(code) * np.log1p(MU)) / MU, TELEPHONE, RATE)
    return np.resize(wide, len(wave))


def noise(wave, rng):
    """wave [N] and noise of the same power in every octave, from the longest wave that fits."""
    spectrum = np.fft.rfft(rng.standard_normal(len(wave)))
    hz = np.fft.rfftfreq(len(wave), 1 / RATE)
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(hz, hz[1])) * (hz > 0), len(wave))
    return wave + pink * np.sqrt(np.mean(wave ** 2) / np.mean(pink ** 2) / 10 ** (SNR_DB / 10))


def spoil(stem, out, how):
    """Writes the packed set stem anew as out, every utterance as how makes it."""
    lines = [line.split("\t") for line in open(f"{stem}.tsv").read().splitlines()]
    sound = np.memmap(f"{stem}.i16", dtype=np.int16, mode="r")
    with open(f"{out}.i16", "wb") as data:
        for turn, (offset, samples, *_) in enumerate(lines):
            wave = sound[int(offset):int(offset) + int(samples)].astype(np.float64) / 32768
            rough = how(wave, np.random.default_rng(turn))
            data.write(np.clip(np.round(rough * 32768), -32768, 32767).astype(np.int16).tobytes())
    pathlib.Path(f"{out}.tsv").write_bytes(pathlib.Path(f"{stem}.tsv").read_bytes())


def rates(args, stem):
    """-> WER (%) by depth of what is written, or of letters where the seed has no more."""
    command = [args.score, args.seed, stem, args.lm or "-", "int8", *([str(args.count)] if args.count else [])]
    said = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
    return {d.depth: d.wer for d in score_output.parse(said)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seed", required=True)
    ap.add_argument("--set", required=True)
    ap.add_argument("--score", required=True)
    ap.add_argument("--lm")
    ap.add_argument("--count", type=int, default=0, help="utterances, spread over the set; 0: all")
    args = ap.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stems = {"as it is": args.set}
        for how in (phone, noise):
            stems[how.__name__] = f"{folder}/{how.__name__}"
            spoil(args.set, stems[how.__name__], how)
        found = {name: rates(args, stem) for name, stem in stems.items()}
    for depth in found["as it is"]:
        print(f"x{depth}  " + "  ".join(f"{name} {by[depth]:.2f} % ({by[depth] / found['as it is'][depth]:.2f} x)"
                                        for name, by in found.items()), flush=True)


if __name__ == "__main__":
    main()
