#!/usr/bin/env python3
"""Pre-train a small HuBERT or wav2vec 2.0 encoder on sound alone, as `transformers` saves one.

    pretrain.py --data DATA --out RUN --family hubert --hours 40      # resumes by itself

RUN/encoder is a folder that import_transformers.py reads, and so does `transformers`. Texts are not looked at.

    hubert     at masked frames, which of so many clusters (k-means of MFCC with deltas, 50 a second) the sound is in
    wav2vec2   at masked frames, which of 33 quantised frames of the utterance is the one that is masked

Sound is cut to one length a batch, so that there is no padding (group norm hears it). The budget is the audio heard, and
the schedule is a function of the share spent.
"""

import argparse
import json
import math
import pathlib
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from fold import data, logmel
from fold.precision import mixed
from train import TRAIN, learning_rate, save

HOP, FIELD = 320, 400  # samples a frame, and samples that one hears
CEPSTRA, MELS_FLOOR = 13, 1e-6
NEGATIVES = 32  # quantised frames that are not the masked one; a hundred take three fifths of a step


def front_frames(samples):
    """Frames that the seven convolutions make of so many samples."""
    for kernel, stride in ((10, 5), *[(3, 2)] * 4, (2, 2), (2, 2)):
        samples = (samples - kernel) // stride + 1
    return samples


