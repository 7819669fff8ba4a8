"""A row of a table of comparisons: one model, trained on a budget of audio seen, scored by depth, its texts kept.

Learning rate and curriculum are functions of the share of the budget that is spent. A row saves itself and goes on from there
when started again: last.pt, optimiser.N.pt; config.json, which export.py reads; at the end row.json and texts.json
(compare.py). A row that has ended says its line again.
"""

import dataclasses
import json
import os
import pathlib
import time

import torch

from fold import data, evaluation, losses, seedfile, text
from fold.alphabet import Alphabet
from fold.optimiser import Optimiser
from fold.precision import mixed
from fold.team import Team
from train import TRAIN, learning_rate, longest_now, save

SCORED = 200  # utterances of a set, spread over it


@dataclasses.dataclass
class Row:
    name: str
    model: torch.nn.Module  # model(wave, samples) -> (log-probabilities [B, T, V] by exit, frames [B])
    depths: list            # of its exits
    frozen: tuple = ()      # names of parameters begin so that stay as they are
    kl: float = 0.3         # from the deepest exit, after a quarter of the budget
    control: str | None = None  # of controls.py, where it is one
    facts: dict = dataclasses.field(default_factory=dict)  # more to say in its line


def arguments(ap, longest=16.5, lr=2e-3):
    """What every row is told."""
    ap.add_argument("--data", required=True, help="folder made by pack.py")
    ap.add_argument("--out", required=True, help="run folder; of several rows: one folder a row in it")
    ap.add_argument("--sets", nargs="*", default=[name for name in TRAIN if name != "train_an4"])
    ap.add_argument("--scored", nargs="*", default=["dev_clean", "test_clean_a"], help="sets that the row is scored on")
    ap.add_argument("--hours", type=float, required=True, help="of audio seen")
    ap.add_argument("--batch-seconds", type=float, default=60)
    ap.add_argument("--longest", type=float, default=longest)
    ap.add_argument("--lr", type=float, default=lr)
    ap.add_argument("--augment", action="store_true", help="rooms, noise, speed, telephone")
    ap.add_argument("--sparse", type=int, default=1, help="shallow exits learn every so many steps")
    ap.add_argument("--save-minutes", type=float, default=5)
    ap.add_argument("--stop-after", type=float, default=0, help="leave after so many minutes of this call")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))


def run(row, args, out):
    """Trains the row in the folder out, from where it was left, and scores it."""
    out.mkdir(parents=True, exist_ok=True)
    said = json.loads(json.dumps({**dataclasses.asdict(row.model.config), "row": row.name}))
    if (out / "last.pt").exists():
        before = json.loads((out / "config.json").read_text()) if (out / "config.json").exists() else {}
        if {name: before.get(name) for name in said} != said:
            raise SystemExit(f"{out}: holds another run than {row.name} of this shape; --out must name a folder of its own")
    if (out / "row.json").exists():
        print((out / "row.json").read_text(), flush=True)
        return
    spent = {"minutes": 0.0, "hours": 0.0, "step": 0}
    if (out / "last.pt").exists():
        state = torch.load(out / "last.pt", map_location="cpu")
        row.model.load_state_dict(state["model"])
        spent = {k: state[k] for k in spent}
    (out / "config.json").write_text(json.dumps({**said, "args": {**vars(args), "control": row.control}}, indent=1))
    team = Team(row.model, args.processes, spent["hours"], lambda name: not name.startswith(row.frozen))
    team.launch(member, (row, args, out, team, spent))


