#!/usr/bin/env python3
"""Fold a whole recogniser into a dial: a shallow path through Moonshine's layers, and all of them, from one seed.

    dial.py --data DATA --pieces-of SEED --out RUN --minutes 90      # CPU or CUDA, resumes by itself

Every unfold runs a path through the same blocks from the prelude's output (Config.paths): x1 leaves layers out that the
deepest runs, and is written by fewer of the decoder's layers. So the deep end begins as the foundation itself, and what
is taught is the shallow end, hearing in chunks, and what the foundation is bad at. Every step runs all exits:

    feature   |norm(x_r) - norm(x_teacher)|^2 / |norm(x_teacher)|^2
    label     cross entropy of the decoder of depth R, and of one other depth, on the label
    teacher   KL from the foundation's decoder, a piece, over the pieces that it finds likeliest
    deepest   KL(sg[p_R] || p_r) of that other depth (arXiv 2505.21237)

The teacher hears clean sound, the seed the same with noise, rooms, telephones, frames masked. An utterance whose label
the teacher finds unlikely counts less where the teacher is followed (exp(-cross entropy)), so accents are learnt from
labels. Stem and prelude stay as they are, so what they and the teacher make of each utterance is heard once and kept on disk
(fold/store.py), and the first part of a run teaches the encoder alone (--features-only). Letters are left to letters.py.
The budget is the schedule, as in train.py. A control of one depth has one path (--paths "1 2 4 5" --written "0 1 3 4 5 6 7"), whose
blocks are its own.
"""

import argparse
import collections
import dataclasses
import json
import pathlib
import random
import time
import zlib

import torch
import torch.nn.functional as F

import train
from distil import Teacher, decoder_state, depth_weights, share_of, targets
from fold import augment, data, evaluation, factor, moonshine, precision, seedfile
from fold.encoder import Config, Foldable, WaveStem
from fold.optimiser import Optimiser
from fold.store import FRAME, Heard, Store, Writer
from fold.team import Team

SETS = [*train.TRAIN, "train_librispeech", "train_speechocean762"]


def paths(words):
    """'1 2 4|0 1 2 3' -> [[1, 2, 4], [0, 1, 2, 3]]"""
    return [[int(k) for k in path.split()] for path in words.split("|")]


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True, help="folder made by pack.py")
    ap.add_argument("--out", required=True, help="run folder: last.pt, config.json, log.tsv")
    ap.add_argument("--pieces-of", required=True, help="model file whose pieces of text are kept")
    ap.add_argument("--from-seed", help="begin with a model file of this trainer, instead of the foundation")
    ap.add_argument("--sets", nargs="*", default=SETS, help="a set that is named twice is heard twice as often")
    ap.add_argument("--foundation", default="base", choices=["base", "tiny"])
    ap.add_argument("--prelude", type=int, default=2)
    ap.add_argument("--paths", type=paths, default=paths("1 2 4 5|0 1 2 3 4 5"), help="blocks of each unfold, from 0")
    ap.add_argument("--spare", type=paths, default=paths("1 2 3 4 5"),
                    help="other paths of x1, one of which is heard now and then: the seed may be exported with any")
    ap.add_argument("--written", type=paths, default=paths("0 1 3 5 7|0 1 2 3 4 5 6 7"),
                    help="layers of the decoder that write each depth, from 0")
    ap.add_argument("--stem-rank", type=int, default=224, help="0: the whole stem")
    ap.add_argument("--adapters", type=int, nargs="*", help="ranks by unfold: what each adds to the blocks' products, whose "
                    "weights then stay the foundation's")
    ap.add_argument("--minutes", type=float, default=90, help="wall-clock budget of the whole run")
    ap.add_argument("--hours", type=float, default=0, help="budget in audio learnt from instead of --minutes: for comparisons")
    ap.add_argument("--stop-after", type=float, default=0, help="leave after so many minutes of this call")
    ap.add_argument("--store", required=True, help="folder of what is heard once (fold/store.py), made where it is not there")
    ap.add_argument("--copies", type=int, default=1, help="how often each utterance is heard for it, with other noise and tempo")
    ap.add_argument("--chunked", type=float, default=0.3, help="share of the batches that are heard in chunks")
    ap.add_argument("--chunk", type=int, default=28, help="frames of a chunk")
    ap.add_argument("--left", type=int, default=252, help="frames heard before the chunk")
    ap.add_argument("--features-only", type=float, default=0.2, help="share of the budget without the decoder")
    ap.add_argument("--deepest", type=float, default=1, help="share of the steps that run the deepest exit too")
    ap.add_argument("--deep", type=float, default=0.5, help="weight of the deepest exit; the others share the rest")
    ap.add_argument("--batch-seconds", type=float, default=36)
    ap.add_argument("--longest", type=float, default=13)
    ap.add_argument("--lr", type=float, default=3e-4, help="peak, of the blocks")
    ap.add_argument("--decoder-lr", type=float, default=0.7, help="the decoder's, times that")
    ap.add_argument("--mask", type=float, default=0.03, help="share of frames masked behind the prelude")
    ap.add_argument("--weights", default="2,1,0.5,0.3", help="of feature, label, teacher, deepest")
    ap.add_argument("--again", type=int, default=1, help="how often a pass hears what the teacher finds hard: accents, children")
    ap.add_argument("--eager", action="store_true", help="layers are not compiled, which takes minutes and makes steps a third shorter")
    ap.add_argument("--save-minutes", type=float, default=20)
    ap.add_argument("--count", type=int, default=24, help="dev_clean utterances that are watched; 0: none")
    return train.parse(ap)


