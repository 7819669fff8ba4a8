"""Waveform augmentation: speed, gain, coloured noise, band-limiting and a simple room."""

import numpy as np


def augment(wave, rng):
    """wave float32 [-1, 1] -> another of (nearly) the same words. rng: random.Random."""
    if rng.random() < 0.6:
        wave = speed(wave, rng.uniform(0.88, 1.14))
    if rng.random() < 0.15:
        wave = room(wave, rng)
    if rng.random() < 0.25:
        wave = noise(wave, rng)
    if rng.random() < 0.1:
        wave = narrow(wave)
    if rng.random() < 0.5:
        wave = wave * np.float32(10 ** rng.uniform(-0.7, 0.3))
    return np.clip(wave, -1, 1).astype(np.float32)


def speed(wave, factor):
    """Tempo and pitch together, by linear interpolation."""
    n = int(len(wave) / factor)
    return np.interp(np.arange(n) * factor, np.arange(len(wave)), wave).astype(np.float32)


def _generator(rng):
    return np.random.default_rng(rng.getrandbits(32))


def noise(wave, rng):
    """Noise with a 1/f^a spectrum, a in 0..2, at 5 to 30 dB below the speech."""
    g = _generator(rng)
    n = len(wave)
    spectrum = np.fft.rfft(g.standard_normal(n))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** (rng.uniform(0, 2) / 2)
    hiss = np.fft.irfft(spectrum, n)
    level = np.sqrt(np.mean(wave ** 2) + 1e-9) * 10 ** (-rng.uniform(5, 30) / 20)
    return wave + (hiss * level / (np.std(hiss) + 1e-9)).astype(np.float32)


def room(wave, rng):
    """Exponentially decaying tail (RT60 0.1 to 0.5 s) behind the direct sound."""
    g = _generator(rng)
    n = int(16000 * rng.uniform(0.1, 0.5))
    tail = g.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * rng.uniform(0.01, 0.06)
    tail[0] = 1
    size = 1 << (len(wave) + n).bit_length()
    wet = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size)[:len(wave)]
    return (wet * (np.std(wave) / (np.std(wet) + 1e-9))).astype(np.float32)


def narrow(wave):
    """Telephone band: nothing above 3.4 kHz or below 250 Hz."""
    spectrum = np.fft.rfft(wave)
    hz = np.fft.rfftfreq(len(wave), 1 / 16000)
    spectrum[(hz > 3400) | (hz < 250)] = 0
    return np.fft.irfft(spectrum, len(wave)).astype(np.float32)
