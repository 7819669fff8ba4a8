"""The examples of clients/examples, as somebody who tries them would run them."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import harness

EXAMPLES = harness.ROOT / "clients/examples"


@pytest.fixture()
def run(daemon, tmp_path):
    """Runs an example with the packages of ./check -> what it prints."""
    def run(name, *arguments, stdin=b""):
        command = [sys.executable, EXAMPLES / name]
        if name.endswith(".mjs"):  # import looks for packages beside the file
            shutil.copy(EXAMPLES / name, tmp_path)
            (tmp_path / "node_modules").symlink_to(pathlib.Path(os.environ["NODE_PATH"]))
            command = ["node", tmp_path / name]
        environment = {**harness.clean_environment(), "FOLDSCRIBE_SERVER": daemon.url}
        done = subprocess.run([*map(str, command), *map(str, arguments)], input=stdin, capture_output=True, timeout=120,
                              env=environment)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()
    return run


def is_right(clip, text):
    assert harness.word_error_rate([(clip.text, text)]) < 0.3, text


def test_openai_recording_in_python(run, clips):
    text, *rest = run("openai_recording.py", clips[1].path).splitlines()
    is_right(clips[1], text)
    assert re.match(r" +0\.\d\d s  They", rest[0]) and "depth: 1 because asked" in rest
    assert any(re.match(r"00:00:0\d,\d{3} -->", line) for line in rest)


def test_openai_stream_in_python(run, clips, deepest):
    lines = run("openai_stream.py", clips[1].path).splitlines()
    draft, text = ([line for line in lines if line.startswith(name)] for name in ("draft: ", "text: "))
    assert len(draft) == (deepest > 1)
    is_right(clips[1], (text or lines)[0].removeprefix("text:"))


def test_openai_realtime_in_python(run, clips):
    pcm = harness.sox(clips[1].path, "-t", "s16", "-r", 24000, "-c", 1, "-")
    is_right(clips[1], run("openai_realtime.py", stdin=pcm))


def test_openai_recording_in_javascript(run, clips):
    lines = run("openai_recording.mjs", clips[1].path).splitlines()
    is_right(clips[1], lines[0])
    assert re.match(r"0\.\d\d s  They", lines[1])
    is_right(clips[1], lines[-1])


@pytest.mark.parametrize("name", ["deepgram_recording.py", "deepgram_recording.mjs"])
def test_deepgram_recording(run, clips, name):
    said = re.findall(r"\d+\.\d\d-\d+\.\d\d s  (.+)", run(name, clips[1].path))
    is_right(clips[1], " ".join(said))


@pytest.mark.parametrize("name", ["deepgram_live.py", "deepgram_live.mjs"])
def test_deepgram_live(run, clips, deepest, name):
    said = re.findall(r"(final  |interim) depth (\d): (.+)", run(name, stdin=clips[1].pcm()))
    is_right(clips[1], " ".join(text for kind, _, text in said if kind == "final  "))
    depths = [int(depth) for kind, depth, _ in said if kind == "interim"]
    if name.endswith(".py"):
        assert depths[0] == 1 and depths[-1] == min(2, deepest), "changed while somebody spoke"


def test_every_example_is_listed_and_run():
    names = {f.name for f in EXAMPLES.iterdir()} - {"README.md"}
    listed = set(re.findall(r"\]\((\w+\.\w+)\)", (EXAMPLES / "README.md").read_text()))
    assert listed == names
    here = pathlib.Path(__file__).read_text()
    assert all(f'"{name}"' in here for name in names)
