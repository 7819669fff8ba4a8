#!/usr/bin/env python3
"""Keep what a seed hears in the packed sets, for another seed's letters to learn from.

    hear.py --seed FILE.safetensors --library BUILD/model/libfold.so --data DATA [SET ...]

Writes NAME.letters beside each NAME.i16: log-probabilities [T, V] of one utterance after the other, in
half precision, at full depth; and NAME.letters.npy, where each begins. The C engine does it at 150 to
200 times real time a core.
"""

import argparse
import ctypes
import pathlib

import numpy as np

import train
from fold import data, seedfile


class Ear:
    """A run of libfold over utterances of up to longest_s."""

    def __init__(self, library, seed, longest_s):
        self.lib, self.model, self.run = ctypes.CDLL(str(library)), ctypes.c_void_p(), ctypes.c_void_p()
        self.lib.fold_frames.restype = ctypes.c_size_t
        note = ctypes.create_string_buffer(240)
        if self.lib.fold_model_open(ctypes.byref(self.model), str(seed).encode(), note):
            raise SystemExit(note.value.decode())
        self._ask(self.lib.fold_run_open(ctypes.byref(self.run), self.model, ctypes.c_size_t(int(longest_s * data.RATE))))

    @staticmethod
    def _ask(err):
        if err:
            raise RuntimeError(f"libfold: {err}")

    def hear(self, wave):
        """wave [N] float32 -> log-probabilities [T, V] of the deepest exit."""
        frames = self.lib.fold_frames(self.model, ctypes.c_size_t(len(wave)))
        logp = np.empty((frames, len(data.text.VOCAB)), np.float32)
        self._ask(self.lib.fold_run_begin(self.run, wave.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(wave))))
        while self.lib.fold_run_unfold(self.run) == 0:
            pass
        self._ask(self.lib.fold_run_exit(self.run, logp.ctypes.data_as(ctypes.c_void_p)))
        return logp


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seed", required=True)
    ap.add_argument("--library", required=True)
    ap.add_argument("--data", required=True, type=pathlib.Path)
    ap.add_argument("--longest", type=float, default=16.6)
    ap.add_argument("sets", nargs="*", default=train.TRAIN)
    args = ap.parse_args()
    said = seedfile.configuration(args.seed)
    if said["vocab"] != data.text.VOCAB or said.get("frontend"):
        raise SystemExit(f"{args.seed}: letters are learnt from a seed of this project's letters and of 41.67 frames a second; this one "
                         f"has {len(said['vocab'])} symbols, and its front end is {(said.get('frontend') or {}).get('kind', 'the usual')}")
    ear = Ear(args.library, args.seed, args.longest)
    for name in args.sets:
        speech = data.Speech(args.data, [name])
        begins, part = [0], args.data / f"{name}.letters.part"
        with open(part, "wb") as out:
            for i in range(len(speech.items)):
                frames = 0
                if 0.4 <= speech.seconds(i) <= args.longest:
                    logp = ear.hear(speech.wave(i).numpy())
                    out.write(logp.astype(np.float16).tobytes())
                    frames = len(logp)
                begins.append(begins[-1] + frames)
        np.save(args.data / f"{name}.letters.npy", np.array(begins))
        part.replace(args.data / f"{name}.letters")
        print(f"{name}: {begins[-1]} frames", flush=True)


if __name__ == "__main__":
    main()
