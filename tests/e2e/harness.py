"""The real daemon on a free port, and the recordings of tests/data. Standard library only.

    with Daemon() as daemon:
        urllib.request.urlopen(daemon.url + "/v1/models")

What runs is said by the environment, or what ships with the tree:
    FOLDSCRIBE_BIN   the daemon           (build-release/server/foldscribed)
    FOLDSCRIBE_SEED  the model file       (the one in model/seeds)
    FOLDSCRIBE_LM    the language model   (the one in model/seeds)
"""

import csv
import ctypes
import dataclasses
import http.client
import io
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
RATE = 16000

# The one normaliser and the one error count that training, evaluation and tests share.
sys.path.insert(0, str(ROOT / "model" / "train"))
from fold.text import normalise, word_errors  # noqa: E402


def _shipped(variable, pattern):
    if os.environ.get(variable):
        return pathlib.Path(os.environ[variable])
    found = sorted((ROOT / "model" / "seeds").glob(pattern))
    if len(found) != 1:
        raise RuntimeError(f"model/seeds holds {len(found)} files {pattern}, not one: set {variable}")
    return found[0]


def binary():
    return pathlib.Path(os.environ.get("FOLDSCRIBE_BIN") or ROOT / "build-release/server/foldscribed")


def seed():
    return _shipped("FOLDSCRIBE_SEED", "*.safetensors")


def lm():
    return _shipped("FOLDSCRIBE_LM", "*.flm")


def prose():
    return _shipped("FOLDSCRIBE_PROSE", "*.prose")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def clean_environment():
    """This process's environment without settings of the daemon."""
    return {k: v for k, v in os.environ.items() if not k.startswith("FOLDSCRIBE_")}


def run(*options, timeout=60):
    """Runs the daemon to its end (it is expected to refuse to start) -> CompletedProcess."""
    return subprocess.run([binary(), *map(str, options)], env=clean_environment(), timeout=timeout,
                          capture_output=True, text=True, errors="replace")


def mp3(pcm):
    """s16le mono at RATE as MP3, by libsndfile: sox may have been built without it."""
    library = ctypes.CDLL("libsndfile.so.1")
    library.sf_open.restype = ctypes.c_void_p
    info = (ctypes.c_int * 8)()  # struct SF_INFO: frames in 8 bytes, rate, channels, format, two more
    info[2], info[3], info[4] = RATE, 1, 0x230000 | 0x82
    with tempfile.NamedTemporaryFile(suffix=".mp3") as file:
        sound = library.sf_open(file.name.encode(), 0x20, info)
        assert sound, "libsndfile writes no MP3"
        library.sf_write_short(ctypes.c_void_p(sound), pcm, ctypes.c_int64(len(pcm) // 2))
        library.sf_close(ctypes.c_void_p(sound))
        return pathlib.Path(file.name).read_bytes()


class Daemon:
    """A running foldscribed. Leaving the with block stops it and asserts that it went in peace."""

    def __init__(self, *options):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws = f"ws://127.0.0.1:{self.port}"
        self.command = [str(binary()), "--listen", f"127.0.0.1:{self.port}", "--model", str(seed()),
                        "--lm", str(lm()), "--prose", str(prose()), "--drain-grace-ms", "200", "--depth-policy", "fixed",
                        *map(str, options)]
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, env=clean_environment(), stdout=self.log,
                                        stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 300  # a guard: under ThreadSanitizer, three at once, a slow machine takes over a minute
        while self.status("/readyz") != 200:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"{' '.join(self.command)}\ndid not become ready:\n{self.said()}")
            time.sleep(0.05)
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # as SIGTERM, without the grace for balancers
        code = self.wait()
        if kind is None:
            assert code == 0, f"the daemon ended with {code}:\n{self.said()}"

    def status(self, path):
        """HTTP status of a GET, or None when there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout=60):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the daemon did not end within {timeout} s:\n{self.said()}") from None

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def memory_mib(self):
        """(resident now, greatest so far)."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        kib = {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.startswith("Vm")}
        return kib["VmRSS"] / 1024, kib["VmHWM"] / 1024


@dataclasses.dataclass(frozen=True)
class Clip:
    path: pathlib.Path
    text: str

    def pcm(self):
        """s16le mono at RATE."""
        return sox(self.path, "-t", "s16", "-r", RATE, "-c", 1, "-")

    def seconds(self):
        return len(self.pcm()) / 2 / RATE


def clips():
    """All recordings of tests/data with their reference texts."""
    with open(DATA / "clips.tsv", newline="") as rows:
        return [Clip(DATA / row["file"], row["text"])
                for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)]


def sox(*arguments, stdin=None):
    """What sox writes to standard output."""
    return subprocess.run(["sox", "-V1", *map(str, arguments)], check=True, capture_output=True, input=stdin).stdout


def wav(pcm, rate=RATE):
    """A WAV file of 16-bit mono samples."""
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(pcm)
    return out.getvalue()


def until(true, seconds=60):
    """Waits for what a call says to come true, and fails where it does not in time."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert true()


def word_error_rate(pairs):
    """pairs of (reference, hypothesis), in any case and punctuation -> errors per reference word."""
    counts = [word_errors(normalise(r), normalise(h)) for r, h in pairs]
    return sum(e for e, _ in counts) / sum(n for _, n in counts)
