#!/usr/bin/env python3
"""Lets libFuzzer look for inputs that a parser does not deal with, all targets one after the other on all cores.

    tests/fuzz/fuzz.py --minutes 1                        what ./check does
    nice tests/fuzz/fuzz.py --cpu-hours 4                 the long run: all parsers in turn, a minute each, until it is used up
    tests/fuzz/fuzz.py --minutes 10 head multipart        some of them
    tests/fuzz/fuzz.py --minimise                         what was found becomes part of corpus/

Needs a build with clang:  CC=clang meson setup BUILD -Dfuzzer=true -Db_sanitize=address,undefined -Db_lundef=false
What reached new code is kept in BUILD/fuzz-work and found again by the next run; an input that broke something lies in
BUILD/fuzz-findings, and `BUILD/tests/fuzz/fuzz_PARSER FILE` runs it again. Standard library only.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KEPT_INPUTS, KEPT_BYTES = 20, 2048  # of a parser, beyond those that have a name


def environment():
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
            "FOLDSCRIBE_TEST_MODEL": str(ROOT / "tests/golden/tiny-bridge.safetensors")}


class Target:
    def __init__(self, build, name):
        self.name, self.program = name, build / "tests/fuzz" / f"fuzz_{name}"
        self.corpus = HERE / "corpus" / name
        self.dictionary = HERE / "dictionary" / name
        self.work, self.findings = build / "fuzz-work" / name, build / "fuzz-findings" / name

    def run(self, seconds):
        """-> (did it hold, CPU seconds, a line of the table, the end of what it said)."""
        for folder in (self.work, self.findings):
            folder.mkdir(parents=True, exist_ok=True)
        command = [self.program, f"-max_total_time={max(1, round(seconds))}", "-timeout=60", "-report_slow_units=60",
                   "-rss_limit_mb=3000", "-print_final_stats=1", f"-artifact_prefix={self.findings}/", self.work, self.corpus]
        if self.dictionary.exists():
            command.insert(1, f"-dict={self.dictionary}")
        before = set(self.findings.iterdir())
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            process = subprocess.Popen(command, env=environment(), stdout=log, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            log.seek(0)
            said = log.read()
        cpu_s = usage.ru_utime + usage.ru_stime
        ran = re.findall(r"number_of_executed_units:\s+(\d+)", said)
        covers = re.findall(r"cov: (\d+)", said)
        found = sorted(set(self.findings.iterdir()) - before)
        line = (f"{self.name:16} {cpu_s:8.0f} {ran[-1] if ran else '?':>12} {covers[-1] if covers else '?':>8} "
                f"{len(list(self.work.iterdir())):8}  {', '.join(str(f) for f in found)}")
        return process.returncode == 0, cpu_s, line, said[-6000:]

    def minimise(self):
        """Adds to the corpus what reaches code that nothing in it does: few inputs, and short ones."""
        with tempfile.TemporaryDirectory() as folder:
            merged = pathlib.Path(folder)
            for file in self.corpus.iterdir():
                shutil.copy(file, merged)
            subprocess.run([self.program, "-merge=1", "-timeout=30", "-rss_limit_mb=3000", merged, self.work], check=True,
                           env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            new = sorted((f for f in merged.iterdir() if not (self.corpus / f.name).exists()), key=lambda f: f.stat().st_size)
            kept = [f for f in new if f.stat().st_size <= KEPT_BYTES]
            already = sum(bool(re.fullmatch("[0-9a-f]{12}", f.name)) for f in self.corpus.iterdir())
            wanted = min(max(KEPT_INPUTS - already, 0), len(kept))
            kept = [kept[i * len(kept) // wanted] for i in range(wanted)]  # of all lengths
            for file in kept:
                shutil.copyfile(file, self.corpus / file.name[:12])
        return f"{self.name:16} {len(new):8} new {len(kept):8} kept"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="parsers; all where none is named")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-check/fuzz")
    parser.add_argument("--minutes", type=float, default=2, help="in all, divided among the parsers")
    parser.add_argument("--cpu-hours", type=float, help="instead: so much time of processors, in rounds")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--minimise", action="store_true", help="do not fuzz; add to corpus/ what was found")
    options = parser.parse_args()
    built = sorted(p.name[len("fuzz_"):] for p in (options.build / "tests/fuzz").glob("fuzz_*") if p.is_file())
    names = options.targets or built
    if not built or set(names) - set(built):
        print(f"not built in {options.build}: {', '.join(sorted(set(names) - set(built))) or 'anything'}", file=sys.stderr)
        return 2
    targets = [Target(options.build.resolve(), name) for name in names]
    began, hours, broken, rounds = time.monotonic(), 0.0, [], 0
    print(f"{'parser':16} {'CPU s':>8} {'inputs':>12} {'covers':>8} {'kept':>8}  findings", flush=True)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        if options.minimise:
            for line in pool.map(Target.minimise, targets):
                print(line, flush=True)
            return 0
        slice_s = 60 if options.cpu_hours else 60 * options.minutes * options.jobs / len(targets)
        while not rounds or (options.cpu_hours and hours < options.cpu_hours and not broken):
            rounds += 1
            for holds, cpu_s, line, said in pool.map(lambda t: t.run(slice_s), targets):
                hours += cpu_s / 3600
                print(line, flush=True)
                if not holds:
                    broken.append(said)
            print(f"{rounds} rounds of {len(targets)} parsers, {hours:.2f} CPU hours in "
                  f"{(time.monotonic() - began) / 60:.1f} minutes, {len(broken)} broken", flush=True)
    for said in broken:
        print("\n" + said)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
