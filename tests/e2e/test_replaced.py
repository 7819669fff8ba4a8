"""Files that are written over while the daemon runs, as `cp new old` does: what it has read once stays as it was."""

import json
import os
import shutil
import urllib.request

import pytest

import harness


def heard(daemon, clip):
    request = urllib.request.Request(f"{daemon.url}/v1/listen?punctuate=true", data=clip.path.read_bytes())
    with urllib.request.urlopen(request, timeout=60) as got:
        return json.load(got)["results"]["channels"][0]["alternatives"][0]["transcript"]


def rewrite(path, how):
    size = path.stat().st_size
    with open(path, "r+b") as file:  # in place: the same file, as cp leaves it
        if how == "cut short":
            file.truncate(100)
        elif how == "other bytes":
            file.write(os.urandom(size))
        else:
            file.write(bytes(size))


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_what_becomes_of_the_files_does_not_reach_the_texts(tmp_path, clip, precision):
    files = {"--model": harness.seed(), "--lm": harness.lm(), "--prose": harness.prose()}
    copies = {flag: tmp_path / path.name for flag, path in files.items()}
    for flag, copy in copies.items():
        shutil.copy(files[flag], copy)
    options = [word for flag, copy in copies.items() for word in (flag, copy)]
    with harness.Daemon(*options, "--precision", precision) as daemon:
        before = heard(daemon, clip)
        assert harness.word_error_rate([(clip.text, before)]) < 0.5
        for how in ("other bytes", "zeros", "cut short"):
            for copy in copies.values():
                rewrite(copy, how)
            assert heard(daemon, clip) == before, how
            assert daemon.status("/readyz") == 200
