"""The load tool of tests/load does its work: a short run with two streams."""

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
