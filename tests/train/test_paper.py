"""Rows of a small Conformer, from random weights: trained, scored, resumed, side by side."""

import json

import pytest
import torch

from trainer import command

import rows
from fold import data, seedfile


@pytest.mark.parametrize("row, parameters, depths", [("foldable", 0, "123"), ("alone-2", 0, "2"), ("unshared", 1, "3"),
                                                     ("adapters", 0, "123"), ("half", 0, "12")])
def test_small_conformer_from_scratch(folder, packed, row, parameters, depths):
    run = folder / f"row-{row}"
    printed = command("paper.py", "--data", packed, "--sets", "train_tones", "--out", run, "--row", row,
                      "--hours", 0.01, "--batch-seconds", 4, "--processes", 1, "--scored", "train_tones")
    line = json.loads(printed.splitlines()[-1])
    assert "".join(line["train_tones"]) == depths and line["hours"] >= 0.01
    texts = run / "texts.json"
    same = command("compare.py", "train_tones", f"{texts}:{depths[0]}", f"{texts}:{depths[0]}")
    assert "CER: the first is better by 0.00 points (0.00 .. 0.00)" in same
    assert line["bytes"] < 2 * line["parameters"]
    assert (line["parameters"] > 1500000) == bool(parameters)
    again = command("paper.py", "--data", packed, "--sets", "train_tones", "--out", run, "--row", row, "--hours", 0.01)
    assert json.loads(again) == line, "a row that has ended says its line again"
    if row == "adapters":
        return  # its adapters stand behind blocks; no seed has such
    command("export.py", "--run", run, "--out", folder / f"{row}.safetensors", "--dtype", "f32")
    exported, speech = seedfile.load(folder / f"{row}.safetensors"), data.Speech(packed, ["train_tones"])
    assert {str(depth): pairs for depth, pairs in rows.score(exported, list(map(int, depths)), speech)[1].items()} == {
        depth: [tuple(pair) for pair in pairs] for depth, pairs in json.loads(texts.read_text())["train_tones"].items()}


def test_a_row_goes_on_where_it_was_left_and_rows_stand_side_by_side(folder, packed):
    def paper(*more):
        return command("paper.py", "--data", packed, "--sets", "train_tones", "--out", folder / "side", "--row", "foldable",
                       "unshared", "--unique", 1, "--blocks", 1, "--unfolds", 2, "--hours", 0.01, "--batch-seconds", 4,
                       "--processes", 1, "--scored", "train_tones", *more)

    paper("--stop-after", 0.001)
    left = torch.load(folder / "side" / "foldable" / "last.pt", map_location="cpu")
    assert 0 < left["hours"] < 0.01 and not (folder / "side" / "foldable" / "row.json").exists()
    with pytest.raises(AssertionError, match="holds another run"):
        paper("--width", 72)
    lines = [json.loads(line) for line in paper().splitlines() if line.startswith("{")]
    assert [line["row"] for line in lines] == ["foldable", "unshared"]
    assert torch.load(folder / "side" / "foldable" / "last.pt", map_location="cpu")["step"] > left["step"]
    assert lines[0]["parameters"] < lines[1]["parameters"]