def member(rank, row, args, out, team, spent):
    """One process of the team. Its clock tells the hours of audio seen, by all members, instead of minutes."""
    torch.set_num_threads(1)
    model, alphabet = row.model, Alphabet(row.model.config.symbols)
    optimiser = Optimiser(model, args.lr, True, rank, args.processes)
    team.join(rank, model)
    if spent["step"]:
        optimiser.resume(out)
    speech = data.Speech(args.data, args.sets)
    ids = [i for i in speech.trainable(args.longest)
           if len(text.encode(speech.text(i))) < 25 * speech.seconds(i) * 0.8]
    done = lambda: team.told() / args.hours
    generator = torch.Generator().manual_seed(args.seed + spent["step"] + 1000003 * rank)
    stream = data.endless(speech, ids, args.batch_seconds, args.seed + spent["step"],
                          lambda: longest_now(done(), args.longest), rank, args.processes)
    began, shown, step, seen = time.time(), time.time(), spent["step"], spent["hours"]
    minutes = lambda: spent["minutes"] + (time.time() - began) / 60
    saved, smooth = 0.0, {}

    def keep():
        optimiser.keep(out, rank)
        if rank == 0:
            save(out / "last.pt", model, minutes(), seen, step)
        team.wait()

    for batch in stream:
        share = done()
        if share >= 1 or args.stop_after and team.beside() >= args.stop_after:
            break
        wave, samples, targets, lengths = data.collate(speech, batch, generator if args.augment else None,
                                                       encode=alphabet.encode)
        with mixed("cpu"):
            exits, frames = model(wave, samples)
        if step % args.sparse:
            exits = exits[-1:]
        loss, values = losses.joint(exits, frames, targets, lengths, row.kl if share >= 0.25 else 0)
        seen += args.processes * float(samples.sum()) / data.RATE / 3600
        team.clear()
        loss.backward()
        team.step(optimiser, learning_rate(share), lambda name: True, seen, beside=(time.time() - began) / 60)
        step += 1
        for depth, value in zip(row.depths[-len(values):], values):
            smooth[depth] = 0.97 * smooth.get(depth, value) + 0.03 * value
        if rank == 0 and time.time() - shown > 30:
            shown = time.time()
            print(f"{row.name}: step {step}, {seen:.2f} h, {(seen - spent['hours']) * 3600 / (shown - began):.0f} x real time, "
                  "ctc/letter " + " ".join(f"{smooth[depth]:.3f}" for depth in sorted(smooth)), flush=True)
        if team.beside() - saved >= args.save_minutes:
            saved = team.beside()
            keep()
    keep()
    if rank == 0 and done() >= 1:
        finish(row, args, out, seen, minutes())


def finish(row, args, out, seen, minutes):
    """Scores the row, and keeps its line and its texts."""
    scores, texts = {}, {}
    for name in args.scored:
        scores[name], texts[name] = score(row.model, row.depths, data.Speech(args.data, [name]))
    line = {"row": row.name, "hours": round(seen, 3), "minutes": round(minutes, 2), **row.facts, **size(row.model), **scores}
    (out / "texts.json").write_text(json.dumps(texts))
    (out / "row.json").write_text(json.dumps(line))
    print(json.dumps(line), flush=True)


def size(model):
    """Parameters, and the bytes that a model file would have for them in int8."""
    state = [(name, p.detach().float().numpy()) for name, p in model.named_parameters()]
    return {"parameters": sum(p.size for _, p in state),
            "bytes": sum(part.nbytes for name, p in state for part in seedfile.stored(name, p, "i8").values())}


@torch.no_grad()
def score(model, depths, speech):
    """-> by depth: CTC loss a letter, CER and WER (%) of greedy text; by depth, lists of (reference, text)."""
    model.eval()
    alphabet = Alphabet(model.config.symbols)
    ids = range(0, len(speech.items), max(1, len(speech.items) // SCORED))[:SCORED]
    sums, texts = {r: [0, 0] for r in depths}, {r: [] for r in depths}
    for i in ids:
        wave, samples, targets, lengths = data.collate(speech, [i], encode=alphabet.encode)
        exits, frames = model(wave, samples)
        for depth, logp in zip(depths, exits):
            letters = int(lengths)
            sums[depth][0] += float(losses.ctc(logp, frames, targets, lengths)) * letters
            sums[depth][1] += letters
            texts[depth].append((text.normalise(speech.text(i)), alphabet.decode(logp[0].argmax(-1).tolist())))
    return {depth: {"ctc": round(a / b, 3), "cer": round(100 * evaluation.greedy_wer(map(text.spelled, texts[depth])), 1),
                    "wer": round(100 * evaluation.greedy_wer(texts[depth]), 1)} for depth, (a, b) in sums.items()}, texts
