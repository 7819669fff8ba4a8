#!/usr/bin/env python3
"""Fold a whole recogniser: Moonshine's encoder into a seed, its attention decoder taught to read every exit.

    distil.py --data DATA --text TEXT ... --out RUN --minutes 90      # CPU or CUDA, resumes by itself

The seed is a few of Moonshine's layers: the prelude (unique) and the shared blocks; unfolded x1..xR they
are to give what all of Moonshine's layers give. Every step runs all exits:

    feature   sum_r |norm(x_r) - norm(x_teacher)|^2 / |norm(x_teacher)|^2, all depths
    piece     cross entropy of the attention decoder on the label, and KL from Moonshine's, at depth R and one other
    deepest   KL(sg[p_R] || p_r) of that other depth (arXiv 2505.21237)
    ctc       letters, for drafts and word times
    heard     and KL a frame from the letters of another seed, where DATA has them (hear.py)

The budget is the schedule, as in train.py. --text: texts that choose which pieces of the tokenizer stay.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import torch
import torch.nn.functional as F

import train
from fold import data, evaluation, losses, moonshine, seedfile
from fold.aed import BEGIN, END, AttentionDecoder
from fold.controls import CONTROLS
from fold.encoder import Chunks, Config, Foldable
from fold.optimiser import Optimiser
from fold.pieces import Pieces
from fold.precision import mixed
from fold.team import Team


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True, help="folder made by pack.py")
    ap.add_argument("--out", required=True, help="run folder: last.pt, config.json, log.tsv")
    ap.add_argument("--text", nargs="*", default=[], help="text files, a sentence a line")
    ap.add_argument("--from-seed", help="begin with a model file, as shipped, instead of the foundation's layers")
    ap.add_argument("--chunked", type=float, default=0, help="share of the steps that hear in chunks, as a live stream")
    ap.add_argument("--chunk", type=int, nargs="*", default=[14, 28, 42], help="frames of a chunk, one is drawn a step")
    ap.add_argument("--left", type=int, nargs="*", default=[112, 168, 252], help="frames heard before the chunk")
    ap.add_argument("--sets", nargs="*", default=train.TRAIN)
    ap.add_argument("--foundation", default="tiny", choices=["base", "tiny"])
    ap.add_argument("--layers", type=int, nargs="*", default=[1, 2, 3, 4, 5, 6],
                    help="layers of the foundation (from 1) that the seed begins as: prelude, bridge, shared blocks")
    ap.add_argument("--prelude", type=int, default=3, help="unique lower blocks")
    ap.add_argument("--no-bridge", action="store_true", help="unfolds 2.. go on from the one before, as they are")
    ap.add_argument("--unfolds", type=int, default=3)
    ap.add_argument("--grow", type=float, default=1, help="residual scale at which unfolds 2.. start")
    ap.add_argument("--conv-kernel", type=int, default=15)
    ap.add_argument("--no-letters", action="store_true", help="the letter head has no block of its own")
    ap.add_argument("--hearing", type=float, default=0.03,
                    help="share of the letters' gradient that reaches the encoder, where they have a block")
    ap.add_argument("--deep", type=float, default=0.5, help="weight of the deepest exit; the others share the rest")
    ap.add_argument("--pieces", type=int, default=15000)
    ap.add_argument("--minutes", type=float, default=90, help="wall-clock budget of the whole run")
    ap.add_argument("--hours", type=float, default=0,
                    help="budget in hours of audio seen instead of --minutes: for comparisons on a busy machine")
    ap.add_argument("--only", type=int, default=0, help="train this depth alone, as a model built for it (a control)")
    ap.add_argument("--control", choices=sorted(CONTROLS), help="another model than a foldable one (fold/controls.py)")
    ap.add_argument("--stop-after", type=float, default=0,
                    help="leave after so many minutes (or hours, where --hours is the budget) of this call")
    ap.add_argument("--letters-from", help="run folder whose letters the run starts with")
    ap.add_argument("--features-only", type=float, default=0.03, help="share of the budget without the decoder")
    ap.add_argument("--batch-seconds", type=float, default=24)
    ap.add_argument("--longest", type=float, default=16.5)
    ap.add_argument("--lr", type=float, default=2e-4, help="peak for shared blocks; the decoder gets a quarter")
    ap.add_argument("--mask", type=float, default=0.03, help="share of stem frames masked, for the seed only")
    ap.add_argument("--weights", default="2,1,0.3,0.3,0.5,2",
                    help="of feature, label, teacher, deepest, ctc, heard")
    ap.add_argument("--save-minutes", type=float, default=10)
    ap.add_argument("--count", type=int, default=60, help="dev_clean utterances that are watched")
    return train.parse(ap)


class Teacher:
    """All of Moonshine, frozen; its stem is the seed's too."""

    def __init__(self, size, cache, kept, device):
        shape = dict(moonshine.SHAPES[size])
        layers = shape.pop("layers")
        self.encoder = Foldable(Config(**shape, prelude=layers - 1, blocks=1, unfolds=1, conv_kernel=0))
        self.encoder.load_pretrained(moonshine.load(size, cache))
        self.decoder = AttentionDecoder(shape["d"], shape["heads"], shape["ffn"], layers, len(kept))
        self.decoder.load_state_dict(decoder_state(size, cache, kept))
        for part in (self.encoder, self.decoder):
            part.requires_grad_(False).to(device).eval()

    @torch.no_grad()
    def memory(self, x, context):
        """What the stem gives -> norm(x) after all layers."""
        for block in self.encoder.prelude:
            x = block(x, *context)
        return self.encoder.exit.norm(self.encoder.blocks[0](x, *context, 0))


