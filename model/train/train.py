#!/usr/bin/env python3
"""Train a foldable seed from a Moonshine encoder, within a wall-clock budget.

    train.py --data DATA --out RUN --minutes 90            # CPU or CUDA, resumes by itself

The budget is the schedule: learning rate, curriculum, growing and KL weight are functions of
(minutes spent / budget), so a longer budget is a longer, not a different, run.

    0.00 .. grow    x1 only, stem and prelude frozen; utterances <= 3 s first, unless trained before
    grow .. 1.00    every joint-every'th step all exits jointly, KL from the deepest after a quarter
                    of it, else x1 alone (half the cost, the same weights); prelude trained too

On a CPU one process a core (--processes) trains on batches of its own; see fold/team.py.
"""

import argparse
import dataclasses
import json
import math
import os
import pathlib
import time

import torch

from fold import data, evaluation, losses, moonshine, seedfile
from fold.encoder import Config, Foldable
from fold.optimiser import Optimiser
from fold.precision import mixed
from fold.team import Team

TRAIN = ["train_an4", "train_common_voice", "train_librispeech", "train_pseudo", "train_readers",
         "train_robotutor", "train_speechocean762"]


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True, help="folder made by pack.py")
    ap.add_argument("--out", required=True, help="run folder: last.pt, config.json, log.tsv")
    ap.add_argument("--sets", nargs="*", default=TRAIN)
    ap.add_argument("--foundation", default="base", choices=["base", "tiny"])
    ap.add_argument("--prelude", type=int, default=4, help="unique lower blocks")
    ap.add_argument("--unfolds", type=int, default=3)
    ap.add_argument("--conv-kernel", type=int, default=15)
    ap.add_argument("--no-feedback", dest="feedback", action="store_false",
                    help="unfolds do not see what the exit before them says")
    ap.add_argument("--minutes", type=float, default=90, help="wall-clock budget of the whole run")
    ap.add_argument("--stop-after", type=float, default=0, help="leave after so many minutes of this call")
    ap.add_argument("--grow", type=float, default=0.5, help="share of the budget spent on x1 alone")
    ap.add_argument("--joint-every", type=int, default=1, help="joint step every so many steps, once grown")
    ap.add_argument("--kl", type=float, default=0.3)
    ap.add_argument("--batch-seconds", type=float, default=48)
    ap.add_argument("--longest", type=float, default=16.5)
    ap.add_argument("--lr", type=float, default=4e-4, help="peak, pretrained weights; new ones get more")
    ap.add_argument("--mask", type=float, default=0.06, help="share of stem frames masked in training")
    ap.add_argument("--plain", action="store_true", help="no waveform augmentation")
    ap.add_argument("--from-run", help="start from another run's last.pt instead of the foundation")
    ap.add_argument("--from-seed", help="start from a model file, as shipped, instead of the foundation")
    ap.add_argument("--adamw", dest="muon", action="store_false", help="AdamW for matrices too, instead of Muon")
    ap.add_argument("--save-minutes", type=float, default=5)
    return parse(ap)


def parse(ap):
    """Adds what every trainer is told about the machine, and parses."""
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    ap.add_argument("--processes", type=int, default=0, help="default: one a core on a CPU, else one")
    args = ap.parse_args()
    args.processes = args.processes or (len(os.sched_getaffinity(0)) if args.device == "cpu" else 1)
    return args


def learning_rate(done):
    """Share of the peak at a share of the budget: short warm-up, then half a cosine to 2 %."""
    return min(1, done / 0.01 + 0.02) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1))))


def longest_now(done, longest):
    """Curriculum: CTC leaves its all-blank plateau within a minute on short utterances."""
    return min(longest, 3 + (longest - 3) * max(0, done - 0.03) / 0.12)


def mask_frames(x, share, generator):
    """Zero random spans of 4 to 12 stem frames, about so large a share of them: x [B, T, d]."""
    B, T, _ = x.shape
    t = torch.arange(T)[None]
    starts = torch.where(torch.rand(B, T, generator=generator) < share / 8, t, -100)
    width = torch.randint(4, 13, (B, 1), generator=generator)
    keep = t - starts.cummax(1).values >= width
    return x * keep.to(x)[..., None]


def start(args, out):
    """-> model, and what a run that is resumed has behind it."""
    layers = moonshine.SHAPES[args.foundation]["layers"]
    shape = {k: v for k, v in moonshine.SHAPES[args.foundation].items() if k != "layers"}
    config = Config(**shape, prelude=args.prelude, blocks=layers - args.prelude, unfolds=args.unfolds,
                    conv_kernel=args.conv_kernel, feedback=args.feedback, vocab=len(data.text.VOCAB))
    model = Foldable(config)
    spent = {"minutes": 0.0, "hours": 0.0, "step": 0}
    if (out / "last.pt").exists():
        state = torch.load(out / "last.pt", map_location="cpu")
        model.load_state_dict(state["model"])
        spent = {k: state[k] for k in spent}
    elif args.from_run:
        carry_on(model, torch.load(pathlib.Path(args.from_run) / "last.pt", map_location="cpu")["model"])
    elif args.from_seed:
        carry_on(model, seedfile.load(args.from_seed).state_dict())
    else:
        model.load_pretrained(moonshine.load(args.foundation, out.parent / "foundation"))
    (out / "config.json").write_text(json.dumps({**dataclasses.asdict(config), "args": vars(args)}, indent=1))
    return model.to(args.device), spent


