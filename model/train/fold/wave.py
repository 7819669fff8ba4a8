"""Front end of wav2vec 2.0 and HuBERT: convolutions over the wave, a projection, a convolution that tells positions apart.

    wave -> (zero mean, unit variance) -> convolutions, each with its norm and gelu -> (norm) -> projection
         -> x + gelu(grouped convolution of x) -> (norm)

The first convolution alone has a norm in the *base* models, over time and by channel ("group"); in the *large* ones every
one has, over channels and by frame ("layer"). Weight norm is folded into plain weights by whoever imports. In a padded
batch what is no utterance's is left out everywhere, so that an utterance is heard as alone.
"""

import torch
import torch.nn.functional as F
from torch import nn

KIND = "wave"


def settings(channels=(512,) * 7, kernels=(10, 3, 3, 3, 3, 2, 2), strides=(5, 2, 2, 2, 2, 2, 2), norm="group", bias=False,
             normalise=False, norm_features=True, positions=(128, 16), norm_last=True):
    """Config.frontend of such a model; as it is, that of the base layouts.

    norm: "group" or "layer"; bias: of the convolutions; normalise: the wave, to zero mean and unit variance;
    norm_features: before the projection; positions: taps and groups; norm_last: behind it all, where blocks are post-norm."""
    return {"kind": KIND, "channels": list(channels), "kernels": list(kernels), "strides": list(strides), "norm": norm,
            "bias": bias, "normalise": normalise, "norm_features": norm_features, "positions": list(positions),
            "norm_last": norm_last}


def standardised(wave, samples):
    """wave [B, N] -> zero mean, unit variance over the samples [B] of each; 0 behind them."""
    inside = torch.arange(wave.shape[1], device=wave.device)[None] < samples[:, None]
    n = samples[:, None]
    mean = (wave * inside).sum(1, keepdim=True) / n
    var = ((wave - mean) * inside).square().sum(1, keepdim=True) / n
    return (wave - mean) * inside / (var + 1e-7).sqrt()


class WaveFrontend(nn.Module):
    def __init__(self, d, kind, channels, kernels, strides, norm, bias, normalise, norm_features, positions, norm_last):
        super().__init__()
        assert kind == KIND and norm in ("group", "layer"), (kind, norm)
        self.strides, self.kernels, self.norm, self.normalise = strides, kernels, norm, normalise
        self.convs = nn.ModuleList(nn.Conv1d(a, b, k, s, bias=bias)
                                   for a, b, k, s in zip([1, *channels], channels, kernels, strides))
        self.norms = nn.ModuleList(nn.LayerNorm(c) for c in (channels[:1] if norm == "group" else channels))
        self.project_norm = nn.LayerNorm(channels[-1]) if norm_features else nn.Identity()
        self.project = nn.Linear(channels[-1], d)
        self.positions = nn.Conv1d(d, d, positions[0], padding=positions[0] // 2, groups=positions[1])
        self.last_norm = nn.LayerNorm(d) if norm_last else nn.Identity()

    def frames(self, samples):
        for k, s in zip(self.kernels, self.strides):
            samples = (samples - k) // s + 1
        return samples

    def features(self, wave, samples):
        """-> the last convolution's [B, T, C], before norm and projection; frames [B]."""
        x = (standardised(wave, samples) if self.normalise else wave)[:, None]
        frames = samples
        for i, conv in enumerate(self.convs):
            x, frames = conv(x), (frames - conv.kernel_size[0]) // conv.stride[0] + 1
            if self.norm == "layer":
                x = self.norms[i](x.transpose(1, 2)).transpose(1, 2)
            elif i == 0:
                x = self.over_time(x, frames)
            x = F.gelu(x)
        return x.transpose(1, 2), frames

    def over_time(self, x, frames):
        """x [B, C, T], every channel to zero mean and unit variance over its frames [B]."""
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            inside = (torch.arange(x.shape[2], device=x.device)[None] < frames[:, None])[:, None]
            n = frames[:, None, None]
            mean = (x * inside).sum(2, keepdim=True) / n
            var = ((x - mean) * inside).square().sum(2, keepdim=True) / n
            x = (x - mean) * torch.rsqrt(var + self.norms[0].eps)
            return x * self.norms[0].weight[:, None] + self.norms[0].bias[:, None]

    def encode(self, features, frames):
        """features [B, T, C] -> x [B, T, d]: projection, positions, last norm."""
        x = self.project(self.project_norm(features))
        inside = torch.arange(x.shape[1], device=x.device)[None] < frames[:, None]
        x = x * inside[..., None]
        places = self.positions(x.transpose(1, 2))[..., :x.shape[1]]  # an even kernel makes one too many
        return self.last_norm(x + F.gelu(places.transpose(1, 2)))

    def forward(self, wave, samples, chunk=None):
        """wave [B, N], samples [B] -> x [B, T, d], frames [B]."""
        assert chunk is None, "this front end hears whole recordings"
        features, frames = self.features(wave, samples)
        return self.encode(features[:, :int(frames.max())], frames), frames