def cepstra(wave):
    """wave [B, N] -> MFCC with first and second differences [B, T, 39], of the samples that each frame hears."""
    windows = wave.unfold(1, FIELD, HOP // 2) * torch.hann_window(FIELD)
    mel = (torch.fft.rfft(windows).abs().square() @ logmel.filters() + MELS_FLOOR).log()
    n = torch.arange(logmel.MELS)[:, None]
    c = mel @ torch.cos(math.pi / logmel.MELS * (n + 0.5) * torch.arange(CEPSTRA)[None])
    parts = [c - c.mean(1, keepdim=True)]
    for _ in range(2):
        before = F.pad(parts[-1].transpose(1, 2), (2, 2), mode="replicate").transpose(1, 2)
        parts.append((before[:, 3:-1] - before[:, 1:-3] + 2 * (before[:, 4:] - before[:, :-4])) / 10)
    return torch.cat(parts, -1)[:, ::2]


def nearest(x, means):
    """x [..., D], means [K, D] -> which is nearest [...]."""
    return (x @ means.T * 2 - means.square().sum(1)).argmax(-1)


def cluster(speech, ids, count, generator):
    """-> mean and deviation [D] of frames, and count means [count, D] in that measure, by k-means of some utterances."""
    some = [ids[i] for i in torch.randperm(len(ids), generator=generator)[:400]]
    frames = torch.cat([cepstra(speech.wave(i)[None, :8 * data.RATE])[0] for i in some])
    middle, spread = frames.mean(0), frames.std(0)
    x = (frames - middle) / spread
    means = x[torch.randperm(len(x), generator=generator)[:count]].clone()
    for _ in range(25):
        which = nearest(x, means)
        sums = torch.zeros_like(means).index_add_(0, which, x)
        seen = torch.bincount(which, minlength=count)
        means = torch.where(seen[:, None] > 0, sums / seen.clamp(min=1)[:, None],
                            x[torch.randint(len(x), (count,), generator=generator)])
    return middle, spread, means


class Hubert(nn.Module):
    """A HubertModel, and a head that says clusters; clusters of the sound are the targets."""

    def __init__(self, shape, clusters, mask):
        from transformers import HubertConfig, HubertModel
        super().__init__()
        self.encoder, self.mask = HubertModel(HubertConfig(**shape)), mask
        self.head = nn.Linear(shape["hidden_size"], clusters)
        for name, size in (("middle", 39), ("spread", 39), ("means", (clusters, 39))):
            self.register_buffer(name, torch.zeros(size))

    def prepare(self, speech, ids, generator):
        self.middle[:], self.spread[:], self.means[:] = cluster(speech, ids, len(self.means), generator)

    def loss(self, wave, share):
        """wave [B, N] of one length -> loss, what is shown."""
        with torch.no_grad():
            wanted = nearest((cepstra(wave) - self.middle) / self.spread, self.means)
        masked = spans(wanted.shape, *self.mask)
        logits = self.head(self.encoder(level(wave), mask_time_indices=torch.from_numpy(masked)).last_hidden_state).float()
        each = F.cross_entropy(logits.transpose(1, 2), wanted, reduction="none")
        right = logits.argmax(-1) == wanted
        hidden, heard = masked, ~masked
        # What is heard is easy, and teaches fast at first; what is hidden is what makes an encoder.
        loss = each[hidden].mean() + max(0.1, 1 - 3 * share) * each[heard].mean()
        return loss, {"hidden": each[hidden].mean(), "right": right[hidden].float().mean(), "heard": each[heard].mean()}


class Wav2vec2(nn.Module):
    """A Wav2Vec2ForPreTraining."""

    def __init__(self, shape, clusters, mask):
        from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining
        super().__init__()
        self.whole = Wav2Vec2ForPreTraining(Wav2Vec2Config(**shape, num_codevectors_per_group=max(2, clusters // 2),
                                                           codevector_dim=128, proj_codevector_dim=128, feat_quantizer_dropout=0.0))
        self.mask = mask

    @property
    def encoder(self):
        return self.whole.wav2vec2

    def prepare(self, speech, ids, generator):
        pass

    def loss(self, wave, share):
        from transformers.models.wav2vec2.modeling_wav2vec2 import _sample_negative_indices
        shape = (len(wave), front_frames(wave.shape[1]))
        masked = spans(shape, *self.mask)
        others = torch.from_numpy(_sample_negative_indices(shape, NEGATIVES, masked))
        self.whole.set_gumbel_temperature(max(0.5, 2 * 0.25 ** share))
        out = self.whole(level(wave), mask_time_indices=torch.from_numpy(masked), sampled_negative_indices=others)
        count = masked.sum()
        return out.loss / count, {"contrast": out.contrastive_loss / count, "codes": out.codevector_perplexity}


FAMILIES = {"hubert": Hubert, "wav2vec2": Wav2vec2}


def level(wave):
    """Zero mean and unit variance, as feature extractors of checkpoints do."""
    return (wave - wave.mean(1, keepdim=True)) / (wave.var(1, unbiased=False, keepdim=True) + 1e-7).sqrt()


def spans(shape, share, length):
    """Which frames are masked [B, T]: spans of length, about so large a share of them."""
    masked = np.zeros(shape, bool)
    for row in masked:
        for at in np.random.randint(0, max(1, shape[1] - length), max(2, round(share * shape[1] / length))):
            row[at:at + length] = True
    return masked


class Optimiser:
    """Muon for matrices of layers, AdamW for the rest."""

    def __init__(self, model, lr):
        muon = [p for n, p in model.named_parameters() if p.ndim == 2 and ".layers." in n]
        other = [p for n, p in model.named_parameters() if not (p.ndim == 2 and ".layers." in n)]
        self.lr = lr
        self.parts = [torch.optim.Muon(muon, lr=lr, momentum=0.95, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
                      torch.optim.AdamW(other, lr=lr, betas=(0.9, 0.98), weight_decay=0.01)]

    def step(self, share):
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = self.lr * share
            part.step()
            part.zero_grad(set_to_none=True)

    def keep(self, path):
        torch.save([part.state_dict() for part in self.parts], path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    def resume(self, path):
        for part, state in zip(self.parts, torch.load(path, map_location="cpu")):
            part.load_state_dict(state)


def crops(speech, ids, seconds, longest, seed):
    """Batches [B, N] without end: utterances of similar lengths, each cut at random to the shortest of them."""
    rng, least = random.Random(seed), 1.5
    ids = [i for i in ids if speech.seconds(i) >= least]
    while True:
        for batch in data.batches(speech, ids, seconds, rng):
            size = int(min(longest, *map(speech.seconds, batch)) * data.RATE)
            starts = [rng.randrange(speech.items[i][2] - size + 1) for i in batch]
            yield torch.stack([speech.wave(i)[at:at + size] for i, at in zip(batch, starts)])


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True, help="folder made by pack.py")
    ap.add_argument("--out", required=True, help="run folder: last.pt, encoder/")
    ap.add_argument("--family", required=True, choices=FAMILIES)
    ap.add_argument("--sets", nargs="*", default=TRAIN)
    ap.add_argument("--hours", type=float, required=True, help="of audio heard in the whole run")
    ap.add_argument("--stop-after", type=float, default=0, help="leave after so many minutes of this call")
    ap.add_argument("--layers", type=int, default=6)
    ap.add_argument("--width", type=int, default=144)
    ap.add_argument("--heads", type=int, default=4)
    ap.add_argument("--channels", type=int, nargs=7, default=[48, 48, 96, 96, 96, 96, 96], help="of the front end")
    ap.add_argument("--clusters", type=int, default=100, help="of hubert; codes of wav2vec2")
    ap.add_argument("--mask", type=float, default=0.5, help="of the frames, counted once for each span over them")
    ap.add_argument("--span", type=int, default=6, help="frames of a masked span")
    ap.add_argument("--batch-seconds", type=float, default=24)
    ap.add_argument("--longest", type=float, default=8)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--save-minutes", type=float, default=5)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seed", type=int, default=1)
    return ap.parse_args()


def start(args, out):
    """-> model, optimiser, what a run that is resumed has behind it."""
    shape = dict(hidden_size=args.width, num_hidden_layers=args.layers, num_attention_heads=args.heads,
                 intermediate_size=4 * args.width, conv_dim=args.channels, attn_implementation="eager", layerdrop=0.0,
                 hidden_dropout=0.0, activation_dropout=0.0, attention_dropout=0.0, feat_proj_dropout=0.0, vocab_size=29)
    model = FAMILIES[args.family](shape, args.clusters, (args.mask, args.span)).train()
    optimiser, spent = Optimiser(model, args.lr), {"minutes": 0.0, "hours": 0.0, "step": 0}
    if (out / "last.pt").exists():
        state = torch.load(out / "last.pt", map_location="cpu")
        model.load_state_dict(state["model"])
        optimiser.resume(out / "optimiser.pt")
        spent = {k: state[k] for k in spent}
    return model, optimiser, spent


def main():
    args = arguments()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    model, optimiser, spent = start(args, out)
    torch.manual_seed(args.seed + spent["step"])
    np.random.seed(args.seed + spent["step"])
    speech = data.Speech(args.data, args.sets)
    ids = [i for i in range(len(speech.items))]
    if not spent["step"]:
        model.prepare(speech, ids, torch.Generator().manual_seed(args.seed))
    print(f"{sum(map(speech.seconds, ids)) / 3600:.1f} h, {sum(p.numel() for p in model.encoder.parameters()) / 1e6:.2f} M "
          "parameters of the encoder", flush=True)
    step, hours, began, shown, saved = spent["step"], spent["hours"], time.time(), time.time(), time.time()
    minutes, smooth = lambda: spent["minutes"] + (time.time() - began) / 60, {}

    def keep():
        save(out / "last.pt", model, minutes(), hours, step)
        optimiser.keep(out / "optimiser.pt")
        model.encoder.save_pretrained(out / "encoder")
        (out / "encoder" / "preprocessor_config.json").write_text(json.dumps(
            {"do_normalize": True, "feature_size": 1, "padding_value": 0.0, "sampling_rate": data.RATE}, indent=1))

    for wave in crops(speech, ids, args.batch_seconds, args.longest, args.seed + step):
        if hours >= args.hours or args.stop_after and minutes() - spent["minutes"] >= args.stop_after:
            break
        share = hours / args.hours
        with mixed("cpu"):
            loss, values = model.loss(wave, share)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step(learning_rate(share))
        step, hours = step + 1, hours + wave.numel() / data.RATE / 3600
        for name, value in values.items():
            smooth[name] = 0.97 * smooth.get(name, float(value.detach())) + 0.03 * float(value.detach())
        if time.time() - shown > 30:
            shown = time.time()
            print(f"{minutes():6.1f} min step {step} {hours:.2f} h heard, "
                  + ", ".join(f"{name} {value:.3f}" for name, value in smooth.items()), flush=True)
        if time.time() - saved > 60 * args.save_minutes:
            saved = time.time()
            keep()
    keep()


if __name__ == "__main__":
    main()