def start(args, out):
    """-> model, what a run that is resumed has behind it, ids of its pieces in Moonshine's vocabulary."""
    cache = out.parent / "foundation"
    other = seedfile.load(args.pieces_of)
    kept = other.pieces.ids_in(moonshine.pieces(cache))
    spent = {"minutes": 0.0, "hours": 0.0, "step": 0}
    if args.from_seed:
        model = seedfile.load(args.from_seed)
        model = widened(model, args.adapters) if args.adapters else model
    else:
        shape = dict(moonshine.SHAPES[args.foundation])
        layers = shape.pop("layers")
        config = Config(**shape, prelude=args.prelude, blocks=layers - args.prelude, unfolds=len(args.paths), conv_kernel=0,
                        paths=args.paths, stem_rank=args.stem_rank or None, letters=True, grow=1,
                        adapters=args.adapters, vocab=len(data.text.VOCAB),
                        decoder={"layers": layers, "ffn": shape["ffn"], "pieces": len(kept), "paths": args.written})
        model = Foldable(config)
        if not (out / "last.pt").exists():
            found(model, args, cache, kept)
    model.pieces = other.pieces
    model.config.stream = {"chunk": args.chunk, "left": args.left}
    if (out / "last.pt").exists():
        state = torch.load(out / "last.pt", map_location="cpu")
        model.load_state_dict(state["model"])
        spent = {k: state[k] for k in spent}
    (out / "pieces.json").write_text(json.dumps(model.pieces.plain()))
    (out / "config.json").write_text(json.dumps({**dataclasses.asdict(model.config), "args": vars(args)}, indent=1))
    return model.to(args.device).train(), spent, kept


def widened(model, ranks):
    """A model that does the same, with adapters of these ranks: what they have beyond model's adds nothing yet."""
    wide = Foldable(dataclasses.replace(model.config, adapters=ranks))
    state = wide.state_dict()
    for name, value in state.items():
        if ".adapters." in name and name.endswith(".up.weight"):
            value.zero_()
    for name, value in model.state_dict().items():
        state[name][tuple(map(slice, value.shape))] = value
    wide.load_state_dict(state)
    return wide


def found(model, args, cache, kept):
    """Puts the foundation's weights into model."""
    state = moonshine.load(args.foundation, cache)
    stem = WaveStem(model.config.d)
    stem.load_state_dict({k.removeprefix("frontend."): v for k, v in state.items() if k.startswith("frontend.")})
    if args.stem_rank:
        speech = data.Speech(args.data, args.sets)
        some = torch.randperm(len(speech.items), generator=torch.Generator().manual_seed(0))[:40].tolist()
        stem = factor.factor(stem, [speech.wave(i) for i in some if speech.seconds(i) > 1], args.stem_rank)
    state = {k: v for k, v in state.items() if not k.startswith("frontend.")}
    state.update({f"frontend.{k}": v for k, v in stem.state_dict().items()})
    model.load_pretrained(state)
    written = decoder_state(args.foundation, cache, kept)
    written["norm.gain"] = written["norm.gain"].expand(len(args.written), -1).clone()
    model.decoder.load_state_dict(written)


def learns(name, args):
    """Whether a parameter of that name is trained."""
    if name.startswith(("frontend.", "prelude.", "letters.", "exit.head.")):
        return False
    own = (".adapters.", ".norm_", ".scale")  # of an unfold, in a block that all share
    return not (args.adapters and name.startswith("blocks.")) or any(part in name for part in own)


