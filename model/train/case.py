#!/usr/bin/env python3
"""Case and marks for sets whose text lacks them:  case.py --data DATA SET ...

Writes NAME.cased beside each NAME.tsv, a line an utterance: the words of the reference, written as Moonshine
writes them where it hears the same word, else in lower case, with a full stop at the end.
"""

import argparse
import difflib
import pathlib

import torch

import distil
from fold import data, evaluation, moonshine, precision, text


def dress(reference, heard):
    """Words of reference (normal form), in the clothes of heard (cased, punctuated)."""
    words = reference.split()
    worn = heard.replace("-", " ").split()
    out = [w if w == "I" or w.startswith("I'") else w.lower() for w in words]
    match = difflib.SequenceMatcher(None, [text.normalise(w) for w in worn], words, autojunk=False)
    for there, here, count in match.get_matching_blocks():
        out[here:here + count] = worn[there:there + count]
    out[0] = out[0][:1].upper() + out[0][1:]
    line = " ".join(out)
    return line if line[-1] in ".?!" else line.rstrip(",;: ") + "."


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True, type=pathlib.Path)
    ap.add_argument("--foundation", default="tiny", choices=["base", "tiny"])
    ap.add_argument("--cache", default="foundation", help="folder for what is downloaded")
    ap.add_argument("sets", nargs="+")
    args = ap.parse_args()
    pieces = moonshine.pieces(args.cache)
    teacher = distil.Teacher(args.foundation, args.cache, range(pieces.kept), "cpu")
    for part in (teacher.encoder.prelude, teacher.encoder.blocks, teacher.decoder):
        part.to(precision.kind("cpu"))
    for name in args.sets:
        speech, ids = evaluation.subset(data.Speech(args.data, [name]), 0)
        lines = [""] * len(ids)
        for at in range(0, len(ids), 24):
            batch = ids[at:at + 24]
            wave, samples, _, _ = data.collate(speech, batch)
            with torch.no_grad(), precision.mixed("cpu"):
                x, frames = teacher.encoder.frontend(wave, samples)
                context = teacher.encoder.context(x, frames)
                written = teacher.decoder.greedy(teacher.memory(x, context), context.memory_mask)
            if at % 240 == 0:
                print(f"{name}: {at} of {len(ids)}", flush=True)
            for i, line in zip(batch, written):
                lines[i] = dress(text.normalise(speech.text(i)), pieces.decode(line))
        (args.data / f"{name}.cased").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