def decoder_state(size, cache, kept):
    state = moonshine.load_decoder(size, cache)
    state["embed.weight"] = state["embed.weight"][kept].clone()
    return state


def start(args, out):
    """-> model, what a run that is resumed has behind it, old ids of the pieces that were kept."""
    cache = out.parent / "foundation"
    model, kept = seed(args, out, cache) if args.from_seed else founded(args, out, cache)
    if args.chunked:
        model.config.stream = {"chunk": middle(args.chunk), "left": middle(args.left)}
    if args.letters_from:
        other = torch.load(pathlib.Path(args.letters_from) / "last.pt", map_location="cpu")["model"]
        model.load_state_dict({k: v for k, v in other.items() if k.startswith(("letters.", "exit.head."))}, strict=False)
    spent = {"minutes": 0.0, "hours": 0.0, "step": 0}
    if (out / "last.pt").exists():
        state = torch.load(out / "last.pt", map_location="cpu")
        model.load_state_dict(state["model"])
        spent = {k: state[k] for k in spent}
    (out / "config.json").write_text(json.dumps({**dataclasses.asdict(model.config), "args": vars(args)}, indent=1))
    return model.to(args.device).train(), spent, kept


def seed(args, out, cache):
    """-> the model of --from-seed, ids of its pieces in Moonshine's vocabulary."""
    model = seedfile.load(args.from_seed)
    (out / "pieces.json").write_text(json.dumps(model.pieces.plain()))
    return model, model.pieces.ids_in(moonshine.pieces(cache))


def founded(args, out, cache):
    """-> a model of some of the foundation's layers, old ids of the pieces that were kept."""
    shape = dict(moonshine.SHAPES[args.foundation])
    count = shape.pop("layers")
    pieces, kept = chosen_pieces(args, out, cache)
    bridge = not args.no_bridge
    config = Config(**shape, prelude=args.prelude, blocks=len(args.layers) - args.prelude - bridge, bridge=bridge,
                    unfolds=args.unfolds,
                    letters=not args.no_letters, conv_kernel=args.conv_kernel, grow=args.grow, vocab=len(data.text.VOCAB),
                    decoder={"layers": count, "ffn": shape["ffn"], "pieces": len(kept)})
    model = CONTROLS.get(args.control, Foldable)(config)
    model.load_pretrained(moonshine.load(args.foundation, cache), [i - 1 for i in args.layers])
    model.decoder.load_state_dict(decoder_state(args.foundation, cache, kept))
    model.pieces = pieces
    return model, kept


def chosen_pieces(args, out, cache):
    """-> Pieces with embeddings for the chosen, their ids in Moonshine's vocabulary; made once a run."""
    path = out / "pieces.json"
    if not path.exists():
        lines = (line.rstrip("\n") for name in args.text for line in open(name))
        pieces, kept = moonshine.pieces(cache).prune(lines, args.pieces)
        path.write_text(json.dumps({**pieces.plain(), "of": kept}))
    saved = json.loads(path.read_text())
    return Pieces.of_plain(saved), saved["of"]


def targets(speech, ids, pieces, device):
    """-> pieces [B, U] that go in (BEGIN first), and that are to come out (END last, -100 beyond)."""
    rows = [pieces.encode(speech.prose(i)) for i in ids]
    width = max(map(len, rows)) + 1
    into = torch.full((len(rows), width), END)
    out = torch.full((len(rows), width), -100)
    for row, (a, b) in zip(rows, zip(into, out)):
        a[0], a[1:len(row) + 1] = BEGIN, torch.tensor(row, dtype=torch.long)
        b[:len(row)], b[len(row)] = torch.tensor(row, dtype=torch.long), END
    return into.to(device), out.to(device)