class Ear:
    """What is frozen, over utterances once."""

    def __init__(self, model, teacher, speech, args, rank):
        self.model, self.teacher, self.speech, self.args = model, teacher, speech, args
        self.generator = torch.Generator().manual_seed(1000003 * rank + 7)

    @torch.no_grad()
    def hear(self, batch):
        """-> what Writer.add takes."""
        model, teacher = self.model, self.teacher
        clean, samples, _, _ = data.collate(self.speech, batch, self.generator, augment.pace)
        noisy = augment.spoil(clean.clone(), samples, self.generator)
        with precision.mixed(self.args.device):
            x, frames = teacher.encoder.frontend(clean, samples)
            context = model.context(x, frames)
            wanted = teacher.memory(x, context)
            into, follow = targets(self.speech, batch, model.pieces, self.args.device)
            inside = follow >= 0
            logp = F.log_softmax(teacher.decoder(into, wanted, context.memory_mask)[inside].float(), -1)
            whole, _, _ = model.features(noisy, samples)
            chunked, _, _ = model.features(noisy, samples, model.config.chunks)
        missed = torch.zeros(inside.shape, device=logp.device)
        missed[inside] = -logp.gather(1, follow[inside][:, None])[:, 0]
        return frames, whole, chunked, wanted, into, follow, logp, (-missed.sum(1) / inside.sum(1)).exp()

    def fill(self, writer, rank, of):
        rng = random.Random(3)
        for _ in range(self.args.copies):
            for turn, batch in enumerate(data.batches(self.speech, self.speech.trainable(self.args.longest), 60, rng)):
                if turn % of == rank:
                    writer.add(*self.hear(batch))
        writer.flush()


def feature_loss(memory, wanted, valid, trust):
    """Relative squared error of memory [B, T, d] over frames that are valid [B, T, 1], an utterance by its trust [B]."""
    wanted = wanted.float()
    error = ((memory.float() - wanted).square() * valid).sum((1, 2))
    return (error * trust).sum() / ((wanted.square() * valid).sum((1, 2)) * trust).sum()


def piece_losses(model, heard, memory, depth, deeper=None):
    """-> parts of the loss of one depth's decoder, and its log-probabilities [inside, V]. deeper: those of the deepest."""
    inside = heard.follow >= 0
    x = model.decoder.states(heard.into, memory, heard.context.memory_mask, depth=depth)[inside]
    logp = F.log_softmax(F.linear(x, model.decoder.embed.weight).float(), -1)
    trust = heard.trust[:, None].expand(inside.shape)[inside]
    taught = F.log_softmax(heard.taught.float(), -1)  # of the likeliest alone
    parts = {"label": F.nll_loss(logp, heard.follow[inside]),
             "teacher": ((taught.exp() * (taught - logp.gather(1, heard.likely))).sum(-1) * trust).mean()}
    if deeper is not None:
        parts["deepest"] = (deeper.exp() * (deeper - logp)).sum(-1).mean()
    return parts, logp


def step_losses(model, heard, args, generator, reads):
    """-> {part: loss}, what is shown. reads: the decoder's too."""
    R, parts, shown = model.config.unfolds, collections.Counter(), {}
    depths = R if R == 1 or float(torch.rand(1, generator=generator)) < args.deepest else R - 1
    x = train.mask_frames(heard.start.to(precision.kind(args.device)), args.mask, generator)
    among = [*(args.spare if R > 1 else []), *[model.config.paths[0]] * 2]
    drawn = among[int(torch.randint(len(among), (1,), generator=generator))]
    exits = model.unfolds(x, heard.context, depths, [drawn, *model.config.paths[1:]])
    memories = [model.exit.norm(x.float()) for x in exits]
    share = depth_weights(R, args.deep)
    for depth, memory in enumerate(memories):
        missed = feature_loss(memory, heard.wanted, heard.context.valid, heard.trust)
        parts["feature"] = parts["feature"] + share[depth] * missed
        spare = "s" if depth == 0 and drawn is not model.config.paths[0] else ""
        shown[f"{'c' if heard.context.chunks else 'x'}{depth + 1}{spare}"] = missed
    if not reads:
        return parts, shown
    read, deeper = [(R - 1, share[-1])], None
    if R > 1:
        read.append((int(torch.randint(R - 1, (1,), generator=generator)), 1 - share[-1]))
    for depth, weight in read[R - depths:]:
        values, logp = piece_losses(model, heard, memories[depth], depth, deeper)
        deeper = logp.detach()
        for name, value in values.items():
            parts[name] = parts[name] + weight * value
        shown[f"label{depth + 1}"] = values["label"]
        shown[f"teacher{depth + 1}"] = values["teacher"]
    return parts, shown


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    model, spent, kept = start(args, out)
    team = Team(model, args.processes, share_of(args, spent["minutes"], spent["hours"]), lambda name: learns(name, args))
    team.launch(member, (args, out, model, team, spent, kept))


