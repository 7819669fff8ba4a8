"""Packed speech: every set decoded once into one int16 file with an index; batches by length.

pack(set folder) writes NAME.i16 (samples of all utterances, one after the other) and
NAME.tsv (offset, samples, id, speaker, text). See DATA in the project's shared pages for the
input layout: Ogg Opus shards and a manifest.
"""

import csv
import math
import pathlib
import random

import numpy as np
import torch

from . import augment, text

RATE = 16000


def pack(source, out):
    """Decode one set folder (shards + manifest.tsv) into out/NAME.i16 and out/NAME.tsv."""
    import soundfile

    source, out = pathlib.Path(source), pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    rows = list(csv.DictReader(open(source / "manifest.tsv", newline=""), delimiter="\t", quoting=csv.QUOTE_NONE))
    offset, shard, wave = 0, None, None
    with open(out / f"{source.name}.i16", "wb") as data, open(out / f"{source.name}.tsv", "w") as index:
        for row in rows:
            if row["shard"] != shard:
                shard = row["shard"]
                wave, rate = soundfile.read(source / shard, dtype="int16")
                if rate != RATE:  # libsndfile reports Opus at 48 kHz where the stream says so
                    import soxr
                    wave = soxr.resample(wave, rate, RATE)
            start = round(float(row["start_s"]) * RATE)
            clip = wave[start:start + round(float(row["dur_s"]) * RATE)]
            data.write(clip.tobytes())
            index.write(f"{offset}\t{len(clip)}\t{row['id']}\t{row['speaker']}\t{row['text']}\n")
            offset += len(clip)
    return offset / RATE / 3600


class Letters:
    """What another seed hears in a set: NAME.letters, log-probabilities [T, V] in half precision of one
    utterance after the other, and NAME.letters.npy, where each begins. Either may be missing."""

    def __init__(self, folder, name):
        self.path, self.begins = folder / f"{name}.letters", None

    def of(self, i):
        """[T, V] or None. The files may still be in the making when training starts."""
        if self.begins is None and self.path.exists():
            self.begins = np.load(f"{self.path}.npy")
            self.logp = np.memmap(self.path, dtype=np.float16, mode="c").reshape(-1, len(text.VOCAB))
        if self.begins is None or self.begins[i] == self.begins[i + 1]:
            return None
        return torch.from_numpy(self.logp[self.begins[i]:self.begins[i + 1]]).float()


class Speech:
    """Utterances of one or more packed sets, as one int16 tensor on device (mapped when on CPU)."""

    def __init__(self, folder, names, device="cpu"):
        self.device, self.parts = device, []
        self.items = []  # (part, offset, samples, id, text)
        self.proses, self.letters, self.first = [], [], []
        for part, name in enumerate(names):
            wave = np.memmap(pathlib.Path(folder) / f"{name}.i16", dtype=np.int16, mode="c")
            self.first.append(len(self.items))
            self.parts.append(torch.from_numpy(wave).to(device))
            for line in open(pathlib.Path(folder) / f"{name}.tsv"):
                offset, samples, uid, _, words = line.rstrip("\n").split("\t")
                self.items.append((part, int(offset), int(samples), uid, words))
            cased = pathlib.Path(folder) / f"{name}.cased"
            if cased.exists():
                self.proses += cased.read_text().splitlines()
            self.letters.append(Letters(pathlib.Path(folder), name))
            self.proses += [item[4] for item in self.items[len(self.proses):]]

    def wave(self, i):
        """float32 [samples] in [-1, 1]"""
        part, offset, samples, _, _ = self.items[i]
        return self.parts[part][offset:offset + samples].float() / 32768

    def seconds(self, i):
        return self.items[i][2] / RATE

    def text(self, i):
        return self.items[i][4]

    def heard(self, i):
        """[T, V] log-probabilities of another seed, or None."""
        part = self.items[i][0]
        return self.letters[part].of(i - self.first[part])

    def prose(self, i):
        """The text, cased and punctuated: as the set has it, or a line of NAME.cased beside it."""
        line = self.proses[i]
        return line if line[-1:] in ".?!" else line.rstrip(",;: ") + "."

    def trainable(self, longest_s):
        """Indices of utterances fit for CTC: clear text, neither too short for it nor too long."""
        return [i for i in range(len(self.items))
                if 0.4 <= self.seconds(i) <= longest_s and text.trainable(self.text(i))
                and len(text.encode(self.text(i))) < 41 * self.seconds(i) * 0.8]


def collate(speech, ids, generator=None, how=augment.augment, encode=text.encode):
    """-> wave [B, N] float32, samples [B], targets [sum], target lengths [B], on the set's device.
    generator: augment, as how says; encode: text -> ids."""
    waves = [speech.wave(i) for i in ids]
    samples = torch.tensor([len(w) for w in waves], device=speech.device)
    wave = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
    if generator is not None:
        wave, samples = how(wave, samples, generator)
    letters = [encode(speech.text(i)) for i in ids]
    targets = torch.tensor([x for seq in letters for x in seq], device=speech.device)
    return wave, samples, targets, torch.tensor([len(seq) for seq in letters], device=speech.device)


def batches(speech, ids, seconds, rng):
    """Shuffled batches of similar lengths, each about so many padded seconds of audio."""
    order = sorted(ids, key=lambda i: speech.seconds(i) * math.exp(rng.uniform(-0.1, 0.1)))
    out, batch = [], []
    for i in order:
        if batch and speech.seconds(i) * (len(batch) + 1) > seconds:
            out.append(batch)
            batch = []
        batch.append(i)
    if batch:
        out.append(batch)
    rng.shuffle(out)
    return out


def endless(speech, ids, seconds, seed, curriculum, rank=0, of=1):
    """Batches for ever. curriculum(): longest utterance (s) allowed now; shorter ones come first.
    Of every so many batches the one at rank: members of a team see different ones."""
    rng = random.Random(seed)
    while True:
        allowed = curriculum()
        now = [i for i in ids if speech.seconds(i) <= allowed]
        for turn, batch in enumerate(batches(speech, now, seconds, rng)):
            if turn % of != rank:
                continue
            if curriculum() > allowed * 1.5:
                break
            yield batch
