"""Log-probabilities of whole sets by depth, and word error rates of greedy decoding."""

import random

import torch

from . import data, text
from .alphabet import Alphabet


def subset(speech, count, seed=0):
    """(speech, ids): a fixed random choice of utterances, longest last; count 0: all."""
    ids = list(range(len(speech.items)))
    if count:
        ids = random.Random(seed).sample(ids, min(count, len(ids)))
    return speech, sorted(ids, key=speech.seconds)


@torch.no_grad()
def logprobs(model, chosen, device="cpu", depth=None, batch_seconds=60, chunks=None):
    """Yields (id, [logp [T, V] by depth]) for each utterance. chunks: as a live stream is heard."""
    speech, ids = chosen
    batch = []
    for n, i in enumerate(ids):
        batch.append(i)
        last = n + 1 == len(ids)
        if last or speech.seconds(ids[n + 1]) * (len(batch) + 1) > batch_seconds:
            wave, samples, _, _ = data.collate(speech, batch)
            exits, frames = model(wave.to(device), samples.to(device), depth, chunks)
            for row, uid in enumerate(batch):
                yield uid, [e[row, :frames[row]].float().cpu() for e in exits]
            batch = []


def transcripts(model, chosen, device="cpu", depth=None, chunks=None):
    """-> by depth, a list of (reference, greedy hypothesis)."""
    speech, alphabet = chosen[0], Alphabet(model.config.symbols)
    out = [[] for _ in range(depth or model.config.unfolds)]
    for i, exits in logprobs(model, chosen, device, depth, chunks=chunks):
        reference = text.normalise(speech.text(i))
        for pairs, logp in zip(out, exits):
            pairs.append((reference, alphabet.decode(logp.argmax(-1).tolist())))
    return out


@torch.no_grad()
def readings(model, chosen, device="cpu", batch_seconds=60, ctc=True, chunks=None):
    """Of a seed with an attention decoder: -> (by depth, lists of (reference, its text)), the like of greedy CTC.
    chunks: as a live stream is heard."""
    (speech, ids), alphabet = chosen, Alphabet(model.config.symbols)
    read = [[] for _ in range(model.config.unfolds)]
    heard = [[] for _ in range(model.config.unfolds if ctc else 0)]
    batch = []
    for n, i in enumerate(ids):
        batch.append(i)
        if n + 1 < len(ids) and speech.seconds(ids[n + 1]) * (len(batch) + 1) <= batch_seconds:
            continue
        wave, samples, _, _ = data.collate(speech, batch)
        x, frames, context = model.features(wave.to(device), samples.to(device), chunks)
        references = [text.normalise(speech.text(k)) for k in batch]
        for r, x in enumerate(model.unfolds(x, context, model.config.unfolds)):
            for reference, pieces in zip(references, model.decoder.greedy(model.exit.norm(x), context.memory_mask, depth=r)):
                read[r].append((reference, text.normalise(text.spell(model.pieces.decode(pieces)))))
            if ctc:
                best = model.logp(x, context).argmax(-1)
                heard[r] += [(reference, alphabet.decode(row[:n].tolist()))
                             for reference, row, n in zip(references, best, frames.tolist())]
        batch = []
    return read, heard


def greedy_wer(pairs):
    counts = [text.word_errors(*p) for p in pairs]
    return sum(e for e, _ in counts) / max(1, sum(n for _, n in counts))
