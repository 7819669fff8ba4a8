"""The command line client, as a person would call it."""

import os
import re
import subprocess
import sys

import pytest

import harness

CLIENT = harness.ROOT / "clients/foldscribe"


@pytest.fixture()
def call(daemon):
    def run(*arguments, stdin=b"", server=daemon.url):
        environment = {**harness.clean_environment(), "FOLDSCRIBE_SERVER": server}
        return subprocess.run([sys.executable, CLIENT, *map(str, arguments)], input=stdin, env=environment,
                              capture_output=True, timeout=120)
    return run


def is_clip(done, clip):
    assert done.returncode == 0 and done.stderr == b"", done.stderr.decode()
    assert harness.word_error_rate([(clip.text, done.stdout.decode())]) < 0.5


def test_a_recording_becomes_text(call, clip):
    is_clip(call(clip.path), clip)
    is_clip(call("-", stdin=clip.path.read_bytes()), clip)


def test_several_recordings_are_told_apart(call, clips):
    done = call("--depth", 1, clips[1].path, clips[2].path)
    first, second = re.match(rf"==> {clips[1].path} <==\n(.+)\n==> {clips[2].path} <==\n(.+)\n$",
                             done.stdout.decode()).groups()
    assert harness.word_error_rate([(clips[1].text, first), (clips[2].text, second)]) < 0.5


def test_subtitles_and_json_come_as_they_are(call, clip):
    assert re.match(rb"1\n00:00:0\d,\d{3} --> 00:00:\d\d,\d{3}\n\w", call("--format", "srt", clip.path).stdout)
    assert b'"depth":{"used":1,"asked":1' in call("--format", "json", "--depth", 1, clip.path).stdout.replace(b" ", b"")


def test_samples_from_a_pipe_are_heard_as_they_come(call, clip):
    is_clip(call("--live", "--rate", 8000, "--depth", 1,
                 stdin=harness.sox(clip.path, "-t", "s16", "-r", 8000, "-c", 1, "-")), clip)


def test_what_goes_wrong_is_said_in_a_line(call, clip, tmp_path):
    text = tmp_path / "words.txt"
    text.write_text("no sound at all")
    for arguments, reason in [((tmp_path / "none",), "No such file"), ((text,), "words.txt: "),
                              ((clip.path, "--depth", 99), "depth"), (("--live", "--rate", 1), "sample_rate")]:
        done = call(*arguments)
        assert done.returncode == 1 and done.stdout == b""
        assert re.fullmatch(rf"foldscribe: .*{reason}.*\n", done.stderr.decode()), done.stderr
    done = call(clip.path, server=f"http://127.0.0.1:{harness.free_port()}")
    assert done.returncode == 1 and "refused" in done.stderr.decode()
    assert call().returncode == call("--live", clip.path).returncode == 2


def test_it_is_a_program(daemon):
    assert os.access(CLIENT, os.X_OK)
    done = subprocess.run([CLIENT, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "--live" in done.stdout
