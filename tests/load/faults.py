"""What is lost when things go wrong while people speak?  A daemon, 30 streams at the pace of speech, uploads beside
them; then one thing happens, and when all is over, a table.

    python tests/load/faults.py --streams 30                     starts the daemon of build-release/, a new one for each
    python tests/load/faults.py --only "full disk" --streams 8

A stream is whole when it has the text that it has alone, and was closed with 1000 (a microphone that stutters for a
second may change a word where it did); told, when it was closed with another code and a reason; lost, when neither. Nothing may be lost but what the killed daemon itself had.
"""

import argparse
import asyncio
import collections
import contextlib
import http.client
import mmap
import os
import pathlib
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402
import live  # noqa: E402

PAUSE = bytes(2 * harness.RATE)
# The calendar's clock of one process, and nobody else's: 8 bytes of a file say how far it is off.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile int64_t *off;
__attribute__((constructor)) static void begin(void)
{
    const int fd = open(getenv("CLOCK_OFF"), O_RDONLY);
    off = mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
}
int clock_gettime(clockid_t clock, struct timespec *t)
{
    const int error = (int)syscall(SYS_clock_gettime, clock, t);
    if (!error && off && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        t->tv_sec += *off;
    return error;
}
int gettimeofday(struct timeval *t, void *zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *t)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return t ? (*t = now.tv_sec) : now.tv_sec;
}
"""


class Daemon(harness.Daemon):
    """Of copies of the model's files, with a calendar's clock of its own."""

    def __init__(self, folder, *options):
        super().__init__("--max-live", 500, *options)
        self.folder = folder
        self.files = []
        for flag, path in (("--model", harness.seed()), ("--lm", harness.lm()), ("--prose", harness.prose())):
            shutil.copy(path, folder / path.name)
            self.command[self.command.index(flag) + 1] = str(folder / path.name)
            self.files.append(folder / path.name)
        (folder / "off").write_bytes(bytes(8))
        with open(folder / "off", "r+b") as file:
            self.off = mmap.mmap(file.fileno(), 8)
        source, library = folder / "shim.c", folder / "shim.so"
        source.write_text(SHIM)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        self.command = ["env", f"LD_PRELOAD={library}", f"CLOCK_OFF={folder / 'off'}", *self.command]

    def set_clock(self, seconds):
        self.off[:] = struct.pack("q", seconds)

    def limit(self, what, most):
        _, hard = resource.prlimit(self.process.pid, what)
        resource.prlimit(self.process.pid, what, (hard if most is None else most, hard))

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- what happens, and how it ends ---------------------------------------------------------------

async def nothing(daemon):
    await asyncio.sleep(5)


async def kill(daemon):
    daemon.process.kill()
    await asyncio.to_thread(daemon.process.wait)


async def terminate(daemon):
    daemon.terminate()


async def stop(daemon):
    daemon.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(10)
    daemon.process.send_signal(signal.SIGCONT)


async def full_disk(daemon):
    daemon.limit(resource.RLIMIT_FSIZE, 0)  # the daemon says the same of EFBIG and ENOSPC
    await asyncio.sleep(5)
    daemon.limit(resource.RLIMIT_FSIZE, None)


async def no_descriptors(daemon):
    daemon.limit(resource.RLIMIT_NOFILE, len(os.listdir(f"/proc/{daemon.process.pid}/fd")) + 8)
    idle = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(40)]  # take what is left
    await asyncio.sleep(5)
    for one in idle:
        one.close()
    daemon.limit(resource.RLIMIT_NOFILE, None)


async def clock(daemon):
    for seconds in (86400, -86400, 30 * 86400, 0):
        daemon.set_clock(seconds)
        await asyncio.sleep(1.5)


async def replace_model(daemon):
    for path in daemon.files:
        size = path.stat().st_size
        with open(path, "r+b") as file:  # as cp does it: in place
            file.write(os.urandom(size))
    await asyncio.sleep(2)
    for path in daemon.files:
        os.truncate(path, 100)
    await asyncio.sleep(2)


FAULTS = {"nothing": nothing, "kill -9": kill, "SIGTERM": terminate, "SIGSTOP for 10 s": stop, "full disk": full_disk,
          "no descriptors": no_descriptors, "clock a day forward and back": clock, "model replaced": replace_model}
ENDS_IT = {"kill -9", "SIGTERM"}


# ---- who speaks meanwhile ------------------------------------------------------------------------

def alone(daemon, scripts):
    return [asyncio.run(live.stream(daemon, pcm, pace=20)).text() for pcm in scripts]


async def speak(daemon, pcm, text, counts):
    heard = live.Heard()
    try:
        async with live.connect(daemon, ping_interval=None) as socket:
            listening = asyncio.create_task(live.listen(socket, heard))
            with contextlib.suppress(live.websockets.ConnectionClosed):
                await live.speak(socket, pcm, pace=1)
                await live.say(socket, "CloseStream")
            await asyncio.wait_for(listening, 90)
    except (OSError, asyncio.TimeoutError, live.websockets.WebSocketException) as error:
        counts[f"lost: {type(error).__name__}"] += 1
        return
    code, reason = heard.close
    if code == 1000:
        errors = harness.word_errors(harness.normalise(text), harness.normalise(heard.text()))[0]
        counts["whole" if not errors else "whole but for a word or two" if errors <= 2 else "lost: other words"] += 1
    else:
        counts[f"told {code} {reason}" if reason else f"lost: {code}"] += 1


def upload(daemon, clip):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
    try:
        connection.request("POST", "/v1/listen", clip.path.read_bytes())
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)
    except OSError as error:
        return type(error).__name__
    finally:
        connection.close()


async def uploads(daemon, clip, counts, until):
    while time.monotonic() < until:
        counts[await asyncio.to_thread(upload, daemon, clip)] += 1
        await asyncio.sleep(0.5)


async def crowd(daemon, scripts, texts, options, fault):
    heard, sent = collections.Counter(), collections.Counter()
    seconds = max(len(pcm) for pcm in scripts) / 2 / harness.RATE
    speakers = [asyncio.create_task(speak(daemon, scripts[i % len(scripts)], texts[i % len(scripts)], heard))
                for i in range(options.streams)]
    uploader = asyncio.create_task(uploads(daemon, harness.clips()[0], sent, time.monotonic() + seconds))
    await asyncio.sleep(seconds / 3)
    began = daemon.cpu_s()
    await fault(daemon)
    cpu_s = None if daemon.process.poll() is not None else daemon.cpu_s() - began
    await asyncio.gather(*speakers, uploader)
    return heard, sent, cpu_s


def back_after(daemon, clip):
    """Seconds until a request is served, by a new daemon where there is none any more."""
    began = time.monotonic()
    if daemon.process.poll() is not None:
        daemon.__enter__()
    while upload(daemon, clip) != "200":
        if time.monotonic() - began > 60:
            return None
        time.sleep(0.1)
    return time.monotonic() - began


def judge(name, options):
    clips = harness.clips()
    scripts = [b"".join(clips[i + k].pcm() + PAUSE for k in range(options.clips)) for i in range(3)]
    with tempfile.TemporaryDirectory() as folder, Daemon(pathlib.Path(folder), "--drain-s", 60) as daemon:
        texts = alone(daemon, scripts)
        heard, sent, cpu_s = asyncio.run(crowd(daemon, scripts, texts, options, FAULTS[name]))
        if name == "SIGTERM":
            daemon.wait()
        if name == "model replaced":  # for a restart they have to be there
            for path, was in zip(daemon.files, (harness.seed(), harness.lm(), harness.prose())):
                shutil.copy(was, path)
        back_s = back_after(daemon, clips[0])
    lost = sum(n for what, n in heard.items() if what.startswith("lost"))
    return heard, sent, cpu_s, back_s, lost and name != "kill -9"


def words(counter):
    return ", ".join(f"{n} {what}" for what, n in counter.most_common())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=30)
    parser.add_argument("--clips", type=int, default=3, help="that each stream speaks, one after the other")
    parser.add_argument("--only", action="append", choices=FAULTS)
    options = parser.parse_args()
    bad = 0
    print("| what happens | streams | uploads meanwhile | CPU of the daemon meanwhile | a request is served again after |\n"
          "|---|---|---|---|---|", flush=True)
    for name in options.only or FAULTS:
        heard, sent, cpu_s, back_s, lost = judge(name, options)
        bad += bool(lost) + (back_s is None)
        print(f"| {name} | {words(heard)} | {words(sent)} | {'' if cpu_s is None else f'{cpu_s:.1f} s'} | "
              f"{'never' if back_s is None else f'{back_s:.1f} s'} |", flush=True)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
