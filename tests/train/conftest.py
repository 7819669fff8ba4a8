"""What every file of tests here may begin with: a folder of its own, and a little sound in it."""

import numpy as np
import pytest
import soundfile

from trainer import RATE, SENTENCES, command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("train")


@pytest.fixture(scope="module")
def packed(folder):
    """Two sets of four sentences each, as tones, through pack.py."""
    noise = np.random.default_rng(1)
    for name in ("train_tones", "dev_clean"):
        source = folder / "speech" / name
        source.mkdir(parents=True)
        rows, clips, at = ["shard\tstart_s\tdur_s\tid\tspeaker\ttext"], [], 0.0
        for n, sentence in enumerate(SENTENCES):
            seconds = 1.2 + 0.3 * n
            t = np.arange(round(seconds * RATE)) / RATE
            clips.append(0.3 * np.sin(2 * np.pi * (200 + 150 * n) * t) + 0.01 * noise.standard_normal(len(t)))
            clips.append(np.zeros(RATE // 10))
            rows.append(f"000.flac\t{at:.3f}\t{seconds:.3f}\t{name}-{n}\ttone\t{sentence}")
            at += seconds + 0.1
        soundfile.write(source / "000.flac", np.concatenate(clips), RATE)
        (source / "manifest.tsv").write_text("\n".join(rows) + "\n")
    command("pack.py", "--speech", folder / "speech", "--out", folder / "data")
    return folder / "data"
