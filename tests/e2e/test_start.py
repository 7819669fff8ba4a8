"""What the daemon says when it cannot start: one clear line, and an exit code."""

import json
import os
import signal
import struct
import subprocess

import pytest

import harness


def refused(code, *options):
    done = harness.run(*options)
    assert done.returncode == code, done
    assert done.stdout == "" and len(done.stderr.strip().splitlines()) == 1, done
    return done.stderr


def start(model=None, lm=None, listen=None):
    return refused(1, "--listen", listen or f"127.0.0.1:{harness.free_port()}",
                   "--model", model or harness.seed(), "--lm", lm or harness.lm())


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def foreign(_):
    header = json.dumps({"weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8)


DAMAGE = {
    "empty": lambda whole: b"",
    "a few bytes": lambda whole: whole[:5],
    "cut in the header": lambda whole: whole[:400],
    "cut in the data": lambda whole: whole[:len(whole) // 2],
    "one bit changed": lambda whole: flipped(whole, len(whole) - 5000),
    "a huge header": lambda whole: struct.pack("<Q", 2 ** 60) + whole[8:],
    "another program's tensors": foreign,
    "not tensors at all": lambda whole: b"\x7fELF" + os.urandom(4096),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_model_is_one_line_and_exit_code_1(tmp_path, damage):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(DAMAGE[damage](harness.seed().read_bytes()))
    assert "broken.safetensors" in start(broken)


def test_a_model_that_is_not_there_is_named(tmp_path):
    assert "nowhere.safetensors" in start(tmp_path / "nowhere.safetensors")
    assert str(tmp_path) in start(tmp_path)


@pytest.mark.parametrize("damage", ["empty", "cut in the data", "not tensors at all"])
def test_a_damaged_language_model_is_one_line_and_exit_code_1(tmp_path, damage):
    broken = tmp_path / "broken.flm"
    broken.write_bytes(DAMAGE[damage](harness.lm().read_bytes()))
    assert "broken.flm" in start(lm=broken)


@pytest.mark.parametrize("damage", ["empty", "cut in the data", "not tensors at all"])
def test_a_damaged_text_model_is_one_line_and_exit_code_1(tmp_path, damage):
    broken = tmp_path / "broken.prose"
    broken.write_bytes(DAMAGE[damage](harness.prose().read_bytes()))
    assert "broken.prose" in refused(1, "--model", harness.seed(), "--prose", broken)
    assert "readable or plain" in refused(2, "--model", harness.seed(), "--text", "pretty")


def test_a_taken_port_is_one_line_and_exit_code_1(daemon):
    assert str(daemon.port) in start(listen=f"127.0.0.1:{daemon.port}")
    assert daemon.status("/readyz") == 200


@pytest.mark.parametrize("options, word", [
    (["--no-such-option"], "--no-such-option"), (["--workers", "many"], "workers"),
    (["--max-live", "-3"], "max-live"), (["--model"], "model"),
])
def test_a_bad_option_is_one_line_and_exit_code_2(options, word):
    assert word in refused(2, *options)


@pytest.mark.parametrize("listen", ["here", "127.0.0.1", "127.0.0.1:99999", "nowhere:8080", ":"])
def test_an_address_that_cannot_be_is_one_line_and_exit_code_1(listen):
    assert "--listen" in start(listen=listen)


def test_a_precision_that_is_none_is_one_line_and_exit_code_2():
    assert "fastest, int8 or fp32" in refused(2, "--precision", "int4")


def test_version_and_help_are_answered():
    version = harness.run("--version")
    assert version.returncode == 0 and "foldscribe" in version.stdout
    helped = harness.run("--help")
    assert helped.returncode == 0
    for option in ("--listen", "--model", "--lm", "--workers"):
        assert option in helped.stdout


def test_serve_starts_says_how_to_use_it_and_drains_on_ctrl_c(clip):
    port = harness.free_port()
    command = [harness.ROOT / "serve", "--listen", f"127.0.0.1:{port}", "--model", harness.seed(), "--lm", harness.lm()]
    served = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              cwd="/", start_new_session=True, env=harness.clean_environment())
    try:
        line = next((line for line in served.stdout if line.startswith("  curl ")), None)
        assert line, "the line to try never came"
        answer = subprocess.run(["bash", "-c", line], capture_output=True, timeout=60)
        text = json.loads(answer.stdout)["text"]
        named = next(c for c in harness.clips() if c.path.name in line)
        assert harness.word_error_rate([(named.text, text)]) < 0.5
        os.killpg(served.pid, signal.SIGINT)
        assert served.wait(30) == 0
    finally:
        if served.poll() is None:
            served.kill()
        served.stdout.close()
