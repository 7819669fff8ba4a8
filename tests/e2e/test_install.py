"""What `meson install` installs, in a folder that stands for /: a library for others, pages, settings, a daemon."""

import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

import harness

HEADER = harness.ROOT / "model/fold.h"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The prefix."""
    folder = tmp_path_factory.mktemp("root")
    build = harness.binary().parents[1]
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet"], check=True, timeout=120,
                   env={**os.environ, "DESTDIR": str(folder)}, capture_output=True)
    found = [p for p in folder.rglob("fold.h")]
    assert len(found) == 1
    return found[0].parents[1]


def one(folder, pattern):
    found = sorted(folder.rglob(pattern))
    assert len(found) == 1, (pattern, found)
    return found[0]


def library(installed):
    return one(installed, "libfold.so").parent


def functions():
    return set(re.findall(r"\b(fold_[a-z0-9_]+)\(", re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)))


@pytest.fixture(scope="module")
def embed(installed, tmp_path_factory):
    """examples/embed.c, built as its first lines say, against nothing but what is installed."""
    program = tmp_path_factory.mktemp("embed") / "embed"
    root = next(p for p in installed.parents if p.name.startswith("root"))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libfold"], check=True, capture_output=True, text=True,
                           env={**os.environ, "PKG_CONFIG_PATH": str(library(installed) / "pkgconfig"),
                                "PKG_CONFIG_SYSROOT_DIR": str(root)}).stdout.split()
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", one(installed, "embed.c"), "-o", program, *flags,
                    f"-Wl,-rpath,{library(installed)}"], check=True, cwd=program.parent)
    return program


def run(program, installed, wav):
    models = [one(installed, p) for p in ("*.safetensors", "*.flm")]
    return subprocess.run([program, *models, wav], capture_output=True, text=True, timeout=120,
                          env=harness.clean_environment())


def test_the_library_shows_what_its_header_declares_and_nothing_else(installed):
    shown = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", library(installed) / "libfold.so"], check=True,
                           capture_output=True, text=True).stdout
    assert {line.split()[0] for line in shown.splitlines()} == functions()
    version = harness.run("--version").stdout.split()[1]
    numbers = [re.search(rf"#define FOLD_VERSION_{part} (\d+)", HEADER.read_text())[1] for part in ("MAJOR", "MINOR", "PATCH")]
    assert ".".join(numbers) == version
    soname = subprocess.run(["objdump", "-p", library(installed) / "libfold.so"], capture_output=True, text=True).stdout
    assert f"SONAME               libfold.so.{numbers[0]}.{numbers[1]}\n" in soname
    pc = one(installed, "libfold.pc").read_text()
    assert f"Version: {version}" in pc and "-lfold" in pc


def test_the_header_is_one_of_cpp_too(installed):
    if not shutil.which("clang"):
        pytest.skip("no C++ compiler")
    source = "#include <fold.h>\nint main() { return fold_version() == FOLD_VERSION ? 0 : 1; }\n"
    subprocess.run(["clang", "-x", "c++", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{installed / 'include'}", "-"],
                   input=source, text=True, check=True)


def test_forty_lines_transcribe_a_file_with_the_attention_decoder(installed, embed, clip, tmp_path):
    assert len(one(installed, "embed.c").read_text().splitlines()) <= 55
    wav = tmp_path / "a.wav"
    wav.write_bytes(harness.wav(clip.pcm()))
    done = run(embed, installed, wav)
    assert done.returncode == 0, done.stderr
    assert harness.word_error_rate([(clip.text, done.stdout)]) < 0.2
    assert done.stdout[0].isupper() and done.stdout.rstrip()[-1] in ".?!", "cased and marked: it was written"


def test_minutes_are_cut_in_pauses_and_nothing_is_lost(installed, embed, clips, tmp_path):
    wav = tmp_path / "long.wav"
    wav.write_bytes(harness.wav(b"".join(c.pcm() for c in clips)))
    done = run(embed, installed, wav)
    assert harness.word_error_rate([(" ".join(c.text for c in clips), done.stdout)]) < 0.15, done.stdout


def test_a_wrong_rate_and_a_missing_seed_are_refused(installed, embed, clip, tmp_path):
    wav = tmp_path / "a.wav"
    wav.write_bytes(harness.wav(clip.pcm(), rate=8000))
    done = run(embed, installed, wav)
    assert done.returncode == 1 and "16000 Hz" in done.stderr
    done = subprocess.run([embed, "/nowhere", "/nowhere", wav], capture_output=True, text=True)
    assert done.returncode == 1 and "No such file" in done.stderr


def test_the_hosts_process_is_left_alone(installed, embed, clip, tmp_path):
    wav = tmp_path / "a.wav"
    wav.write_bytes(harness.wav(clip.pcm()))
    names = subprocess.run(["nm", "-D", "--undefined-only", library(installed) / "libfold.so"], capture_output=True,
                           text=True).stdout
    called = {line.split()[-1].split("@")[0] for line in names.splitlines()}
    assert not called & {"execv", "execve", "setenv", "exit", "abort", "pthread_create", "puts", "printf", "fork"}, called


def test_pages_name_every_setting_and_every_function_and_are_well_formed(installed):
    conf, library_page = one(installed, "foldscribed.conf.5"), one(installed, "libfold.3")
    settings = set(re.findall(r"^\| `([a-z-]+)` \|", (harness.ROOT / "deploy/OPTIONS.md").read_text(), re.M))
    assert len(settings) > 25
    named = {n.replace("\\-", "-") for n in re.findall(r"^\.B ([a-z\\-]+)$", conf.read_text(), re.M)}
    assert settings <= named
    written = one(installed, "foldscribed.conf").read_text()
    assert settings == set(re.findall(r"^#?([a-z-]+) =", written, re.M))
    assert all(name in library_page.read_text() for name in functions())
    for page in (conf, library_page, one(installed, "foldscribed.8"), one(installed, "foldscribe.1")):
        said = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, env={**os.environ, "MANWIDTH": "130"})
        assert said.returncode == 0 and not said.stderr, said.stderr


def settings_file(installed, tmp_path):
    """The file as it is installed, with models where they are here."""
    text = one(installed, "foldscribed.conf").read_text()
    text = re.sub(r"^(\w+) = .*/([\w.-]+)$", lambda m: f"{m[1]} = {one(installed, m[2])}", text, flags=re.M)
    file = tmp_path / "foldscribed.conf"
    file.write_text(text)
    return file


def test_the_installed_daemon_serves_with_its_settings_and_tells_its_manager(installed, tmp_path, clip):
    port = harness.free_port()
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(60)
    daemon = subprocess.Popen([one(installed, "sbin/foldscribed"), "--config", settings_file(installed, tmp_path), "--listen",
                               f"127.0.0.1:{port}", "--drain-grace-ms", "0"], stderr=subprocess.PIPE, text=True,
                              env={**harness.clean_environment(), "NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert manager.recv(100) == b"READY=1"
    said = subprocess.run([one(installed, "bin/foldscribe"), "--server", f"http://127.0.0.1:{port}", clip.path],
                          capture_output=True, text=True, timeout=60)
    assert harness.word_error_rate([(clip.text, said.stdout)]) < 0.2, said.stderr
    daemon.send_signal(signal.SIGTERM)
    assert manager.recv(100) == b"STOPPING=1"
    assert daemon.wait(30) == 0
    daemon.stderr.close()
    manager.close()


@pytest.mark.parametrize("line, why", [
    ("max-live = many", "max-live: 'many' is not a whole number from 1 to 10000"),
    ("max-live = 0", "max-live: '0' is not a whole number from 1 to 10000"),
    ("precision = int4", "precision: 'int4' must be fastest, int8 or fp32"),
    ("log-level = loud", "log-level: 'loud' must be error, warning, info or debug"),
    ("maxlive = 3", "maxlive: no such setting"),
    ("just words", "'just words': expected 'name = value'"),
    ("keys = " + "x" * 600, "keys: longer than 511 characters"),
    ("# " + "x" * 5000, "longer than 1022 characters"),
])
def test_a_bad_line_is_named_with_what_is_allowed(line, why, tmp_path):
    file = tmp_path / "f.conf"
    file.write_text(f"# a comment\n\n{line}\n")
    done = harness.run("--config", file)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"{file} line 3: {why}" in done.stderr


def test_a_folder_is_no_settings_and_a_missing_seed_is_said(tmp_path):
    assert "Is a directory" in harness.run("--config", tmp_path).stderr
    assert "No such file" in harness.run("--config", tmp_path / "none").stderr
    assert "--model is required" in harness.run().stderr
    missing = harness.run("--model", tmp_path / "none.safetensors").stderr
    assert "none.safetensors" in missing and "No such file" in missing


def test_a_cache_that_cannot_be_written_is_said_and_does_no_harm(tmp_path):
    (tmp_path / "cache").write_text("a file, where a folder should be")
    port = harness.free_port()
    daemon = subprocess.Popen([harness.binary(), "--listen", f"127.0.0.1:{port}", "--model", harness.seed()], text=True,
                              stderr=subprocess.PIPE, env={**harness.clean_environment(), "XDG_CACHE_HOME": str(tmp_path / "cache")})
    lines = [daemon.stderr.readline()]
    while " capacity " not in lines[-1] and lines[-1]:
        lines.append(daemon.stderr.readline())
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(30) == 0
    daemon.stderr.close()
    assert any("costs cannot be kept" in line and "Not a directory" in line for line in lines), lines


def test_health_is_asked_without_another_client(daemon):
    assert harness.run("--health", "--listen", f"127.0.0.1:{daemon.port}").returncode == 0
    assert harness.run("--listen", f"0.0.0.0:{daemon.port}", "--health").returncode == 0
    for listen, why in [(f"127.0.0.1:{harness.free_port()}", "Connection refused"), ("nowhere", "is no ADDRESS:PORT")]:
        done = harness.run("--health", "--listen", listen)
        assert done.returncode == 1 and why in done.stderr and len(done.stderr.splitlines()) == 1
