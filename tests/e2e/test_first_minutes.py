"""What somebody meets who has just cloned this: ./serve, its first lines, its refusals, and the files it names."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

import harness

SERVE = harness.ROOT / "serve"


def serve(*options, timeout=120, **environment):
    """Runs ./serve to its end -> CompletedProcess, everything in stdout."""
    return subprocess.run([SERVE, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          cwd="/", env={**harness.clean_environment(), **environment}, timeout=timeout)


class Served:
    """./serve in the background."""

    def __init__(self, *options):
        self.process = subprocess.Popen([SERVE, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, cwd="/", start_new_session=True, env=harness.clean_environment())
        self.said = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            self.process.wait(30)
        self.process.stdout.close()

    def line(self, start):
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith(start):
                return line
        raise AssertionError(f"no line began with {start!r}:\n{''.join(self.said)}")


def test_it_never_says_ready_while_another_server_has_the_port(daemon):
    done = serve("--listen", f"127.0.0.1:{daemon.port}")
    assert done.returncode == 1 and str(daemon.port) in done.stdout
    time.sleep(1)
    assert "is ready" not in done.stdout and "curl" not in done.stdout


@pytest.mark.parametrize("options, code", [(["--no-such-option", "1"], 2), (["--workers", "many"], 2),
                                           (["--model", "/nowhere.safetensors"], 1)])
def test_it_never_says_ready_where_nothing_starts(options, code):
    done = serve(*options)
    assert done.returncode == code and "is ready" not in done.stdout and len(done.stdout.splitlines()) == 1


def test_it_says_where_it_really_listens():
    with Served("--listen", "localhost:0") as served:
        line = served.line("  curl ")
        url = re.search(r"http://127\.0\.0\.1:(\d+)/v1/audio/transcriptions", line)
        assert url and url[1] != "0"
        said = subprocess.run(["bash", "-c", line], capture_output=True, timeout=60)
        assert json.loads(said.stdout)["text"]
        comm = pathlib.Path(f"/proc/{served.process.pid}/comm").read_text().strip()
        assert comm == "foldscribed", "also after it has started itself anew"
        stamped = [line for line in served.said if " foldscribed version=" in line]
        assert stamped and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", stamped[0])
        assert not any(line.startswith("<") for line in served.said)


@pytest.mark.parametrize("question", ["--help", "-h"])
def test_help_is_answered_without_packages_and_without_a_build(question, tmp_path):
    for name in ("serve", "meson.build", "deploy"):
        source = harness.ROOT / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path)
    (tmp_path / "deploy/install-packages.sh").write_text("#!/bin/sh\nexit 77\n")
    done = subprocess.run([tmp_path / "serve", question], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "--listen" in done.stdout and "`max-live`" in done.stdout
    version = subprocess.run([tmp_path / "serve", "--version"], capture_output=True, text=True, timeout=20)
    assert re.fullmatch(r"foldscribed \d+\.\d+\.\d+\n", version.stdout)
    assert subprocess.run([tmp_path / "serve"], timeout=20).returncode == 77


def test_without_sudo_there_is_a_line_to_paste(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "dpkg-query").write_text("#!/bin/sh\nexit 1\n")
    (tools / "apt-get").write_text("#!/bin/sh\nexit 1\n")
    (tools / "id").write_text("#!/bin/sh\necho 1000\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    for name in ("bash", "dirname", "grep", "env"):
        (tools / name).symlink_to(shutil.which(name))
    done = subprocess.run([harness.ROOT / "deploy/install-packages.sh", "build"], capture_output=True, text=True,
                          env={"PATH": str(tools)}, timeout=20)
    assert done.returncode == 1
    line = re.search(r"^  (apt-get update && apt-get install .*)$", done.stderr, re.M)
    assert line and " libmicrohttpd-dev" in line[1]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_a_name_may_be_listened_on(name, tmp_path):
    if name == "[::1]" and not pathlib.Path("/proc/net/if_inet6").exists():
        name = "127.0.0.2"  # no IPv6 on this machine
    ready, told = os.pipe()
    os.set_inheritable(told, True)
    daemon = subprocess.Popen([harness.binary(), "--listen", f"{name}:0", "--model", harness.seed(), "--ready-fd", str(told)],
                              env=harness.clean_environment(), pass_fds=[told], stderr=subprocess.PIPE)
    os.close(told)
    with os.fdopen(ready) as lines:
        address = lines.readline().strip()
    host, port = address.rsplit(":", 1)
    assert host == {"localhost": "127.0.0.1"}.get(name, name) and int(port) > 0
    said = subprocess.run(["curl", "-sg", f"http://{name}:{port}/readyz"], capture_output=True, text=True, timeout=20)
    assert said.stdout == "ready\n"
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(20) == 0
    daemon.stderr.close()


def test_a_spool_that_is_not_there_is_refused_at_once(tmp_path):
    for folder, why in [(tmp_path / "none", "No such file"), (harness.ROOT / "serve", "Not a directory")]:
        done = harness.run("--listen", f"127.0.0.1:{harness.free_port()}", "--model", harness.seed(), "--spool", folder)
        assert done.returncode == 1 and re.fullmatch(rf"foldscribed: --spool {folder}: {why}.*\n", done.stderr), done


def test_a_key_is_hashed_and_the_page_of_keys_is_true(clip, tmp_path):
    hashed = subprocess.run([harness.binary(), "--hash-key"], input="sesame\n", capture_output=True, text=True)
    assert hashed.returncode == 0 and re.fullmatch("[0-9a-f]{64}\n", hashed.stdout)
    page = (harness.ROOT / "deploy/KEYS.md").read_text()
    example = json.loads(re.search(r"```json\n(.*?)```", page, re.S)[1])
    example["keys"][0]["sha256"] = hashed.stdout.strip()
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(example))
    with harness.Daemon("--keys", keys) as guarded:
        done = subprocess.run([harness.ROOT / "clients/foldscribe", "--key", "sesame", "--server", guarded.url, clip.path],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    for wrong in ("", "\n", "two words\n", "x" * 600 + "\n"):
        done = subprocess.run([harness.binary(), "--hash-key"], input=wrong, capture_output=True, text=True)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not done.stdout


def test_files_that_the_pages_name_are_there():
    for page in ["README.md", "deploy/KEYS.md", *(f"clients/{name}/README.md" for name in ("captions", "examples"))]:
        text = (harness.ROOT / page).read_text()
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (harness.ROOT / page).parent.joinpath(link).exists(), (page, link)
        for name in re.findall(r"(?<![\w.-])((?:tests|clients|model|deploy|build-release)/[\w./-]+\w)", text):
            assert (harness.ROOT / name).exists() or "build-release/" in name, (page, name)
        for name in re.findall(r'[\w/.-]+\.(?:flac|wav|mp3)\b', text):
            assert (harness.ROOT / name).exists() or (harness.ROOT / page).parent.joinpath(name).exists(), (page, name)


def test_the_first_example_is_better_when_deeper(daemon, clips):
    named = re.search(r"file=@(tests/data/\S+\.flac) -F model=foldscribe@1", (harness.ROOT / "README.md").read_text())[1]
    clip = next(c for c in clips if c.path == harness.ROOT / named)

    def errors(model):
        said = subprocess.run(["curl", "-sf", f"{daemon.url}/v1/audio/transcriptions", "-F", f"file=@{clip.path}", "-F",
                               f"model={model}"], capture_output=True, check=True).stdout
        return harness.word_error_rate([(clip.text, json.loads(said)["text"])])
    assert errors("foldscribe") < errors("foldscribe@1")
