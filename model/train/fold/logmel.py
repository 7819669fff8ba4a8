"""Log-mel front end of a model trained from scratch: 80 mels every 10 ms, then 25 frames a second.

Two convolutions of stride 2 with few channels; each mel is centred over the utterance's valid frames.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

KIND = "mel"
RATE, WINDOW, HOP, MELS = 16000, 400, 160, 80


def filters():
    """Triangles on the HTK mel scale, 0 to 8 kHz: [WINDOW / 2 + 1, MELS]."""
    top = 2595 * math.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, MELS + 2) / 2595) - 1)
    hz = torch.linspace(0, RATE / 2, WINDOW // 2 + 1)[:, None]
    up, down = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    return torch.minimum(up, down).clamp(min=0)


class LogMel(nn.Module):
    def __init__(self, d, channels=16, kind=KIND):
        super().__init__()
        self.register_buffer("filters", filters(), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.conv1, self.conv2 = nn.Conv2d(1, channels, 3, 2, 1), nn.Conv2d(channels, channels, 3, 2, 1)
        self.out = nn.Linear(channels * MELS // 4, d)

    def forward(self, wave, samples, chunk=None):
        """wave [B, N] float32, samples [B] -> x [B, T, d], frames [B]."""
        assert chunk is None, "this front end hears whole recordings"
        with torch.autocast(wave.device.type, enabled=False):
            spectrum = torch.stft(wave, WINDOW, HOP, window=self.window, center=True, pad_mode="constant",
                                  return_complex=True).abs().square().transpose(1, 2)
            mel = (spectrum @ self.filters + 1e-6).log()
            frames = samples // HOP
            keep = (torch.arange(mel.shape[1], device=mel.device)[None] < frames[:, None])[..., None]
            mel = (mel - (mel * keep).sum(1, keepdim=True) / frames[:, None, None]) * keep
        x = F.gelu(self.conv1(mel[:, None]))
        half = torch.arange(x.shape[2], device=x.device)[None] < ((frames + 1) // 2)[:, None]
        x = F.gelu(self.conv2(x * half[:, None, :, None]))  # so that padding is what an utterance alone would have there
        frames = (frames + 3) // 4
        return self.out(x.transpose(1, 2).flatten(2))[:, :int(frames.max())], frames
