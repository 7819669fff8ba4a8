#!/usr/bin/env python3
"""Case and marks of a seed against those of Moonshine base, where both write the same word.

    marks.py --seed FILE.safetensors --data DATA [--set dev_clean] [--count 100]

Prints a line for Moonshine tiny and for each depth: of words that both have, precision, recall and F1 of the marks
behind them (all, commas, full stops), and how many begin with the same case. Sets have no marks of their own, so
base is what there is to compare with; it is no truth.
"""

import argparse
import difflib

import torch

import distil
from fold import data, evaluation, moonshine, seedfile, text

MARKS = ",.?!;:"


def words_of(line):
    """-> [(word in normal form, mark behind it or "", begins in upper case)]"""
    out = []
    for word in line.replace("-", " ").split():
        bare = text.normalise(word)
        letters = [c for c in word if c.isalpha()]
        if bare and letters:
            out.append((bare, word[-1] if word[-1] in MARKS else "", letters[0].isupper()))
    return out


class Count:
    """Marks of one writer against another's."""

    def __init__(self):
        self.same, self.said, self.wanted, self.words, self.case = {}, {}, {}, 0, 0

    def add(self, line, wanted):
        mine, theirs = words_of(line), words_of(wanted)
        match = difflib.SequenceMatcher(None, [w for w, *_ in mine], [w for w, *_ in theirs], autojunk=False)
        for i, j, count in match.get_matching_blocks():
            for (_, mark, upper), (_, other, high) in zip(mine[i:i + count], theirs[j:j + count]):
                self.words, self.case = self.words + 1, self.case + (upper == high)
                for table, key, true in ((self.said, mark, mark), (self.wanted, other, other),
                                         (self.same, mark, mark and mark == other)):
                    if true:
                        table[key] = table.get(key, 0) + 1

    def f1(self, marks):
        """-> precision, recall, F1 in percent"""
        same, said, wanted = (sum(t.get(m, 0) for m in marks) for t in (self.same, self.said, self.wanted))
        return [100 * a / max(1, b) for a, b in ((same, said), (same, wanted), (2 * same, said + wanted))]

    def line(self, name):
        parts = [f"{what} {p:.1f} {r:.1f} {f:.1f}" for what, marks in (("all", MARKS), (",", ","), (".", "."))
                 for p, r, f in [self.f1(marks)]]
        return f"{name}: {self.words} words, precision, recall, F1: " + "; ".join(parts) + \
            f"; same case {100 * self.case / max(1, self.words):.1f}"


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seed", required=True)
    ap.add_argument("--data", required=True, help="folder made by pack.py")
    ap.add_argument("--set", default="dev_clean")
    ap.add_argument("--count", type=int, default=100)
    ap.add_argument("--cache", default="foundation", help="folder for what is downloaded")
    args = ap.parse_args()
    pieces = moonshine.pieces(args.cache)
    base, tiny = (distil.Teacher(size, args.cache, range(pieces.kept), "cpu") for size in ("base", "tiny"))
    seed = seedfile.load(args.seed)
    speech, ids = evaluation.subset(data.Speech(args.data, [args.set]), args.count)
    counts = {name: Count() for name in ["Moonshine tiny"] + [f"x{r + 1}" for r in range(seed.config.unfolds)]}
    for i in ids:
        wave, samples, _, _ = data.collate(speech, [i])
        lines = []
        with torch.no_grad():
            for teacher in (base, tiny):
                x, frames = teacher.encoder.frontend(wave, samples)
                context = teacher.encoder.context(x, frames)
                lines.append(pieces.decode(teacher.decoder.greedy(teacher.memory(x, context), context.memory_mask)[0]))
            x, frames, context = seed.features(wave, samples)
            for x in seed.unfolds(x, context, seed.config.unfolds):
                lines.append(seed.pieces.decode(seed.decoder.greedy(seed.exit.norm(x), context.memory_mask)[0]))
        for count, line in zip(counts.values(), lines[1:]):
            count.add(line, lines[0])
    for name, count in counts.items():
        print(count.line(name), flush=True)


if __name__ == "__main__":
    main()
