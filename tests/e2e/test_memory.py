"""A machine with little memory: the daemon says so at start, or serves; what is refused is refused to that request
alone; and it ends when it is told to, whatever hangs."""

import ctypes
import json
import os
import pathlib
import resource
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

import harness

STREAMS = 6


class Limited(harness.Daemon):
    """A daemon whose process is limited before it begins."""

    def __init__(self, limit, *options):
        super().__init__("--workers", 2, "--drain-s", 5, *options)
        self.limit = limit

    def __enter__(self):
        self.process = subprocess.Popen(self.command, env=harness.clean_environment(), stdout=self.log,
                                        stderr=subprocess.STDOUT, preexec_fn=self.limit)
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def becomes_ready(self, seconds=60):
        """True, or False when it has ended instead."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            if self.status("/readyz") == 200:
                return True
            assert time.monotonic() < until, "neither ready nor ended"
            time.sleep(0.05)
        return False


def post(daemon, clip, said):
    request = urllib.request.Request(f"{daemon.url}/v1/listen", data=clip.path.read_bytes())
    try:
        with urllib.request.urlopen(request, timeout=60) as got:
            said.append((got.status, json.load(got)))
    except urllib.error.HTTPError as error:
        said.append((error.code, json.load(error)))
    except OSError as error:
        said.append((0, str(error)))


def serves_or_refuses(daemon, clip):
    said = []
    for _ in range(2):
        posts = [threading.Thread(target=post, args=(daemon, clip, said)) for _ in range(STREAMS)]
        for p in posts:
            p.start()
        for p in posts:
            p.join()
    assert len(said) == 2 * STREAMS
    for status, body in said:
        assert status in (200, 500, 503) and body, (status, body)
    assert daemon.status("/readyz") == 200
    daemon.process.send_signal(signal.SIGTERM)
    daemon.process.wait(25)
    return [status for status, _ in said]


ENOUGH = 850000  # of address space, for the shipped seed and two workers


@pytest.mark.parametrize("kilobytes", [150000, 300000, 500000, 600000, 700000, 760000, 850000, 1000000])
def test_a_limit_of_address_space_is_told_at_start_or_kept(clip, kilobytes):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (kilobytes * 1024, kilobytes * 1024))

    with Limited(limit) as daemon:
        if daemon.becomes_ready():
            answers = serves_or_refuses(daemon, clip)
            assert kilobytes < ENOUGH or answers.count(200) == len(answers)
        else:
            assert daemon.process.returncode != 0
            assert kilobytes < ENOUGH, daemon.said()


def group(megabytes):
    """A control group of our own with that limit, or None where we may make none."""
    for parent, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        folder = pathlib.Path(parent) / f"foldscribe-{os.getpid()}-{megabytes}"
        try:
            if not (pathlib.Path(parent) / "cgroup.procs").exists():
                continue
            folder.mkdir()
            (folder / name).write_text(str(megabytes * 1000000))
            return folder
        except OSError:
            if folder.exists():
                folder.rmdir()
    return None


@pytest.mark.parametrize("megabytes", [60, 400])
def test_a_limit_of_a_control_group_ends_the_start_or_nothing(clip, megabytes):
    """What segments need is there before it is ready: the kernel ends it then, not when somebody speaks."""
    folder = group(megabytes)
    if not folder:
        pytest.skip("no control group can be made here")
    try:
        with Limited(lambda: (folder / "cgroup.procs").write_text(str(os.getpid()))) as daemon:
            if daemon.becomes_ready():
                assert serves_or_refuses(daemon, clip).count(200) == 2 * STREAMS
            else:
                assert megabytes < 400
    finally:
        for _ in range(50):
            try:
                folder.rmdir()
                break
            except OSError:
                time.sleep(0.1)


def stop_thread(thread):
    """Stops one thread of a child, as one that hangs in a library would be. False where that is not allowed."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    seize, interrupt = 0x4206, 0x4207
    if ptrace(seize, thread, None, None) != 0 or ptrace(interrupt, thread, None, None) != 0:
        return False

    def reap():
        """Its process is not seen to end before its tracer has seen the thread end."""
        wall = 0x40000000
        while os.WIFSTOPPED(os.waitpid(thread, wall)[1]):
            pass

    threading.Thread(target=reap, daemon=True).start()
    return True


def test_a_drain_has_an_end_though_a_worker_has_none(clips):
    with Limited(None, "--drain-s", 1, "--drain-grace-ms", 0, "--workers", 1) as daemon:
        assert daemon.becomes_ready()
        pcm = b"".join(c.pcm() for c in clips) * 20
        said = []
        clip = type("Long", (), {"path": type("Path", (), {"read_bytes": staticmethod(lambda: harness.wav(pcm))})})
        hangs = threading.Thread(target=post, args=(daemon, clip, said))
        hangs.start()
        time.sleep(1)
        tasks = pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir()
        busy = max((t for t in tasks if int(t.name) != daemon.process.pid), key=lambda t: int((t / "stat").read_text().rsplit(")", 1)[1].split()[11]))
        if not stop_thread(int(busy.name)):
            pytest.skip("threads cannot be stopped here")
        began = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(30) == 1 and time.monotonic() - began < 20
        assert "not stopped in time" in daemon.said()
        hangs.join()
