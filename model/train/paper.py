#!/usr/bin/env python3
"""A small Conformer from scratch, one row of the control table of arXiv 2505.21237.

    paper.py --data DATA --out RUN --row foldable --hours 6

The blocks are this project's (attention -> conv -> ffn, pre-norm), not the paper's macaron ones. The budget
is the audio seen, equal for all rows; learning rate and curriculum are functions of the share spent.
Prints one line: parameters, bytes in int8, minutes, and by set and depth CTC loss a letter, CER and WER of greedy
text. The texts stay in RUN, for compare.py.
"""

import argparse
import json
import os
import pathlib
import time

import torch
from torch import nn

from fold import data, evaluation, losses, seedfile, text
from fold.controls import Adapter
from fold.encoder import Block, Config, Context, Exit, rope_table
from fold.logmel import LogMel
from fold.optimiser import Optimiser
from fold.team import Team
from train import TRAIN, learning_rate, longest_now, save

SETS = [name for name in TRAIN if name != "train_an4"]
ROWS = ["foldable", "alone-1", "alone-2", "alone-3", "unshared", "no-kl", "tied", "adapters", "half"]
BLOCKS, UNFOLDS = 2, 3
SHAPES = {"unshared": (6, 1), "half": (3, 2), "alone-1": (2, 1), "alone-2": (2, 2)}  # other rows' blocks and unfolds
SCORED = 200  # utterances of a set, spread over it


class Conformer(nn.Module):
    def __init__(self, row):
        super().__init__()
        self.row, self.each = row, row not in ("unshared", "tied")
        blocks, self.unfolds = SHAPES.get(row, (BLOCKS, UNFOLDS))
        c = self.config = Config(d=144, heads=4, ffn=576, prelude=0, unfolds=self.unfolds if self.each else 1, blocks=blocks,
                                 rope_dims=36, vocab=len(text.VOCAB), grow=1.0)
        self.mel = LogMel(c.d)
        self.blocks = nn.ModuleList(Block(c, c.unfolds) for _ in range(c.blocks))
        if row == "adapters":
            self.adapters = nn.ModuleList(Adapter(c.d) for _ in range(c.unfolds * c.blocks))
        self.exit = Exit(c.d, c.vocab)

    @property
    def depths(self):
        """Of its exits; an unshared model is as deep as the foldable one's last."""
        alone = self.row.startswith("alone") or self.row == "unshared"
        last = UNFOLDS if self.row == "unshared" else self.unfolds
        return [last] if alone else list(range(1, last + 1))

    def forward(self, wave, samples):
        """-> list of log-probabilities [B, T, V] by depth, frames [B]."""
        x, frames = self.mel(wave, samples)
        keep = torch.arange(x.shape[1], device=x.device)[None] < frames[:, None]
        table = rope_table(x.shape[1], self.config.rope_dims, self.config.rope_base, x.device)
        context, exits = Context(table, keep[:, None, None, :], keep[..., None], None), []
        for r in range(self.unfolds):
            for k, block in enumerate(self.blocks):
                x = block(x, *context, r if self.each else 0)
                if self.row == "adapters":
                    x = self.adapters[r * len(self.blocks) + k](x)
            exits.append(self.exit(x))
        return exits[-1:] if self.row.startswith("alone") else exits, frames


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True, help="folder made by pack.py")
    ap.add_argument("--out", required=True, help="run folder: last.pt, row.json")
    ap.add_argument("--sets", nargs="*", default=SETS)
    ap.add_argument("--scored", nargs="*", default=["dev_clean", "test_clean_a"], help="sets that the row is scored on")
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
        kl = 0.3 if args.row != "no-kl" and share >= 0.25 else 0
        loss, values = losses.joint(exits, frames, targets, lengths, kl)
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
        scores, texts = {}, {}
        for name in args.scored:
            scores[name], texts[name] = score(model, data.Speech(args.data, [name]))
        line = {"row": args.row, "hours": round(seen, 3), "minutes": round(minutes, 2), **size(model), **scores}
        (pathlib.Path(args.out) / "row.json").write_text(json.dumps(line))
        (pathlib.Path(args.out) / "texts.json").write_text(json.dumps(texts))
        print(json.dumps(line), flush=True)


def size(model):
    """Parameters, and the bytes that a model file would have for them in int8."""
    state = [(name, p.detach().float().numpy()) for name, p in model.named_parameters()]
    return {"parameters": sum(p.size for _, p in state),
            "bytes": sum(part.nbytes for name, p in state for part in seedfile.stored(name, p, "i8").values())}


@torch.no_grad()
def score(model, speech):
    """-> by depth: CTC loss a letter, CER and WER (%) of greedy text; by depth, lists of (reference, text)."""
    model.eval()
    ids = range(0, len(speech.items), max(1, len(speech.items) // SCORED))[:SCORED]
    sums, texts = {r: [0, 0] for r in model.depths}, {r: [] for r in model.depths}
    for i in ids:
        wave, samples, targets, lengths = data.collate(speech, [i])
        exits, frames = model(wave, samples)
        for depth, logp in zip(model.depths, exits):
            letters = int(lengths)
            sums[depth][0] += float(losses.ctc(logp, frames, targets, lengths)) * letters
            sums[depth][1] += letters
            texts[depth].append((text.normalise(speech.text(i)), text.decode_greedy(logp[0].argmax(-1).tolist())))
    return {depth: {"ctc": round(a / b, 3), "cer": round(100 * evaluation.greedy_wer(map(text.spelled, texts[depth])), 1),
                    "wer": round(100 * evaluation.greedy_wer(texts[depth]), 1)} for depth, (a, b) in sums.items()}, texts


if __name__ == "__main__":
    main()
