"""Paths through a foundation are taught from what was heard once, resumed, settled and taught on."""

import sys

import pytest
import torch

from stand_in import distilled, random_foundation
from trainer import DATA, SENTENCES, command, compare

import dial
import export
from fold import folding, seedfile


def test_a_dial_is_taught_resumed_and_read_by_libfold(folder, packed, monkeypatch):
    random_foundation(monkeypatch)
    texts = folder / "texts"
    texts.write_text("\n".join(SENTENCES))
    distilled(monkeypatch, packed, folder / "lettered", "--text", texts, "--layers", 1, 2, 3, 4, "--prelude", 1,
              "--minutes", 600, "--stop-after", 0.01, "--count", 0)
    other = folder / "lettered.safetensors"
    command("export.py", "--run", folder / "lettered", "--out", other)

    def taught(out, *options):
        monkeypatch.setattr(sys, "argv", ["dial.py", *map(str, (
            "--data", packed, "--out", out, "--pieces-of", other, "--foundation", "tiny", "--sets", "train_tones",
            "--device", "cpu", "--processes", 1, "--prelude", 1, "--paths", "0 2|0 1 2", "--spare", "1 2",
            "--written", "1|0 1 2 3", "--batch-seconds", 4, "--chunk", 9, "--left", 20, "--minutes", 600, "--eager",
            "--store", out.with_suffix(".heard"), "--features-only", 0, "--stop-after", 0.04, "--count", 2, *options))])
        dial.main()
        return torch.load(out / "last.pt")

    first, second = (taught(folder / "dial", "--stem-rank", 12) for _ in range(2))
    assert second["step"] > first["step"] >= 1 and all(v.isfinite().all() for v in second["model"].values())
    moved = {k.split(".")[0] for k in first["model"] if not torch.equal(first["model"][k], second["model"][k])}
    assert moved == {"recall", "blocks", "exit", "decoder"}, "stem and prelude stay as they were pretrained"
    file = folder / "dial.safetensors"
    command("export.py", "--run", folder / "dial", "--out", file)
    config = seedfile.load(file).config
    assert (config.paths, config.decoder["paths"], config.stem_rank) == ([[0, 2], [0, 1, 2]], [[1], [0, 1, 2, 3]], 12)
    compare(file, folder, DATA / "1320-122617-0000.flac")
    with pytest.raises(SystemExit, match=r"was made with chunks \[9, 20\], this run has \[12, 20\]"):
        taught(folder / "dial", "--stem-rank", 12, "--chunk", 12)
    # Or what the blocks share stays the foundation's, and each unfold has what it adds to it.
    first, second = (taught(folder / "own", "--stem-rank", 0, "--adapters", 3, 2) for _ in range(2))
    moved = {k for k in first["model"] if not torch.equal(first["model"][k], second["model"][k])}
    assert any(".adapters.0." in k for k in moved) and any(".adapters.1." in k for k in moved)
    shared = {k for k in moved if k.startswith(("frontend.", "prelude.", "blocks."))}
    assert shared and all(".adapters." in k or ".norm_" in k or k.endswith(".scale") for k in shared)
    command("export.py", "--run", folder / "own", "--out", file)
    compare(file, folder, DATA / "1320-122617-0000.flac")
    # What the deepest adds may become the blocks' own: then the first alone has adapters, here as many as tell both apart.
    command("export.py", "--run", folder / "own", "--out", folder / "settled.safetensors", "--dtype", "f32", "--settle", 5, "--data", packed)
    compare(folder / "settled.safetensors", folder, DATA / "1320-122617-0000.flac")
    apart, settled = export.from_run(folder / "own"), seedfile.load(folder / "settled.safetensors")
    assert settled.config.adapters == [5, 0]
    wave = 0.1 * torch.randn(1, 20000, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        exits = [m.unfold(*m.features(wave, torch.tensor([20000]))[::2], 2) for m in (apart, settled)]
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(*exits))
    # A seed is taught on with adapters that are wider, and begins as it was.
    wide = dial.widened(settled, [6, 3]).eval()
    with torch.no_grad():
        assert all(torch.allclose(a, b, atol=1e-4) for a, b in
                   zip(exits[1], wide.unfold(*wide.features(wave, torch.tensor([20000]))[::2], 2)))
    onward = taught(folder / "onward", "--from-seed", folder / "settled.safetensors", "--adapters", 6, 3)["model"]
    assert any(".adapters.1.up" in k and v.any() for k, v in onward.items())
    onward = export.from_run(folder / "onward")
    with torch.no_grad():
        ends = [m.unfold(*m.features(wave, torch.tensor([20000]))[::2], 2)
                for m in (settled, onward, *(folding.between(settled, onward, share) for share in (0, 1)))]
    assert not torch.allclose(ends[0][1], ends[1][1], atol=1e-3)
    assert all(torch.allclose(ends[i][r], ends[i + 2][r], atol=1e-3) for i in range(2) for r in range(2))
    command("export.py", "--run", folder / "onward", "--out", folder / "between.safetensors", "--settle", 5, "--data", packed,
            "--between", folder / "settled.safetensors", 0.75)
    assert seedfile.load(folder / "between.safetensors").config.adapters == [5, 0]
    # A control: one depth, whose blocks are its own.
    first, second = (taught(folder / "alone", "--stem-rank", 0, "--paths", "0 2", "--written", "1", "--hours", 1)["model"]
                     for _ in range(2))
    moved = {k[:8] for k in first if k.startswith("blocks.") and not torch.equal(first[k], second[k])}
    assert moved == {"blocks.0", "blocks.2"}