def kl(teacher, student, inside):
    """KL(teacher || student) of logits [B, U, V], a piece; no gradient to the teacher."""
    p, q = F.log_softmax(teacher.detach().float(), -1), F.log_softmax(student.float(), -1)
    return ((p.exp() * (p - q)).sum(-1) * inside).sum() / inside.sum()


def heard_loss(logp, frames, told):
    """KL a frame from what another seed heard, logp [B, T, V], where it heard the same frames: not where the tempo
    was changed. It spares the letters the plateau that CTC begins with."""
    total, count = logp.sum() * 0, 1
    for row, wanted in enumerate(told):
        if wanted is not None and len(wanted) == int(frames[row]):
            wanted = wanted.to(logp)
            total = total + (wanted.exp() * (wanted - logp[row, :len(wanted)])).sum()
            count += len(wanted)
    return total / count


def feature_loss(memory, teacher, inside):
    """Relative squared error of memory [B, T, d] over frames inside [B, T, 1]."""
    memory, teacher = memory.float(), teacher.float()
    return ((memory - teacher).square() * inside).sum() / (teacher.square() * inside).sum()


def middle(choices):
    """The one that the seed's file says and that is watched."""
    return choices[len(choices) // 2]


def draw_chunks(args, generator):
    """Chunks of this step, or None."""
    draw = lambda among: among[int(torch.randint(len(among), (1,), generator=generator))]
    chunked = float(torch.rand(1, generator=generator)) < args.chunked
    return Chunks(draw(args.chunk), draw(args.left)) if chunked else None


def depth_weights(depths, deep):
    """deep for the deepest exit, the rest shared by the others: what serves x1 best leaves nothing for unfolding
    to do, as the blocks are the same."""
    return [1.0] if depths == 1 else [(1 - deep) / (depths - 1)] * (depths - 1) + [deep]


def share_of(args, minutes, hours):
    """How much of the budget is spent, 0 .. 1 and beyond."""
    return hours / args.hours if args.hours else minutes / args.minutes


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    if args.processes > 1:
        torch.set_num_threads(1)
    model, spent, kept = start(args, out)
    team = Team(model, args.processes, share_of(args, spent["minutes"], spent["hours"]))
    team.launch(member, (args, out, model, team, spent, kept))


def member(rank, args, out, model, team, spent, kept):
    """One process of the team, from the first step to the last."""
    if args.processes > 1:
        torch.set_num_threads(1)
    R = model.config.unfolds
    optimiser = Optimiser(model, args.lr, True, rank, args.processes)
    team.join(rank, model)
    if spent["step"]:
        optimiser.resume(out)
    teacher = Teacher(args.foundation, out.parent / "foundation", kept, args.device)
    speech = data.Speech(args.data, args.sets, args.device)
    ids = speech.trainable(args.longest)
    lead = rank == 0
    if lead:
        count = sum(p.numel() for p in model.parameters()) / 1e6
        print(f"{sum(speech.seconds(i) for i in ids) / 3600:.1f} h in {len(ids)} utterances, {count:.2f} M parameters, "
              f"{sum(p.numel() for p in model.decoder.parameters()) / 1e6:.2f} M of them the decoder's, "
              f"{args.device} x {args.processes}", flush=True)
        dev = evaluation.subset(data.Speech(args.data, ["dev_clean"], args.device), args.count)
    step, seen = spent["step"], spent["hours"]
    began, start_minutes = time.time(), spent["minutes"]
    minutes = lambda: start_minutes + (time.time() - began) / 60
    stream = data.endless(speech, ids, args.batch_seconds, args.seed + step, lambda: args.longest, rank, args.processes)
    generator = torch.Generator().manual_seed(args.seed + step + 1000003 * rank)
    w = dict(zip(("feature", "label", "teacher", "deepest", "ctc", "heard"), map(float, args.weights.split(","))))
    watched = Chunks(middle(args.chunk), middle(args.left)) if args.chunked else None
    saved = start_share = team.told()
    save_share = 1 if args.hours else args.save_minutes / args.minutes
    shown, smooth = time.time(), {}
    model.train()

    def keep():
        optimiser.keep(out, rank)
        if lead:
            train.save(out / "last.pt", model, minutes(), seen, step)
            report(out, model, dev, args.device, watched, minutes(), seen, step)
        team.wait()

    if lead and not spent["step"] and args.count:
        report(out, model, dev, args.device, watched, minutes(), seen, step)
    for batch in stream:
        done = team.told()
        if done >= 1 or args.stop_after and done - start_share >= share_of(args, args.stop_after, args.stop_after):
            break
        reading = done >= args.features_only
        wave, samples, letters, lengths = data.collate(speech, batch, generator)
        parts = {}
        with mixed(args.device):
            with torch.no_grad():
                x, frames = model.frontend(wave, samples)
                context = model.context(x, frames)
                wanted = teacher.memory(x, context)
                chunks = draw_chunks(args, generator)
                if chunks:
                    x, _ = model.frontend(wave, samples, chunks.size)
                    context = model.context(x, frames, chunks)
                x = train.mask_frames(x, args.mask, generator)
            with torch.set_grad_enabled(reading):
                for block in model.prelude:
                    x = block(x, *context)
            exits = model.unfolds(x, context, args.only or R)
            memories = [model.exit.norm(x.float()) for x in exits]
            trained = memories[args.only - 1:args.only] if args.only else memories
            missed = [feature_loss(m, wanted, context.valid) for m in trained]
            stress = depth_weights(len(trained), args.deep)
            parts["feature"] = sum(s * m for s, m in zip(stress, missed))
            if reading:
                other = int(torch.randint(R - 1, (1,), generator=generator)) if R > 1 else 0
                into, follow = targets(speech, batch, model.pieces, args.device)
                inside = follow >= 0
                with torch.no_grad():
                    taught = teacher.decoder(into, wanted, context.memory_mask)
                deep = model.decoder(into, trained[-1], context.memory_mask)
                shallow = model.decoder(into, trained[other], context.memory_mask) if len(trained) > 1 else deep
                both = ((args.deep, deep), (1 - args.deep, shallow))
                parts["label"] = sum(s * F.cross_entropy(p.flatten(0, 1).float(), follow.flatten()) for s, p in both)
                parts["teacher"] = sum(s * kl(taught, p, inside) for s, p in both)
                parts["deepest"] = kl(deep, shallow, inside)
            if model.config.letters:
                heard = exits[args.only - 1 if args.only else int(torch.randint(R, (1,), generator=generator))]
                heard = heard * args.hearing + heard.detach() * (1 - args.hearing)
                logp = [F.log_softmax(model.exit.head(model.letters(heard, context).float()), -1)]
        if not model.config.letters:
            logp = [F.log_softmax(model.exit.head(m), -1) for m in trained]
        parts["ctc"], _ = losses.joint([p.float() for p in logp], frames, letters, lengths, 0)
        parts["heard"] = heard_loss(logp[-1].float(), frames, [speech.heard(i) for i in batch])
        loss = sum(w[name] * value for name, value in parts.items())
        team.clear()
        loss.backward()
        if args.control == "tied":
            model.tie()
        team.step(optimiser, train.learning_rate(done),
                  lambda name: reading or not name.startswith(("prelude.", "decoder.")),
                  share_of(args, minutes(), seen))
        step, seen = step + 1, seen + args.processes * float(samples.sum()) / data.RATE / 3600
        mode = "c" if chunks else "x"
        for name, value in [(f"{mode}{r + 1}", m) for r, m in enumerate(missed)] + list(parts.items()):
            value = float(value.detach())
            smooth[name] = value if name not in smooth else 0.97 * smooth[name] + 0.03 * value
        if lead and time.time() - shown > 30:
            shown = time.time()
            print(f"{minutes():6.1f} min step {step} {seen:.2f} h seen, "
                  + ", ".join(f"{name} {value:.3f}" for name, value in smooth.items()), flush=True)
        if team.told() - saved >= save_share:
            saved = team.told()
            keep()
    keep()


def report(out, model, dev, device, chunks, minutes, seen, step):
    model.eval()
    pairs = evaluation.readings(model, dev, device)
    if chunks:
        pairs += evaluation.readings(model, dev, device, ctc=False, chunks=chunks)
    model.train()
    line = f"{minutes:.1f}\t{seen:.2f}\t{step}\t" + "\t".join(
        f"{100 * evaluation.greedy_wer(p):.2f}" for kind in pairs for p in kind)
    with open(out / "log.tsv", "a") as log:
        log.write(line + "\n")
    print("   WER of the attention decoder, of greedy CTC, and of the attention decoder in chunks, by depth: " + line.replace("\t", " "), flush=True)


if __name__ == "__main__":
    main()