def carry_on(model, state):
    """Weights of another model of this shape; it may lack the feedback, which then starts at zero."""
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or set(missing) - {"feedback.weight"}:
        raise SystemExit(f"not a model of this shape: lacks {missing}, has {unexpected}")


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    if args.processes > 1:
        torch.set_num_threads(1)
    model, spent = start(args, out)
    team = Team(model, args.processes, spent["minutes"])
    team.launch(member, (args, out, model, team, spent))


def member(rank, args, out, model, team, spent):
    """One process of the team, from the first step to the last."""
    if args.processes > 1:
        torch.set_num_threads(1)
    config = model.config
    optimiser = Optimiser(model, args.lr, args.muon, rank, args.processes)
    team.join(rank, model)
    if spent["step"]:
        optimiser.resume(out)
    speech = data.Speech(args.data, args.sets, args.device)
    ids = speech.trainable(args.longest)
    lead = rank == 0
    if lead:
        print(f"{sum(speech.seconds(i) for i in ids) / 3600:.1f} h in {len(ids)} utterances, "
              f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, "
              f"{args.device} x {args.processes}", flush=True)
        dev = evaluation.subset(data.Speech(args.data, ["dev_clean"], args.device), 60)

    step, seen = spent["step"], spent["hours"]
    began, start_minutes = time.time(), spent["minutes"]
    minutes = lambda: start_minutes + (time.time() - began) / 60
    fresh = not (args.from_run or args.from_seed)
    curriculum = lambda: longest_now(team.told() / args.minutes, args.longest) if fresh else args.longest
    stream = data.endless(speech, ids, args.batch_seconds, args.seed + step, curriculum, rank, args.processes)
    generator = torch.Generator().manual_seed(args.seed + step + 1000003 * rank)
    saved, shown, smooth = minutes(), time.time(), {}
    model.train()

    def keep(depth):
        optimiser.keep(out, rank)
        if lead:
            save(out / "last.pt", model, minutes(), seen, step)
            report(out, model, dev, args.device, depth, minutes(), seen, step)
        team.wait()

    for batch in stream:
        now = team.told()
        done = now / args.minutes
        if done >= 1 or args.stop_after and now - start_minutes >= args.stop_after:
            break
        growing = done >= args.grow
        depth = config.unfolds if growing and step % args.joint_every == 0 else 1
        kl = args.kl if done >= args.grow + 0.25 * (1 - args.grow) else 0
        wave, samples, targets, lengths = data.collate(speech, batch, None if args.plain else generator)
        with mixed(args.device):
            with torch.no_grad():
                x, frames = model.frontend(wave, samples)
                x = mask_frames(x, args.mask, generator)
                context = model.context(x, frames)
            with torch.set_grad_enabled(growing):
                for block in model.prelude:
                    x = block(x, *context)
            exits = model.unfold(x, context, depth)
        loss, values = losses.joint(exits, frames, targets, lengths, kl)
        team.clear()
        loss.backward()
        team.step(optimiser, learning_rate(done), lambda name: growing or not name.startswith("prelude."),
                  minutes())
        step, seen = step + 1, seen + args.processes * float(samples.sum()) / data.RATE / 3600
        for r, value in enumerate(values):
            smooth[r] = value if r not in smooth else 0.97 * smooth[r] + 0.03 * value
        if lead and time.time() - shown > 30:
            shown = time.time()
            print(f"{minutes():6.1f} min step {step} {seen:.2f} h seen, ctc/letter "
                  + " ".join(f"{smooth[r]:.3f}" for r in sorted(smooth)), flush=True)
        if team.told() - saved >= args.save_minutes:
            saved = team.told()
            keep(config.unfolds if growing else 1)
    keep(config.unfolds)


def report(out, model, dev, device, depth, minutes, seen, step):
    model.eval()
    wer = [evaluation.greedy_wer(t) for t in evaluation.transcripts(model, dev, device, depth)]
    model.train()
    line = f"{minutes:.1f}\t{seen:.2f}\t{step}\t" + "\t".join(f"{100 * w:.2f}" for w in wer)
    with open(out / "log.tsv", "a") as log:
        log.write(line + "\n")
    print("   greedy WER of 60 dev_clean utterances by depth: " + line.replace("\t", " "), flush=True)


def save(path, model, minutes, hours, step):
    temporary = path.with_suffix(".tmp")
    torch.save({"model": model.state_dict(), "minutes": minutes, "hours": hours, "step": step}, temporary)
    temporary.replace(path)


if __name__ == "__main__":
    main()
