"""Waveform augmentation on whole batches, on whatever device they are: speed, room, coloured
noise, telephone band, gain. Each acts on a random choice of rows."""

import torch

RATE = 16000


def augment(wave, samples, generator):
    """wave [B, N] float32 in [-1, 1] (zero beyond samples [B]) -> the like, of the same words."""
    wave, samples = pace(wave, samples, generator)
    return spoil(wave, samples, generator), samples


def pace(wave, samples, generator):
    """Tempo alone, of a part of the rows."""
    return speed(wave, samples, _chosen(wave, 0.6, generator), generator)


def spoil(wave, samples, generator):
    """Rooms, noise, telephones and gain, each for a part of the rows: no frame moves. Writes into wave."""
    for share, effect in ((0.15, room), (0.25, noise), (0.1, telephone), (0.5, gain)):
        rows = _chosen(wave, share, generator).nonzero()[:, 0]
        if len(rows):
            wave[rows] = effect(wave[rows], samples[rows], generator)
    inside = torch.arange(wave.shape[1], device=wave.device)[None] < samples[:, None]
    return wave.clamp(-1, 1) * inside


def _uniform(like, low, high, generator):
    """[B, 1] on the device of like; the generator lives on the CPU, so runs repeat anywhere."""
    return (torch.rand(len(like), 1, generator=generator) * (high - low) + low).to(like.device)


def _chosen(wave, share, generator):
    return (torch.rand(len(wave), generator=generator) < share).to(wave.device)


def speed(wave, samples, rows, generator):
    """Tempo and pitch together by linear interpolation, factor 0.88 to 1.14."""
    factor = torch.where(rows[:, None], _uniform(wave, 0.88, 1.14, generator), 1.0)
    shorter = (samples / factor[:, 0]).long()
    at = torch.arange(int(shorter.max()), device=wave.device)[None] * factor
    left = at.long().clamp(max=wave.shape[1] - 2)
    between = (at - left).clamp(0, 1)
    out = wave.gather(1, left) * (1 - between) + wave.gather(1, left + 1) * between
    return out, shorter


def _level(wave, samples):
    return ((wave ** 2).sum(1, keepdim=True) / samples[:, None] + 1e-9).sqrt()


def room(wave, samples, generator):
    """Direct sound and an exponentially decaying tail, RT60 0.1 to 0.5 s."""
    n = RATE // 2
    t = torch.arange(n, device=wave.device)[None] / RATE
    noise = torch.randn(len(wave), n, generator=generator).to(wave.device)
    tail = noise * 10 ** (-3 * t / _uniform(wave, 0.1, 0.5, generator)) * _uniform(wave, 0.01, 0.06, generator)
    tail[:, 0] = 1
    size = wave.shape[1] + n
    wet = torch.fft.irfft(torch.fft.rfft(wave, size) * torch.fft.rfft(tail, size), size)[:, :wave.shape[1]]
    return wet * (_level(wave, samples) / _level(wet, samples))


def noise(wave, samples, generator):
    """Noise with a 1/f^a spectrum, a in 0..2, 5 to 30 dB below the speech."""
    n = wave.shape[1] // 2 * 2
    bins = torch.arange(n // 2 + 1, device=wave.device).clamp(min=1)[None].float()
    shape = bins ** (-_uniform(wave, 0, 1, generator))
    spectrum = torch.view_as_complex(torch.randn(len(wave), n // 2 + 1, 2, generator=generator)).to(wave.device)
    hiss = torch.nn.functional.pad(torch.fft.irfft(spectrum * shape, n), (0, wave.shape[1] - n))
    quieter = 10 ** (-_uniform(wave, 5, 30, generator) / 20)
    return wave + hiss / (hiss.std(1, keepdim=True) + 1e-9) * _level(wave, samples) * quieter


def telephone(wave, samples, generator):
    """Nothing below 250 Hz or above 3.4 kHz."""
    n = wave.shape[1]
    spectrum = torch.fft.rfft(wave)
    hz = torch.arange(spectrum.shape[1], device=wave.device) * (RATE / n)
    return torch.fft.irfft(spectrum * ((hz > 250) & (hz < 3400)), n)


def gain(wave, samples, generator):
    """-14 to +6 dB."""
    return wave * 10 ** _uniform(wave, -0.7, 0.3, generator)
