"""The machine is what a container leaves of it: affinity and quota decide workers, capacity and who is let in."""

import contextlib
import json
import os
import pathlib
import subprocess
import urllib.request

import pytest

import harness

CGROUPS = pathlib.Path("/sys/fs/cgroup")


class Limited(harness.Daemon):
    """The daemon behind a command that limits it: taskset, or a shell that joins a control group."""

    def __init__(self, before, *options):
        super().__init__("--depth-policy", "adaptive", "--max-live", 10000, *options)
        self.command = [*map(str, before), *self.command]

    def capacity(self):
        with urllib.request.urlopen(self.url + "/v1/capacity", timeout=20) as answer:
            return json.load(answer)

    def streams(self):
        return self.capacity()["depths"][-1]["live_streams_with_partials"]


def one_cpu():
    return ["taskset", "-c", str(min(os.sched_getaffinity(0)))]


@contextlib.contextmanager
def quota(cpus):
    """A control group with so many CPUs' worth of time -> the command that runs another in it."""
    name, period = f"foldscribe-test-{os.getpid()}", 100000
    v1 = (CGROUPS / "cpu/cpu.cfs_quota_us").exists() or (CGROUPS / "cpu").is_dir()
    folder = (CGROUPS / "cpu" if v1 else CGROUPS) / name
    try:
        folder.mkdir()
        if v1:
            (folder / "cpu.cfs_period_us").write_text(str(period))
            (folder / "cpu.cfs_quota_us").write_text(str(int(cpus * period)))
        else:
            (folder / "cpu.max").write_text(f"{int(cpus * period)} {period}")
    except OSError as why:
        with contextlib.suppress(OSError):
            folder.rmdir()
        pytest.skip(f"no control group can be made here: {why}")
    try:
        yield ["sh", "-c", f'echo $$ > {folder}/cgroup.procs && exec "$@"', "sh"]
    finally:
        folder.rmdir()


def test_affinity_decides_how_many_workers_there_are():
    with Limited(one_cpu()) as one, Limited(["env"]) as all_of_them:
        assert one.capacity()["workers"] == one.capacity()["cpus"] == 1
        cpus = len(os.sched_getaffinity(0))
        assert all_of_them.capacity()["workers"] == cpus or all_of_them.capacity()["cpus"] < cpus  # a quota is here, too
        if cpus > 1 and all_of_them.capacity()["workers"] == cpus:
            assert one.streams() <= 0.75 * all_of_them.streams()


def test_more_workers_than_cpus_promise_no_more():
    with Limited(one_cpu()) as one, Limited(one_cpu(), "--workers", 8) as crowded:
        assert crowded.capacity()["workers"] == 8 and crowded.capacity()["cpus"] == 1
        few, many = (d.capacity()["depths"][-1]["batch_audio_seconds_per_second"] for d in (one, crowded))
        assert many < 2 * few, "it is one CPU all the same"
        assert "more workers than CPUs" in crowded.said()


def test_half_a_cpu_promises_half_and_keeps_the_promise_to_the_first_who_comes(clips):
    with Limited(one_cpu()) as one, quota(0.5) as limit, Limited(limit) as half:
        first = half.capacity()
        assert (first["workers"], first["cpus"]) == (1, 0.5)
        assert half.streams() <= 0.75 * one.streams()
        for clip in clips[:6]:
            subprocess.run(["curl", "-sf", f"{half.url}/v1/audio/transcriptions", "-F", f"file=@{clip.path}", "-F",
                            "model=foldscribe"], check=True, capture_output=True, timeout=60)
        after = half.capacity()
        assert after["cpus"] <= 0.5
        assert after["depths"][-1]["compute_ms_per_audio_second"] < 3 * first["depths"][-1]["compute_ms_per_audio_second"], \
            "waiting for a share of the CPU is not work"
