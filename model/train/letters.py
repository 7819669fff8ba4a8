#!/usr/bin/env python3
"""Teach the letters of a seed anew, and nothing else of it.

    letters.py --data DATA --from-seed FILE.safetensors --out RUN --minutes 45      # resumes by itself

Letters are what the attention decoder's draft, the times of words and the first pass come from. They have a block of
their own behind every exit, so they can be taught with all else frozen, and the texts that the decoder writes stay as
they are. What the frozen part makes of a batch (at a depth, whole or in chunks) is kept and heard several times: the
block is small beside what is in front of it. The loss is CTC. export.py writes the seed; the budget is the schedule.
"""

import argparse
import collections
import dataclasses
import json
import pathlib
import time

import torch
from torch import nn

import train
from distil import draw_chunks, middle
from fold import data, evaluation, losses, precision, seedfile
from fold.encoder import Chunks
from fold.engine import Engine
from fold.optimiser import Optimiser
from fold.team import Team


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True, help="folder made by pack.py")
    ap.add_argument("--from-seed", required=True, help="model file whose letters have a block of their own")
    ap.add_argument("--library", help="BUILD/model/libfold_inside.so: it hears what is heard whole, at all depths at once, in the "
                    "precision that is served")
    ap.add_argument("--out", required=True, help="run folder: last.pt, config.json, log.tsv")
    ap.add_argument("--sets", nargs="*", default=train.TRAIN)
    ap.add_argument("--minutes", type=float, default=45, help="wall-clock budget of the whole run")
    ap.add_argument("--stop-after", type=float, default=0, help="leave after so many minutes of this call")
    ap.add_argument("--chunked", type=float, default=0.4, help="share of the batches that are heard in chunks")
    ap.add_argument("--chunk", type=int, nargs="*", default=[28], help="frames of a chunk, one is drawn a batch")
    ap.add_argument("--left", type=int, nargs="*", default=[168], help="frames heard before the chunk")
    ap.add_argument("--times", type=int, default=4, help="how often what was heard of a batch is learnt from")
    ap.add_argument("--kept", type=float, default=10, help="hours of it that are kept, a process")
    ap.add_argument("--batch-seconds", type=float, default=48)
    ap.add_argument("--longest", type=float, default=16.5)
    ap.add_argument("--lr", type=float, default=2e-4, help="the block's matrices get four times that, by Muon")
    ap.add_argument("--mask", type=float, default=0.08, help="share of frames masked in front of the block")
    ap.add_argument("--save-minutes", type=float, default=8)
    ap.add_argument("--count", type=int, default=60, help="dev_clean utterances that are watched")
    return train.parse(ap)


def taught_part(model):
    """The letters' block and head, by the names that they have in the model."""
    part = nn.Module()
    part.letters, part.exit = model.letters, nn.Module()
    part.exit.head = model.exit.head
    return part


def start(args, out):
    """-> model, what a run that is resumed has behind it."""
    model = seedfile.load(args.from_seed)
    if not model.config.letters:
        raise SystemExit(f"{args.from_seed}: its letters have no block of their own")
    spent = {"minutes": 0.0, "hours": 0.0, "step": 0}
    if (out / "last.pt").exists():
        state = torch.load(out / "last.pt", map_location="cpu")
        model.load_state_dict(state["model"])
        spent = {k: state[k] for k in spent}
    (out / "config.json").write_text(json.dumps({**dataclasses.asdict(model.config), "args": vars(args)}, indent=1))
    if model.config.decoder:
        (out / "pieces.json").write_text(json.dumps(model.pieces.plain()))
    return model.to(args.device), spent


