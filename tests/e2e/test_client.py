"""The command line client, as a person would call it."""

import fcntl
import hashlib
import http.server
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
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


def test_several_recordings_are_told_apart_in_their_order(call, clips):
    done = call("--depth", 1, clips[1].path, clips[2].path)
    first, second = re.match(rf"==> {clips[1].path} <==\n(.+)\n==> {clips[2].path} <==\n(.+)\n$",
                             done.stdout.decode()).groups()
    assert harness.word_error_rate([(clips[1].text, first), (clips[2].text, second)]) < 0.5


def test_a_folder_gets_subtitles_beside_its_recordings(call, clips, tmp_path):
    deep = tmp_path / "talks/monday"
    deep.mkdir(parents=True)
    for clip in clips[1:4]:
        shutil.copy(clip.path, deep)
    (deep / "notes.txt").write_text("not a recording")
    done = call("--format", "srt", "--beside", "--jobs", 2, tmp_path / "talks")
    assert done.returncode == 0, done.stderr
    written = [clip.path.with_suffix(".srt").name for clip in clips[1:4]]
    assert sorted(f.name for f in deep.iterdir() if f.suffix == ".srt") == sorted(written)
    for clip, name in zip(clips[1:4], written):
        lines = [line for line in (deep / name).read_text().splitlines() if not re.match(r"\d+$|\d\d:|$", line)]
        assert harness.word_error_rate([(clip.text, " ".join(lines))]) < 0.5
    again = call("--format", "srt", "--beside", tmp_path / "talks")
    assert again.returncode == 1 and b"is there already: --force" in again.stderr
    assert call("--format", "srt", "--beside", "--force", tmp_path / "talks").returncode == 0
    assert call("--format", "vtt", "--output", tmp_path, clips[1].path).returncode == 0
    assert (tmp_path / clips[1].path.with_suffix(".vtt").name).read_text().startswith("WEBVTT")


