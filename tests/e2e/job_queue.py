"""A real Redis, started here, and the workers of its queue."""

import contextlib
import json
import socket
import subprocess
import time

import harness

WORKER = harness.ROOT / "build-release/server/foldscribe-worker"


class Redis:
    """A server of its own that keeps what it was told on disk, and a client of a few lines."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, harness.free_port(), None

    def __enter__(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--appendonly", "yes",
             "--appendfsync", "always", "--save", ""], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                if self("PING") == "PONG":
                    return self
            time.sleep(0.05)
        raise AssertionError("redis-server did not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def __call__(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
            data = [str(w).encode() for w in words]
            s.sendall(b"*%d\r\n" % len(data) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in data))
            return self.read(s.makefile("rb"))

    def read(self, file):
        kind, line = (head := file.readline())[:1], head[1:-2].decode()
        if kind == b"$":
            return None if line == "-1" else file.read(int(line) + 2)[:-2].decode()
        if kind == b"*":
            return [self.read(file) for _ in range(int(line))]
        if kind == b"-":
            raise ValueError(line)
        return int(line) if kind == b":" else line

    def add(self, **fields):
        return self("XADD", "jobs", "*", *(word for pair in fields.items() for word in pair))

    def pairs(self, stream):
        """Entries of a stream as dictionaries."""
        return [dict(zip(fields[::2], fields[1::2])) for _, fields in self("XRANGE", stream, "-", "+")]

    def in_hand(self):
        try:
            return self("XPENDING", "jobs", "foldscribe")[0]
        except ValueError:  # no worker has made the group yet
            return 0

    def text(self, name):
        answer = self("GET", f"jobs:answer:{name}")
        return answer and json.loads(answer)["results"]["channels"][0]["alternatives"][0]["transcript"]


class Worker:
    def __init__(self, redis, url, folder, *options):
        self.command = [WORKER, "--redis", f"127.0.0.1:{redis.port}", "--stream", "jobs", "--server", url, "--folder", folder,
                        "--lease-s", "2", "--jobs", "2", *map(str, options)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, env=harness.clean_environment(), stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.said = self.process.communicate(timeout=60)[1]
