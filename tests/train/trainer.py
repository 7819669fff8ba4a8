"""The trainer's commands, run as its README gives them, and libfold beside them."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRAINER = ROOT / "model" / "train"
DATA = ROOT / "tests" / "data"
# The C side, as ./check builds it.
BUILD = pathlib.Path(os.environ.get("FOLDSCRIBE_BUILD") or ROOT / "build-check" / "gcc")
GOLDEN = BUILD / "tests" / "golden" / "test_golden"
LIBRARY = BUILD / "model" / "libfold_inside.so"
sys.path.insert(0, str(TRAINER))

RATE = 16000
SENTENCES = ["one fold", "Two folds.", "it's three", "four at last"]


def command(script, *arguments, ok=True):
    """-> what it prints; where it is to fail, what it says of that."""
    done = subprocess.run([sys.executable, TRAINER / script, *map(str, arguments)], timeout=300,
                          capture_output=True, text=True)
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done.stdout if ok else done.stderr


def compare(seed, folder, clip):
    """Activations of a recording at every stage and depth, PyTorch against libfold; prints the errors."""
    golden = folder / "activations.golden"
    command("golden.py", "--seed", seed, "--clip", clip, "--out", golden)
    done = subprocess.run([GOLDEN, seed, golden, "fp32"], capture_output=True, text=True, timeout=300)
    print(f"\n{pathlib.Path(seed).name}, {clip.name}:\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
