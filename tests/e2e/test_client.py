"""The command line client, as a person would call it."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

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


RECORDER = """#!{python}
import json, os, pathlib, signal, sys, time
here = pathlib.Path({here!r})
(here / "called").write_text(json.dumps([os.getpid(), sys.argv]))
{acts}
"""
PLAYS = """
pcm = pathlib.Path({pcm!r}).read_bytes() + bytes(3 * 96000)
while True:
    for at in range(0, len(pcm), 19200):
        sys.stdout.buffer.write(pcm[at:at + 19200])
        sys.stdout.buffer.flush()
        time.sleep(0.05)
    pcm = bytes(96000)
"""


class Microphone:
    """The client on a terminal, with a recorder of ours as all there is on PATH."""

    def __init__(self, server, folder, recorder, acts, *arguments):
        self.folder = folder
        if recorder:
            path = folder / recorder
            path.write_text(RECORDER.format(python=sys.executable, here=str(folder), acts=acts))
            path.chmod(0o755)
        self.terminal, inside = pty.openpty()
        environment = {**harness.clean_environment(), "FOLDSCRIBE_SERVER": server, "PATH": str(folder)}
        self.process = subprocess.Popen([sys.executable, CLIENT, "--live", *map(str, arguments)], stdin=inside,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        os.close(inside)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def end(self):
        """(exit status, text, complaints); no longer than a person would wait."""
        text, complaints = self.process.communicate(timeout=20)
        os.close(self.terminal)
        return self.process.returncode, text.decode(), complaints.decode()

    def called(self):
        """The recorder's process and arguments, once it runs."""
        deadline = time.monotonic() + 30
        while not (self.folder / "called").exists() or not (self.folder / "called").read_text():
            assert time.monotonic() < deadline, "no recorder was called"
            time.sleep(0.02)
        return json.loads((self.folder / "called").read_text())

    def recorder_is_gone(self):
        try:
            os.kill(self.called()[0], 0)
        except ProcessLookupError:
            return True
        return False


@pytest.mark.parametrize("recorder, words", [("arecord", "-t raw -f S16_LE -c 1 -r 48000"),
                                             ("rec", "-t raw -e signed -b 16 -c 1 -r 48000 -")])
def test_a_microphone_is_heard_until_ctrl_c(daemon, clip, tmp_path, recorder, words):
    pcm = tmp_path / "speech"
    pcm.write_bytes(harness.sox(clip.path, "-t", "s16", "-r", 48000, "-c", 1, "-"))
    microphone = Microphone(daemon.url, tmp_path, recorder, PLAYS.format(pcm=str(pcm)), "--rate", 48000)
    heard = microphone.process.stdout.readline().decode()
    microphone.interrupt()
    code, rest, complaints = microphone.end()
    assert (code, complaints) == (0, "")
    assert harness.word_error_rate([(clip.text, heard + rest)]) < 0.5
    assert words in " ".join(microphone.called()[1]) and microphone.recorder_is_gone()


def test_what_was_said_before_ctrl_c_is_heard(daemon, clip, tmp_path):
    pcm = tmp_path / "speech"
    pcm.write_bytes(clip.pcm())
    plays = PLAYS.format(pcm=str(pcm)).replace("19200", "6400")
    microphone = Microphone(daemon.url, tmp_path, "arecord", plays)
    microphone.called()
    time.sleep(clip.seconds() / 4 - 0.1)  # most of it: it plays at four times its pace
    microphone.interrupt()
    code, text, complaints = microphone.end()
    assert (code, complaints) == (0, "") and len(text.split()) >= 3


def test_ctrl_c_ends_it_while_no_sound_comes(daemon, tmp_path):
    microphone = Microphone(daemon.url, tmp_path, "arecord", "time.sleep(600)")
    microphone.called()
    time.sleep(0.3)
    microphone.interrupt()
    assert microphone.end() == (0, "", "") and microphone.recorder_is_gone()


def test_what_is_wrong_with_a_microphone_is_said_in_a_line(daemon, tmp_path):
    microphone = Microphone(daemon.url, tmp_path, "arecord", "sys.exit('arecord: no soundcards found')")
    code, text, complaints = microphone.end()
    assert (code, text) == (1, "")
    assert complaints == "arecord: no soundcards found\nfoldscribe: arecord ended with 1\n"
    (tmp_path / "arecord").unlink()
    code, _, complaints = Microphone(daemon.url, tmp_path, None, "").end()
    assert code == 1 and re.fullmatch("foldscribe: neither arecord .* nor rec .*\n", complaints)


def test_no_recorder_is_started_for_a_server_that_is_not_there(tmp_path):
    microphone = Microphone(f"http://127.0.0.1:{harness.free_port()}", tmp_path, "arecord", "time.sleep(600)")
    code, _, complaints = microphone.end()
    assert code == 1 and "refused" in complaints and not (tmp_path / "called").exists()


def test_the_recorder_goes_with_the_server(daemon, tmp_path):
    microphone = Microphone(daemon.url, tmp_path, "arecord", "time.sleep(600)", "--depth", 1)
    microphone.called()
    # Nothing comes for so long that the server closes.
    code, _, complaints = microphone.end()
    assert code == 1 and "NET-0001" in complaints and microphone.recorder_is_gone()


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
