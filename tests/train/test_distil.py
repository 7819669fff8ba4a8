"""A whole recogniser is folded, resumed and exported, on synthetic sound from random weights."""

import sys

import pytest
import torch

from stand_in import distilled, random_foundation
from trainer import DATA, SENTENCES, command, compare

import export
import letters
from fold import controls, seedfile


@pytest.mark.parametrize("control", ["unshared", "adapters", "tied"])
def test_controls_begin_as_the_foldable_model_and_do_not_ship(folder, packed, monkeypatch, control):
    random_foundation(monkeypatch)
    texts, out = folder / "texts", folder / control
    texts.write_text("\n".join(SENTENCES))
    distilled(monkeypatch, packed, out, "--text", texts, "--layers", 1, 2, 3, 4, "--prelude", 1, "--no-letters", "--hours",
              0.002, "--count", 0, "--control", control)
    model = export.from_run(out)
    scales = model.blocks[0].scale
    told_apart = not torch.equal(scales[0], scales[1])
    assert told_apart == (control != "tied") and type(model) is controls.CONTROLS[control]
    if control == "unshared":
        assert not torch.equal(model.stacks[0][0].ffn.fc1.weight, model.blocks[0].ffn.fc1.weight)
    with pytest.raises(AssertionError, match="only a foldable model can be written"):
        command("export.py", "--run", out, "--out", folder / "control.safetensors")


def test_a_recogniser_is_folded_resumed_and_exported(folder, packed, monkeypatch):
    random_foundation(monkeypatch)
    texts = folder / "texts"
    texts.write_text("\n".join(SENTENCES))
    folding = lambda: distilled(monkeypatch, packed, folder / "folded", "--text", texts, "--layers", 1, 2, 3, 4, "--prelude", 1,
                                "--minutes", 600, "--stop-after", 0.04, "--count", 2)
    folding()
    first = torch.load(folder / "folded" / "last.pt")
    folding()
    second = torch.load(folder / "folded" / "last.pt")
    assert second["step"] > first["step"] >= 1 and all(v.isfinite().all() for v in second["model"].values())
    moved = {k.split(".")[0] for k in first["model"] if not torch.equal(first["model"][k], second["model"][k])}
    assert moved == {"prelude", "bridge", "blocks", "exit", "letters", "decoder"}, "the stem stays as it was pretrained"
    file = folder / "folded.safetensors"
    command("export.py", "--run", folder / "folded", "--out", file)
    read = seedfile.load(file)
    assert read.pieces.decode(read.pieces.encode("One thé.")) == "One thé."
    assert read.decoder.embed.num_embeddings == read.pieces.kept
    # From that seed it goes on in chunks, and libfold hears a stream as PyTorch does.
    distilled(monkeypatch, packed, folder / "streamed", "--from-seed", file, "--chunked", 1, "--chunk", 9, "--left", 20,
              "--minutes", 600, "--stop-after", 0.02, "--count", 0)
    command("export.py", "--run", folder / "streamed", "--out", file)
    assert seedfile.load(file).config.stream == {"chunk": 9, "left": 20}
    compare(file, folder, DATA / "1320-122617-0000.flac")
    # Then its letters alone, twice.
    before = seedfile.load(file).state_dict()
    monkeypatch.setattr(sys, "argv", ["letters.py", *map(str, (
        "--data", packed, "--from-seed", file, "--out", folder / "spelled", "--sets", "train_tones", "--device", "cpu",
        "--processes", 1, "--batch-seconds", 3, "--chunk", 9, "--left", 20, "--minutes", 600, "--stop-after", 0.02, "--count", 2))])
    letters.main()
    letters.main()
    assert torch.load(folder / "spelled" / "last.pt")["minutes"] > 0.03
    command("export.py", "--run", folder / "spelled", "--out", folder / "spelled.safetensors")
    after = seedfile.load(folder / "spelled.safetensors").state_dict()
    changed = {k for k in after if not torch.allclose(before[k], after[k], rtol=1e-5)}
    assert "exit.head.weight" in changed and all(k.startswith(("letters.", "exit.head.")) for k in changed)