def member(rank, args, out, model, team, spent, kept):
    """One process of the team, from the first step to the last."""
    if args.processes > 1:
        torch.set_num_threads(1)
    optimiser = Optimiser(model, args.lr, True, rank, args.processes, args.decoder_lr)
    team.join(rank, model)
    if spent["step"]:
        optimiser.resume(out)
    store = heard_store(model, kept, args, rank, team, out)
    lead = rank == 0
    if lead:
        print(f"{store.hours():.1f} h, {sum(p.numel() for p in model.parameters() if p.requires_grad) / 1e6:.2f} of "
              f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters learn, {args.device} x {args.processes}",
              flush=True)
        dev = evaluation.subset(data.Speech(args.data, ["dev_clean"], args.device), args.count) if args.count else None
    torch._dynamo.config.recompile_limit = 64  # by mask, by row, with and without a gradient to what goes in
    for layer in [] if args.eager else [*model.blocks, *model.decoder.layers]:
        layer.compile(dynamic=True)
    weights = dict(zip(("feature", "label", "teacher", "deepest"), map(float, args.weights.split(","))))
    step, hours, began = spent["step"], spent["hours"], time.time()
    minutes = lambda: spent["minutes"] + (time.time() - began) / 60
    watched = model.config.chunks if args.chunked else None
    saved, shown_at, smooth = 0, time.time(), {}
    generator = torch.Generator().manual_seed(args.seed + step + 1000003 * rank)
    batches = store.endless(model, args.batch_seconds, args.chunked, args.seed + step, args.again, rank, args.processes)

    def keep():
        optimiser.keep(out, rank)
        if lead:
            train.save(out / "last.pt", model, minutes(), hours, step)
            if args.count:
                report(out, model, dev, args.device, watched, minutes(), hours, step)
        team.wait()

    if lead and not step and args.count:
        report(out, model, dev, args.device, watched, minutes(), hours, step)
    while team.told() < 1 and not (args.stop_after and team.beside() >= args.stop_after):
        heard, reads = next(batches), team.told() >= args.features_only
        with precision.mixed(args.device):
            parts, shown = step_losses(model, heard, args, generator, reads)
        loss = sum(weights[name] * value for name, value in parts.items())
        team.clear()
        loss.backward()
        hours += args.processes * int(heard.frames.sum()) * FRAME / 3600
        team.step(optimiser, train.learning_rate(team.told()), lambda name: reads or not name.startswith("decoder."),
                  share_of(args, minutes(), hours), beside=minutes() - spent["minutes"])
        step += 1
        for name, value in {**shown, **parts}.items():
            value = float(value.detach())
            smooth[name] = value if name not in smooth else 0.97 * smooth[name] + 0.03 * value
        if lead and time.time() - shown_at > 30:
            shown_at = time.time()
            print(f"{minutes():6.1f} min step {step} {hours:.2f} h learnt from, "
                  + ", ".join(f"{name} {value:.3f}" for name, value in sorted(smooth.items())), flush=True)
        if team.beside() - saved >= args.save_minutes:
            saved = team.beside()
            keep()
    keep()


def heard_with(model, kept, args):
    """What a store depends on, by name."""
    return {"foundation": args.foundation, "stem rank": model.config.stem_rank, "prelude": model.config.prelude, "sets": args.sets,
            "longest": args.longest, "copies": args.copies, "chunks": list(model.config.chunks),
            "pieces": zlib.crc32(str(list(kept)).encode())}


def heard_store(model, kept, args, rank, team, out):
    """The store, made by all members where it is not there yet."""
    made, wanted = pathlib.Path(args.store) / "made.json", heard_with(model, kept, args)
    whole = made.exists()
    team.wait()
    if not whole:
        teacher = Teacher(args.foundation, out.parent / "foundation", kept, args.device)
        for part in (teacher.encoder.prelude, teacher.encoder.blocks, teacher.decoder):
            part.to(precision.kind(args.device))  # else every batch rounds them anew
        Ear(model, teacher, data.Speech(args.data, args.sets, args.device), args, rank).fill(
            Writer(args.store, rank), rank, args.processes)
        team.wait()
        if rank == 0:
            made.write_text(json.dumps(wanted))
        team.wait()
    for name, value in json.loads(made.read_text()).items():
        if value != wanted[name]:
            raise SystemExit(f"--store {args.store}: was made with {name} {value}, this run has {wanted[name]}; name another folder")
    return Store(args.store)


def report(out, model, dev, device, chunks, minutes, hours, step):
    model.eval()
    with precision.mixed(device):
        pairs = evaluation.readings(model, dev, device)
        if chunks:
            pairs += evaluation.readings(model, dev, device, ctc=False, chunks=chunks)[:1]
    model.train()
    line = f"{minutes:.1f}\t{hours:.2f}\t{step}\t" + "\t".join(
        f"{100 * evaluation.greedy_wer(p):.2f}" for kind in pairs for p in kind)
    with open(out / "log.tsv", "a") as log:
        log.write(line + "\n")
    print("   WER of the attention decoder, of greedy CTC, and of the attention decoder in chunks, by depth: "
          + line.replace("\t", " "), flush=True)


if __name__ == "__main__":
    main()
