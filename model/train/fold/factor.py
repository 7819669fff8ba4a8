"""The stem's second convolution as two factors: three quarters of the stem's cost for almost nothing.

What the convolution is given lies close to a few hundred directions, so the best product of two thin matrices is
sought where its input is: with C the covariance of its windows, the singular vectors of W C^(1/2) (an ordinary SVD
of W alone misses by far more)."""

import torch
import torch.nn.functional as F

from .encoder import WaveStem


def _normed(stem, wave):
    """What the second convolution is given of wave [N] -> [1, d, T1]."""
    h = torch.tanh(F.linear(wave[None].unfold(1, 127, 64), stem.conv1.weight[:, 0]))
    mean = h.mean()
    return stem.normed(h, mean, h.square().mean() - mean ** 2).transpose(1, 2)


@torch.no_grad()
def factor(stem, waves, rank):
    """A WaveStem of that rank which gives nearly what stem gives of speech such as waves (some minutes are enough)."""
    d = stem.conv1.weight.shape[0]
    size = stem.conv2.weight[0].numel()
    covariance, count = torch.zeros(size, size), 0
    for wave in waves:
        windows = _normed(stem, wave)[0].unfold(1, 7, 3).permute(1, 0, 2).flatten(1)  # [T, d * 7]
        covariance += windows.T @ windows
        count += len(windows)
    covariance = covariance / count + 1e-5 * covariance.diagonal().mean() / count * torch.eye(size)
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp(min=1e-9)
    weight = stem.conv2.weight.flatten(1)
    left, singular, right = torch.linalg.svd(weight @ (vectors * values.sqrt()), full_matrices=False)
    root = singular[:rank].sqrt()
    thin = WaveStem(d, rank)
    thin.load_state_dict({**{k: v for k, v in stem.state_dict().items() if not k.startswith("conv2.")},
                          "conv2.weight": ((root[:, None] * right[:rank]) @ (vectors / values.sqrt()).T).view(rank, d, 7),
                          "mix.weight": (left[:, :rank] * root)[..., None], "mix.bias": stem.conv2.bias.clone()})
    return thin
