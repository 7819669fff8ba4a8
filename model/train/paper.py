#!/usr/bin/env python3
"""A small Conformer from scratch, one row of the control table of arXiv 2505.21237.

    paper.py --data DATA --out RUN --row foldable --hours 6

The blocks are this project's (attention -> conv -> ffn, pre-norm), not the paper's macaron ones. The budget
is the audio seen, equal for all rows; learning rate and curriculum are functions of the share spent.
Prints one line: parameters, bytes in int8, CTC loss a letter, CER and WER by depth on dev_clean, minutes.
"""

import argparse
import json
import os
import pathlib
import time

import torch
from torch import nn

from fold import data, losses, text
from fold.encoder import Block, Config, Context, Exit, rope_table
from fold.logmel import LogMel
from fold.optimiser import Optimiser
from fold.team import Team
from train import TRAIN, learning_rate, longest_now, save

SETS = [name for name in TRAIN if name != "train_an4"]
ROWS = ["foldable", "alone-1", "alone-2", "alone-3", "unshared", "no-kl", "tied"]
BLOCKS, UNFOLDS = 2, 3


class Conformer(nn.Module):
    def __init__(self, row):
        super().__init__()
        self.row, self.each = row, row not in ("unshared", "tied")
        self.unfolds = 1 if row == "unshared" else int(row[-1]) if row.startswith("alone") else UNFOLDS
        c = self.config = Config(d=144, heads=4, ffn=576, prelude=0, unfolds=self.unfolds if self.each else 1,
                                 blocks=BLOCKS * UNFOLDS if row == "unshared" else BLOCKS, rope_dims=36,
                                 vocab=len(text.VOCAB), grow=1.0)
        self.mel = LogMel(c.d)
        self.blocks = nn.ModuleList(Block(c, c.unfolds) for _ in range(c.blocks))
        self.exit = Exit(c.d, c.vocab)

    def forward(self, wave, samples):
        """-> list of log-probabilities [B, T, V] by depth, frames [B]."""
        x, frames = self.mel(wave, samples)
        keep = torch.arange(x.shape[1], device=x.device)[None] < frames[:, None]
        table = rope_table(x.shape[1], self.config.rope_dims, self.config.rope_base, x.device)
        context, exits = Context(table, keep[:, None, None, :], keep[..., None], None), []
        for r in range(self.unfolds):
            for block in self.blocks:
                x = block(x, *context, r if self.each else 0)
            exits.append(self.exit(x))
        return exits[-1:] if self.row.startswith("alone") else exits, frames


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True, help="folder made by pack.py")
    ap.add_argument("--out", required=True, help="run folder: last.pt, row.json")
    ap.add_argument("--sets", nargs="*", default=SETS)
    ap.add_argument("--row", required=True, choices=ROWS)
    ap.add_argument("--hours", type=float, required=True, help="of audio seen")
    ap.add_argument("--batch-seconds", type=float, default=60)
    ap.add_argument("--longest", type=float, default=16.5)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    args = ap.parse_args()
    pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    model = Conformer(args.row)
    team = Team(model, args.processes)
    team.launch(member, (args, model, team))


def member(rank, args, model, team):
    """One process of the team. Its clock tells the hours of audio seen, by all members, instead of minutes."""
    torch.set_num_threads(1)
    optimiser = Optimiser(model, args.lr, True, rank, args.processes)
    team.join(rank, model)
    speech = data.Speech(args.data, args.sets)
    ids = [i for i in speech.trainable(args.longest)
           if len(text.encode(speech.text(i))) < 25 * speech.seconds(i) * 0.8]
    done = lambda: team.told() / args.hours
    stream = data.endless(speech, ids, args.batch_seconds, args.seed, lambda: longest_now(done(), args.longest),
                          rank, args.processes)
    began, shown, step, seen = time.time(), time.time(), 0, 0.0
    for batch in stream:
        share = done()
        if share >= 1:
            break
        wave, samples, targets, lengths = data.collate(speech, batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            exits, frames = model(wave, samples)
        wanted = exits if args.row in ("foldable", "no-kl", "tied") else exits[-1:]
        kl = 0.3 if args.row != "no-kl" and share >= 0.25 else 0
        loss, values = losses.joint(wanted, frames, targets, lengths, kl)
        seen += args.processes * float(samples.sum()) / data.RATE / 3600
        team.clear()
        loss.backward()
        team.step(optimiser, learning_rate(share), lambda name: True, seen)
        step += 1
        if rank == 0 and time.time() - shown > 10:
            shown = time.time()
            print(f"step {step}, {seen:.2f} h, {seen * 3600 / (shown - began):.0f} x real time, ctc/letter "
                  + " ".join(f"{v:.3f}" for v in values), flush=True)
    if rank == 0:
        minutes = (time.time() - began) / 60
        save(pathlib.Path(args.out) / "last.pt", model, minutes, seen, step)
        line = {"row": args.row, "hours": round(seen, 3), "minutes": round(minutes, 2), **size(model),
                "depths": score(model, data.Speech(args.data, ["dev_clean"]))}
        (pathlib.Path(args.out) / "row.json").write_text(json.dumps(line))
        print(json.dumps(line), flush=True)


def size(model):
    """Parameters, and bytes at one a matrix weight and four otherwise."""
    counts = [(p.numel(), name.endswith(".weight") and p.ndim > 1) for name, p in model.named_parameters()]
    return {"parameters": sum(n for n, _ in counts), "bytes": sum(n if matrix else 4 * n for n, matrix in counts)}


@torch.no_grad()
def score(model, speech, count=200):
    """CTC loss a letter, CER and WER (%) of greedy text by depth, on utterances spread over the set."""
    model.eval()
    ids, sums = range(0, len(speech.items), max(1, len(speech.items) // count))[:count], {}
    for i in ids:
        wave, samples, targets, lengths = data.collate(speech, [i])
        exits, frames = model(wave, samples)
        for depth, logp in enumerate(exits, 1 + model.unfolds - len(exits)):
            ref, hyp = text.normalise(speech.text(i)), text.decode_greedy(logp[0].argmax(-1).tolist())
            spelled = lambda line: " ".join(line.replace(" ", "_"))
            values = (float(losses.ctc(logp, frames, targets, lengths)) * int(lengths), int(lengths),
                      *text.word_errors(spelled(ref), spelled(hyp)), *text.word_errors(ref, hyp))
            sums[depth] = [a + b for a, b in zip(sums.get(depth, [0] * 6), values)]
    return {depth: {"ctc": round(a / b, 3), "cer": round(100 * c / d, 1), "wer": round(100 * e / f, 1)}
            for depth, (a, b, c, d, e, f) in sums.items()}


if __name__ == "__main__":
    main()
