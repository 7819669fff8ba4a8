"""foldscribe-worker: a queue's jobs are done once each, whatever dies meanwhile. A real Redis, started here."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest

import harness
from job_queue import WORKER, Redis, Worker

@pytest.fixture()
def redis(tmp_path):
    (tmp_path / "redis").mkdir()
    with Redis(tmp_path / "redis") as redis:
        yield redis


@pytest.fixture()
def folder(tmp_path, clips):
    folder = tmp_path / "recordings"
    (folder / "sub").mkdir(parents=True)
    for clip in clips[:6]:
        shutil.copy(clip.path, folder / "sub")
    return folder


def is_right(clip, text):
    assert harness.word_error_rate([(clip.text, text)]) < 0.3, text


def test_three_workers_one_of_which_is_killed_do_each_job_once(redis, daemon, folder, clips):
    jobs = {f"talk-{i}": clips[i % 6] for i in range(60)}
    with Worker(redis, daemon.url, folder) as victim, Worker(redis, daemon.url, folder), Worker(redis, daemon.url, folder):
        for name, clip in jobs.items():
            redis.add(id=name, file=f"sub/{clip.path.name}", query="model=foldscribe&punctuate=true")
        harness.until(lambda: redis("XLEN", "jobs:done") >= 8)
        victim.process.kill()
        harness.until(lambda: redis("XLEN", "jobs:done") == len(jobs))
    assert sorted(row["id"] for row in redis.pairs("jobs:done")) == sorted(jobs)
    assert redis("XLEN", "jobs") == 0 and redis("XLEN", "jobs:dead") == 0
    wanted = {clip: redis.text(f"talk-{i}") for i, clip in enumerate(clips[:6])}
    for name, clip in jobs.items():
        assert redis.text(name) == wanted[clip]
        is_right(clip, wanted[clip])


def test_a_job_that_cannot_be_done_is_set_aside_with_its_reason(redis, daemon, folder, clips):
    (folder / "noise.wav").write_bytes(os.urandom(20000))
    redis.add(id="garbage", file="noise.wav")
    redis.add(id="gone", file="no-such.wav")
    redis.add(id="escape", file="../redis/appendonly.aof")
    redis.add(id="both", file="a", url="http://a/b")
    redis.add(id="colour", colour="red")
    redis.add(id="word", file=f"sub/{clips[0].path.name}", query="depth=99")
    redis.add(id="away", url="http://127.0.0.1:9/none.wav")
    redis.add(id="good", file=f"sub/{clips[0].path.name}")
    with Worker(redis, daemon.url, folder):
        harness.until(lambda: redis("XLEN", "jobs:done") == 1 and redis("XLEN", "jobs:dead") == 7)
    dead = {row["id"]: row for row in redis.pairs("jobs:dead")}
    is_right(clips[0], redis.text("good"))
    assert dead["gone"]["reason"] == "file: No such file or directory"
    assert dead["escape"]["reason"].startswith("file: ")
    assert "exactly one" in dead["both"]["reason"] and "colour: unknown field" in dead["colour"]["reason"]
    assert dead["garbage"]["reason"].startswith("4") and dead["word"]["reason"].startswith("400: ") and "depth" in dead["word"]["reason"]
    assert dead["away"]["reason"].startswith("4") and dead["away"]["url"] == "http://127.0.0.1:9/none.wav"
    assert redis("XLEN", "jobs") == 0


def test_what_kills_its_workers_is_set_aside_after_some_tries(redis, daemon, folder, clips):
    """Given out and never answered: as a job looks whose worker died of it."""
    redis("XGROUP", "CREATE", "jobs", "foldscribe", "0", "MKSTREAM")
    redis.add(id="poison", file=f"sub/{clips[0].path.name}")
    for _ in range(3):
        redis("XREADGROUP", "GROUP", "foldscribe", "dead", "STREAMS", "jobs", ">")
        redis("XAUTOCLAIM", "jobs", "foldscribe", "dead", "0", "0")
    with Worker(redis, daemon.url, folder):
        harness.until(lambda: redis("XLEN", "jobs:dead") == 1)
    assert "without an answer" in redis.pairs("jobs:dead")[0]["reason"]


def test_a_queue_that_goes_away_is_waited_for(redis, daemon, folder, clips):
    with Worker(redis, daemon.url, folder) as worker:
        redis.add(id="before", file=f"sub/{clips[0].path.name}")
        harness.until(lambda: redis("XLEN", "jobs:done") == 1)
        redis.__exit__()
        time.sleep(1)
        assert worker.process.poll() is None
        redis.__enter__()
        redis.add(id="after", file=f"sub/{clips[1].path.name}")
        harness.until(lambda: redis("XLEN", "jobs:done") == 2)
    assert "queue away" in worker.said and "queue back" in worker.said
    is_right(clips[1], redis.text("after"))


def test_a_daemon_that_goes_away_is_waited_for(redis, folder, clips):
    with harness.Daemon() as daemon:
        pass
    with Worker(redis, daemon.url, folder) as worker:
        redis.add(id="early", file=f"sub/{clips[0].path.name}")
        harness.until(lambda: redis.in_hand() == 1)
        time.sleep(0.5)
        with daemon:
            harness.until(lambda: redis("XLEN", "jobs:done") == 1)
    assert "daemon full or away" in worker.said and worker.process.returncode == 0


def test_a_daemon_that_hangs_is_given_up_for_another_try(redis, folder, clips):
    with harness.Daemon() as daemon, Worker(redis, daemon.url, folder, "--patience-s", 2) as worker:
        daemon.process.send_signal(signal.SIGSTOP)
        redis.add(id="stuck", file=f"sub/{clips[0].path.name}")
        harness.until(lambda: redis.in_hand() == 1)
        time.sleep(3)
        assert redis.in_hand() == 1 and redis("XLEN", "jobs:dead") == 0
        daemon.process.send_signal(signal.SIGCONT)
        harness.until(lambda: redis("XLEN", "jobs:done") == 1)
    assert "daemon full or away" in worker.said
    is_right(clips[0], redis.text("stuck"))


def test_a_second_job_of_the_same_id_has_the_first_ones_answer(redis, daemon, folder, clips):
    for clip in clips[:2]:
        redis.add(id="same", file=f"sub/{clip.path.name}")
    with Worker(redis, daemon.url, folder, "--jobs", 1):
        harness.until(lambda: redis("XLEN", "jobs") == 0)
    assert redis("XLEN", "jobs:done") == 1
    is_right(clips[0], redis.text("same"))


def test_a_deadline_decides_how_deep_a_recording_is_heard(redis, folder, clips):
    long = folder / "long.wav"
    long.write_bytes(harness.wav(b"".join(clip.pcm() for clip in clips)))
    with harness.Daemon("--workers", 1) as daemon, Worker(redis, daemon.url, folder):
        redis.add(id="soon", file="long.wav", deadline=int(time.time()))
        redis.add(id="late", file="long.wav", deadline=int(time.time()) + 600)
        harness.until(lambda: redis("XLEN", "jobs:done") == 2)
    depth = {name: json.loads(redis("GET", f"jobs:answer:{name}"))["metadata"]["depth"] for name in ("soon", "late")}
    assert depth["soon"]["used"] == 1 and depth["late"]["used"] > 1, depth


def test_sigterm_finishes_what_is_in_hand(redis, daemon, folder, clips):
    with Worker(redis, daemon.url, folder) as worker:
        for i in range(20):
            redis.add(id=f"n{i}", file=f"sub/{clips[i % 6].path.name}")
        harness.until(lambda: redis("XLEN", "jobs:done") >= 1)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(30) == 0
    assert redis.in_hand() == 0, "nothing was left half done"
    done = subprocess.run([*worker.command[:5], "--status"], capture_output=True, text=True)
    counts = json.loads(done.stdout)
    assert counts["waiting"] + counts["done"] == 20 and counts["in_hand"] == counts["dead"] == 0


@pytest.mark.parametrize("options, says", [
    (["--jobs", "0"], "--jobs 0: expected"), (["--tries", "x"], "--tries x"), (["--server", "here"], "--server here"),
    (["--folder", "/no/such"], "--folder /no/such"), (["stray"], "stray"),
    (["--redis", "127.0.0.1:9", "--status"], "--redis 127.0.0.1:9: Connection refused")])
def test_wrong_settings_are_named(options, says):
    done = subprocess.run([WORKER, *options], capture_output=True, text=True, timeout=20)
    assert done.returncode in (1, 2) and says in done.stderr, done.stderr
