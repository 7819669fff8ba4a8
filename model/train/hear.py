#!/usr/bin/env python3
"""Keep what a seed hears in the packed sets, for another seed's letters to learn from.

    hear.py --seed FILE.safetensors --library BUILD/model/libfold.so --data DATA [SET ...]

Writes NAME.letters beside each NAME.i16: log-probabilities [T, V] of one utterance after the other, in
half precision, at full depth; and NAME.letters.npy, where each begins. The C engine does it at 150 to
200 times real time a core.
"""

import argparse
import pathlib

import numpy as np

import train
from fold import data, seedfile
from fold.engine import Engine


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
    engine = Engine(args.library, args.seed, args.longest)
    for name in args.sets:
        speech = data.Speech(args.data, [name])
        begins, part = [0], args.data / f"{name}.letters.part"
        with open(part, "wb") as out:
            for i in range(len(speech.items)):
                frames = 0
                if 0.4 <= speech.seconds(i) <= args.longest:
                    logp = engine.hear(speech.wave(i).numpy())
                    out.write(logp.astype(np.float16).tobytes())
                    frames = len(logp)
                begins.append(begins[-1] + frames)
        np.save(args.data / f"{name}.letters.npy", np.array(begins))
        part.replace(args.data / f"{name}.letters")
        print(f"{name}: {begins[-1]} frames", flush=True)


if __name__ == "__main__":
    main()