class Ear:
    """The frozen part over batches without end: each gives some (x [B, T, d], frames, context, letters, lengths)."""

    def __init__(self, model, speech, args, seed, rank):
        self.model, self.speech, self.args = model, speech, args
        self.engine = args.library and Engine(args.library, args.from_seed, 1.2 * args.longest)
        self.generator = torch.Generator().manual_seed(seed + 1000003 * rank)
        self.batches = data.endless(speech, speech.trainable(args.longest), args.batch_seconds, seed,
                                    lambda: args.longest, rank, args.processes)

    @torch.no_grad()
    def hear(self):
        """-> of one batch, at a depth that is drawn, or, where libfold hears, at all of them."""
        wave, samples, letters, lengths = data.collate(self.speech, next(self.batches), self.generator)
        chunks = draw_chunks(self.args, self.generator)
        if self.engine and not chunks:
            return self._by_engine(wave, samples, letters, lengths)
        depth = 1 + int(torch.randint(self.model.config.unfolds, (1,), generator=self.generator))
        with precision.mixed(self.args.device):
            x, frames, context = self.model.features(wave, samples, chunks)
            x = self.model.unfolds(x, context, depth)[-1]
        return [(x.to(torch.bfloat16), frames, context, letters, lengths)]

    def _by_engine(self, wave, samples, letters, lengths):
        heard = [self.engine.features(row[:n].numpy(), self.model.config.d) for row, n in zip(wave.cpu(), samples.tolist())]
        frames = torch.tensor([len(exits[0]) for exits in heard], device=self.args.device)
        by_depth = [torch.nn.utils.rnn.pad_sequence([torch.from_numpy(x) for x in exits], True).to(self.args.device)
                    for exits in zip(*heard)]
        context = self.model.context(by_depth[0], frames)
        return [(x.to(torch.bfloat16), frames, context, letters, lengths) for x in by_depth]

    def draw(self, among):
        return among[int(torch.randint(len(among), (1,), generator=self.generator))]


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    model, spent = start(args, out)
    team = Team(taught_part(model), args.processes, spent["minutes"])
    team.launch(member, (args, out, model, team, spent))


def member(rank, args, out, model, team, spent):
    """One process of the team, from the first step to the last."""
    if args.processes > 1:
        torch.set_num_threads(1)
    part = taught_part(model)
    optimiser = Optimiser(part, args.lr, True, rank, args.processes)
    team.join(rank, part)
    if spent["step"]:
        optimiser.resume(out)
    ear = Ear(model, data.Speech(args.data, args.sets, args.device), args, args.seed + spent["step"], rank)
    lead = rank == 0
    if lead:
        dev = evaluation.subset(data.Speech(args.data, ["dev_clean"], args.device), args.count)
    step, hours, began = spent["step"], spent["hours"], time.time()
    minutes = lambda: spent["minutes"] + (time.time() - began) / 60
    watched = Chunks(middle(args.chunk), middle(args.left)) if args.chunked else None
    kept, saved, shown, smooth = collections.deque(), team.told(), time.time(), None
    room = args.kept * 3600 / args.batch_seconds

    def keep():
        optimiser.keep(out, rank)
        if lead:
            train.save(out / "last.pt", model, minutes(), hours, step)
            report(out, model, dev, args.device, watched, minutes(), hours, step)
        team.wait()

    if lead and not spent["step"] and args.count:
        report(out, model, dev, args.device, watched, minutes(), hours, step)
    while team.told() < args.minutes and not (args.stop_after and team.told() - spent["minutes"] >= args.stop_after):
        fresh = ear.hear()
        kept.extend(fresh)
        while len(kept) > room:
            kept.popleft()
        for time_heard in range(args.times * len(fresh)):
            x, frames, context, letters, lengths = fresh[time_heard] if time_heard < len(fresh) else ear.draw(kept)
            x = train.mask_frames(x.to(precision.kind(args.device)), args.mask, ear.generator)
            with precision.mixed(args.device):
                logits = model.exit.head(model.letters(x, context))
            loss = losses.ctc(torch.log_softmax(logits.float(), -1), frames, letters, lengths)
            team.clear()
            loss.backward()
            team.step(optimiser, train.learning_rate(team.told() / args.minutes), lambda name: True, minutes())
            step, value = step + 1, float(loss.detach())
            smooth = value if smooth is None else 0.98 * smooth + 0.02 * value
            hours += args.processes * int(frames.sum()) * 384 / data.RATE / 3600
        if lead and time.time() - shown > 30:
            shown = time.time()
            print(f"{minutes():6.1f} min step {step} {hours:.2f} h learnt from, ctc {smooth:.3f}", flush=True)
        if team.told() - saved >= args.save_minutes:
            saved = team.told()
            keep()
    keep()


def report(out, model, dev, device, chunks, minutes, hours, step):
    pairs = evaluation.transcripts(model, dev, device)
    if chunks:
        pairs += evaluation.transcripts(model, dev, device, chunks=chunks)
    line = f"{minutes:.1f}\t{hours:.2f}\t{step}\t" + "\t".join(f"{100 * evaluation.greedy_wer(p):.2f}" for p in pairs)
    with open(out / "log.tsv", "a") as log:
        log.write(line + "\n")
    print("   WER of greedy CTC, whole and in chunks, by depth: " + line.replace("\t", " "), flush=True)


if __name__ == "__main__":
    main()
