"""What a trainer's frozen parts make of utterances, kept on disk: heard once, learnt from in every pass.

A seed's stem and prelude stay as they are, and so does its teacher. For every utterance, at one draw of tempo, noise and room, a
part of the store has, in half precision, what the prelude makes of it (heard whole, and in chunks as a live stream), what
the teacher makes of the clean sound, the pieces, and the likeliest pieces of the teacher at each. An hour is 0.4 GB.
"""

import pathlib
import random
import typing

import torch

from . import data

LIKELIEST = 32  # pieces of the teacher that are kept at each
PART_SECONDS = 1200
FRAME = 384 / data.RATE


class Heard(typing.NamedTuple):
    """A batch behind all that is frozen."""
    start: torch.Tensor     # what the prelude makes of it [B, T, d]
    frames: torch.Tensor    # [B]
    context: typing.Any     # encoder.Context
    wanted: torch.Tensor    # the teacher's memory of the clean sound [B, T, d]
    into: torch.Tensor      # pieces [B, U]
    follow: torch.Tensor    # [B, U], -100 beyond the end
    likely: torch.Tensor    # pieces that the teacher finds likeliest where one follows, [inside, LIKELIEST]
    taught: torch.Tensor    # their log-probabilities, [inside, LIKELIEST]
    trust: torch.Tensor     # of the teacher, [B]


class Store:
    """Parts of a folder, each written whole; utterances are counted over all parts. Files are mapped, not read."""

    def __init__(self, folder):
        self.folder, self.items, self.parts = pathlib.Path(folder), [], []
        for path in sorted(self.folder.glob("part.*.pt")):
            part = torch.load(path, mmap=True)
            at = piece = 0
            for row, (frames, pieces) in enumerate(zip(part["frames"].tolist(), part["pieces"].tolist())):
                self.items.append((len(self.parts), row, at, frames, piece, pieces))
                at, piece = at + frames, piece + pieces
            self.parts.append(part)

    def seconds(self, i):
        return self.items[i][3] * FRAME

    def hours(self):
        return sum(map(self.seconds, range(len(self.items)))) / 3600

    def batch(self, ids, model, chunked):
        """-> Heard. chunked: in chunks, as the store was made."""
        items = [self.items[i] for i in ids]
        device = model.exit.head.weight.device
        rows = lambda name, at, count: [self.parts[i[0]][name][i[at]:i[at] + i[count]].to(device) for i in items]
        pad = lambda tensors, value=0: torch.nn.utils.rnn.pad_sequence(tensors, True, value)
        start = pad(rows("chunked" if chunked else "whole", 2, 3))
        frames = torch.tensor([item[3] for item in items], device=device)
        into, follow = pad(rows("into", 4, 5), 2).long(), pad(rows("follow", 4, 5), -100).long()
        trust = torch.stack([self.parts[item[0]]["trust"][item[1]] for item in items]).to(device)
        context = model.context(start, frames, model.config.chunks if chunked else None)
        return Heard(start, frames, context, pad(rows("wanted", 2, 3)), into, follow, torch.cat(rows("likely", 4, 5)).long(),
                     torch.cat(rows("taught", 4, 5)), trust)

    def hard(self):
        """Utterances whose label the teacher finds unlikely, though not so unlikely that it must be wrong."""
        return [i for i, (part, row, *_) in enumerate(self.items) if 0.08 < float(self.parts[part]["trust"][row]) < 0.5]

    def endless(self, model, seconds, chunked, seed, again=1, rank=0, of=1):
        """Batches of about so many padded seconds for ever, each utterance once a pass, hard ones so many times. chunked: share of
        those heard so."""
        rng, ids = random.Random(seed), [*range(len(self.items)), *self.hard() * (again - 1)]
        while True:
            for turn, batch in enumerate(data.batches(self, ids, seconds, rng)):
                draw = rng.random()
                if turn % of == rank:
                    yield self.batch(batch, model, draw < chunked)


class Writer:
    """Gathers utterances and writes them as parts. One process writes the parts of its rank."""

    def __init__(self, folder, rank):
        self.folder, self.rank, self.count = pathlib.Path(folder), rank, 0
        self.folder.mkdir(parents=True, exist_ok=True)
        self.clear()

    def clear(self):
        self.lists = {name: [] for name in ("frames", "pieces", "whole", "chunked", "wanted", "into", "follow", "likely", "taught",
                                            "trust")}

    def add(self, frames, whole, chunked, wanted, into, follow, logp, trust):
        """A batch: frames [B], x [B, T, d] thrice, pieces [B, U] twice, the teacher's log-probabilities [inside, V], trust [B]."""
        frames, whole, chunked, wanted, into, follow, best, likely, trust = (
            x.cpu() for x in (frames, whole, chunked, wanted, into, follow, *logp.topk(LIKELIEST, -1), trust))
        counts = (follow >= 0).sum(1)
        for row in range(len(frames)):
            n, u = int(frames[row]), int(counts[row])
            for name, x in (("whole", whole), ("chunked", chunked), ("wanted", wanted)):
                self.lists[name].append(x[row, :n].bfloat16())
            self.lists["into"].append(into[row, :u].short())
            self.lists["follow"].append(follow[row, :u].short())
        self.lists["frames"].append(frames)
        self.lists["pieces"].append(counts)
        self.lists["likely"].append(likely.short())
        self.lists["taught"].append(best.bfloat16())
        self.lists["trust"].append(trust.float())
        if sum(int(f.sum()) for f in self.lists["frames"]) * FRAME > PART_SECONDS:
            self.flush()

    def flush(self):
        if not self.lists["frames"]:
            return
        path = self.folder / f"part.{self.rank}.{self.count:04}.pt"
        torch.save({name: torch.cat(some) for name, some in self.lists.items()}, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)
        self.count += 1
        self.clear()
