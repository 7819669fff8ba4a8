"""The load tools of tests/load do their work: short runs."""

import json
import subprocess
import sys

import harness


def test_two_streams_are_measured(daemon):
    done = subprocess.run([sys.executable, harness.ROOT / "tests/load/load.py", "--streams", "2", "--seconds", "6",
                           "--reference", "1", "--depth", "1", "--url", daemon.ws], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["refused"] == 0 and result["not_closed_1000"] == 0
    assert result["partial_ms"]["count"] and result["final_ms"]["p50"] is not None
    assert result["words"] and result["words_changed"] == 0
    assert set(result["finals_by_depth"]) == {"1"}


def test_work_for_clients_who_have_left_stops(daemon):
    done = subprocess.run([sys.executable, harness.ROOT / "tests/load/leave.py", "--rounds", "2", "--url", daemon.ws],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["cancels"] == result["left"] == 4 and result["mean_ms"] > 0
    assert result["audio_computed_s"] < result["audio_sent_s"] / 2


def test_one_command_draws_accuracy_against_cost(tmp_path, deepest):
    table, drawing = tmp_path / "depth.tsv", tmp_path / "depth.svg"
    done = subprocess.run([sys.executable, harness.ROOT / "tests/load/depth.py", "--count", "3", "--out", table,
                           "--svg", drawing], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert [row[0] for row in rows] == ["depth", *map(str, range(1, deepest + 1))]
    costs = [float(row[1]) for row in rows[1:]]
    assert all(cost > 0 for cost in costs) and all(float(row[2]) < 60 for row in rows[1:])
    assert drawing.read_text().startswith("<svg") and f"x{deepest}" in drawing.read_text()