def test_files_that_would_be_one_are_refused_before_anything_is_sent(call, clip, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(clip.path, tmp_path / folder / "same.flac")
    done = call("--output", tmp_path, tmp_path / "a", tmp_path / "b")
    assert done.returncode == 1 and b"would both be written to" in done.stderr
    assert not (tmp_path / "same.txt").exists()


def test_one_that_cannot_be_read_does_not_stop_the_others(call, clip, tmp_path):
    text = tmp_path / "words.flac"
    text.write_text("no sound at all")
    done = call(text, clip.path, tmp_path / "none.wav")
    assert done.returncode == 1
    assert harness.word_error_rate([(clip.text, done.stdout.decode().partition("<==")[2])]) < 0.5
    complaints = done.stderr.decode().splitlines()
    assert len(complaints) == 2 and "words.flac: " in complaints[0] and "none.wav: No such file" in complaints[1]


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
    port = harness.free_port()
    microphone = Microphone(f"127.0.0.1:{port}", tmp_path, "arecord", "time.sleep(600)")
    code, _, complaints = microphone.end()
    assert code == 3 and f"127.0.0.1:{port}: Connection refused" in complaints and not (tmp_path / "called").exists()


def test_silence_keeps_the_connection(tmp_path):
    with harness.Daemon("--idle-s", 5) as daemon:
        microphone = Microphone(daemon.url, tmp_path, "arecord", "time.sleep(600)")
        microphone.called()
        time.sleep(8)
        assert microphone.process.poll() is None
        microphone.interrupt()
        assert microphone.end() == (0, "", "")


def test_the_recorder_goes_with_the_server(tmp_path):
    with harness.Daemon() as daemon:
        microphone = Microphone(daemon.url, tmp_path, "arecord", "time.sleep(600)", "--retries", 1)
        microphone.called()
        daemon.process.kill()
        daemon.process.wait()
        code, _, complaints = microphone.end()
        assert code == 3 and "Connection refused" in complaints and microphone.recorder_is_gone()
        daemon.__enter__()


def test_a_server_that_comes_back_hears_what_was_said_meanwhile(clips, tmp_path):
    said = clips[1:5]
    pcm = b"".join(clip.pcm() + bytes(38400) for clip in said)
    with harness.Daemon() as daemon:
        environment = {**harness.clean_environment(), "FOLDSCRIBE_SERVER": daemon.url}
        client = subprocess.Popen([sys.executable, CLIENT, "--live"], env=environment, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        second = 2 * harness.RATE
        for at in range(0, len(pcm), second // 5):
            client.stdin.write(pcm[at:at + second // 5])
            client.stdin.flush()
            time.sleep(0.1)
            if at == second * 8:
                daemon.process.kill()
                daemon.process.wait()
            if at == second * 14:
                daemon.__enter__()
        text, complaints = client.communicate(timeout=60)
        assert client.returncode == 0 and b"what is said meanwhile is kept" in complaints
        assert harness.word_error_rate([(" ".join(clip.text for clip in said), text.decode())]) < 0.2


class Full(http.server.BaseHTTPRequestHandler):
    """Has no room twice, and then an answer."""
    asked = []

    def do_POST(self):
        Full.asked.append(time.monotonic())
        body = b"data: {\"type\": \"transcript.text.done\", \"text\": \"at last\"}\n\n"
        if len(Full.asked) < 3:
            body = b"{\"error\": {\"message\": \"too many jobs are waiting\"}}"
        self.send_response(429 if len(Full.asked) < 3 else 200)
        if len(Full.asked) < 3:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


def test_it_comes_again_when_the_server_says(call, clip):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Full) as full:
        threading.Thread(target=full.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{full.server_port}"
        done = call(clip.path, server=address)
        assert (done.returncode, done.stdout) == (0, b"at last\n")
        assert done.stderr.count(b"too many jobs are waiting; again in 1 s") == 2
        gaps = [b - a for a, b in zip(Full.asked, Full.asked[1:])]
        assert len(gaps) == 2 and min(gaps) >= 1, gaps
        Full.asked.clear()
        done = call(clip.path, "--retries", 0, server=address)
        assert done.returncode == 1 and b"too many jobs" in done.stderr
        full.shutdown()


def test_what_goes_wrong_is_said_in_a_line(call, clip, tmp_path):
    text = tmp_path / "words.txt"
    text.write_text("no sound at all")
    for arguments, reason in [((tmp_path / "none",), "No such file"), ((text,), "words.txt: "),
                              ((clip.path, "--depth", 99), "depth"), (("--live", "--rate", 1), "sample_rate"),
                              ((clip.path, "--tier", "gold"), "tier"), (("--live", "--latency-ms", 99999999), "latency_ms"),
                              ((tmp_path,), "no recordings in this folder"),
                              ((clip.path, "--output", tmp_path / "none"), "no such folder"),
                              (("-", "--beside"), "standard input has no name")]:
        done = call(*arguments)
        assert done.returncode == 1 and done.stdout == b"", arguments
        assert re.fullmatch(rf"foldscribe: .*{reason}.*\n", done.stderr.decode()), done.stderr
    for arguments in [(), ("--live", clip.path), ("--depth", 0, clip.path), ("--live", "--format", "srt"),
                      ("--beside", "--output", tmp_path, clip.path)]:
        assert call(*arguments).returncode == 2, arguments


def test_servers_are_named_with_or_without_a_scheme(call, clip, daemon):
    is_clip(call(clip.path, server=f"127.0.0.1:{daemon.port}"), clip)
    is_clip(call(clip.path, server=f"localhost:{daemon.port}/"), clip)
    port = harness.free_port()
    done = call(clip.path, server=f"127.0.0.1:{port}")
    assert done.returncode == 3 and done.stderr.decode() == f"foldscribe: no server at 127.0.0.1:{port}: Connection refused\n"
    for server in ("ftp://127.0.0.1", "http://", "127.0.0.1:many"):
        assert call(clip.path, server=server).returncode == 2


def test_a_wrong_key_has_an_exit_status_of_its_own(call, clip, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"tiers": [{"name": "all"}], "keys": [
        {"sha256": hashlib.sha256(b"sesame").hexdigest(), "tier": "all", "name": "ann"}]}))
    with harness.Daemon("--keys", keys) as guarded:
        for arguments in ((clip.path, clip.path), ("--live",)):
            done = call("--key", "wrong", *arguments, server=guarded.url)
            assert done.returncode == 4 and len(done.stderr.splitlines()) == 1
        is_clip(call("--key", "sesame", "--tier", "all", clip.path, server=guarded.url), clip)


def on_terminal(daemon, *arguments, columns=40, source=None):
    """What a terminal gets, escape sequences and all."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 10, columns, 0, 0))
    environment = {**harness.clean_environment(), "FOLDSCRIBE_SERVER": daemon.url, "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    client = subprocess.Popen([sys.executable, CLIENT, *map(str, arguments)], stdin=subprocess.PIPE, stdout=inside,
                              stderr=inside, env=environment)
    os.close(inside)
    seen, done = [], threading.Event()

    def read():
        try:
            while data := os.read(terminal, 65536):
                seen.append(data)
        except OSError:
            pass  # it has ended
        done.set()
    threading.Thread(target=read, daemon=True).start()
    for piece in source or []:
        client.stdin.write(piece)
        client.stdin.flush()
        time.sleep(0.1)
    client.stdin.close()
    assert client.wait(60) == 0
    assert done.wait(10)
    os.close(terminal)
    return b"".join(seen).decode()


def screen_after(output):
    """What is left on the screen: enough of a terminal for what the client writes."""
    lines, row = [""], 0
    for part in re.split(r"(\r\n|\r|\x1b\[\d*[A-Za-z])", output):
        if part == "\r\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part.endswith("A") and part.startswith("\x1b"):
            row -= int(part[2:-1])
        elif part == "\x1b[J":
            lines = lines[:row] + [""]
        elif not part.startswith(("\x1b", "\r")):  # behind a \r there is an erasure, or a step up and one
            lines[row] += part
    return lines


def test_a_terminal_sees_partials_redrawn_in_place(daemon, clips):
    said = clips[3]
    pcm = said.pcm() + bytes(64000)
    output = on_terminal(daemon, "--live", source=[pcm[at:at + 6400] for at in range(0, len(pcm), 6400)])
    assert output.count("\033[J") > 5 and "\033[2m" in output, "it was drawn again and again, and faint"
    assert re.search(r"\033\[[1-9]A", output), "over several lines"
    left = [line for line in screen_after(output) if line]
    assert harness.word_error_rate([(said.text, " ".join(left))]) < 0.3, left


def test_a_terminal_sees_how_far_uploads_are(clips, tmp_path):
    long = tmp_path / "long.wav"
    long.write_bytes(harness.wav((clips[1].pcm() + bytes(32000)) * 60))
    with harness.Daemon() as daemon:  # it takes what fits into the sockets' buffers, and the rest later
        daemon.process.send_signal(signal.SIGSTOP)
        threading.Timer(2, daemon.process.send_signal, [signal.SIGCONT]).start()
        output = on_terminal(daemon, long, clips[2].path, columns=100)
    assert "of 2 done" in output and re.search(r"long\.wav: \d+ % sent", output)
    assert re.search(r"long\.wav: heard 0:0\d:\d\d", output)
    left = "\n".join(screen_after(output))
    assert "of 2 done" not in left and left.count("==> ") == 2


def test_it_is_a_program(daemon):
    assert os.access(CLIENT, os.X_OK)
    done = subprocess.run([CLIENT, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "--live" in done.stdout


def options():
    done = subprocess.run([CLIENT, "--help"], capture_output=True, text=True, timeout=60)
    return set(re.findall(r"--[a-z-]+", done.stdout))


def test_the_manual_has_every_option_and_status():
    manual = CLIENT.with_suffix(".1")
    text = manual.read_text().replace("\\-", "-")
    assert options() <= set(re.findall(r"--[a-z-]+", text))
    for status in (0, 1, 2, 3, 4, 130):
        assert f".B {status}\n" in text
    shown = subprocess.run(["man", "--warnings", "-l", manual], capture_output=True, text=True, timeout=60,
                           env={**os.environ, "MANWIDTH": "100"})
    assert shown.returncode == 0 and shown.stderr == "" and "EXIT STATUS" in shown.stdout


def test_bash_completes_options_values_and_recordings(tmp_path):
    script = tmp_path / "completion"
    script.write_text(subprocess.run([CLIENT, "--completion", "bash"], capture_output=True, text=True).stdout)
    (tmp_path / "talk one.flac").write_text("")
    (tmp_path / "notes.txt").write_text("")

    def complete(*words):
        said = " ".join(f"'{word}'" for word in ("foldscribe", *words))
        done = subprocess.run(["bash", "-c", f"source {script}; COMP_WORDS=({said}); COMP_CWORD={len(words)};"
                               "_foldscribe; printf '%s\\n' \"${COMPREPLY[@]}\""], capture_output=True, text=True,
                              cwd=tmp_path, timeout=60)
        assert done.stderr == ""
        return set(done.stdout.split("\n")) - {""}
    assert options() <= complete("--") | {"--foldscribe"}
    assert complete("--format", "v") == {"verbose_json", "vtt"}
    assert complete("t") == {"talk one.flac"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_every_option(shell):
    done = subprocess.run([CLIENT, "--completion", shell], capture_output=True, text=True, timeout=60)
    names = {name[2:] for name in options()}
    assert all(re.search(rf"(--|-l ){name}\b", done.stdout) for name in names)
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=done.stdout, text=True, capture_output=True).returncode == 0
