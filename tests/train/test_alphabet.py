"""Vocabularies: text becomes ids of any of them and comes back, in the trainer and in libfold's decoder."""

import subprocess
import sys

import numpy as np
import pytest

from trainer import LIBRARY, ROOT

from fold.alphabet import Alphabet
from fold.decoder import Decoder

PUBLISHED = ["<pad>", "", "", "", " ", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]  # as wav2vec2-base-960h has it
SMALL = ["<pad>", *"zyxwvutsrqponmlkjihgfedcba", " ", "", "'"]
TEXT = "It's all well; a quiz too."
NORMAL = "IT'S ALL WELL A QUIZ TOO"


@pytest.mark.parametrize("symbols", [None, PUBLISHED, SMALL], ids=["ours", "published", "small"])
def test_text_comes_back_through_a_path_with_blanks_between_repeats(symbols):
    alphabet = Alphabet(symbols)
    ids = alphabet.encode(TEXT)
    path = [x for i in ids for x in (i, i, 0)]
    assert alphabet.decode(path) == NORMAL
    if not LIBRARY.exists():
        pytest.skip(f"there is no {LIBRARY}: ./check builds it")
    logp = np.full((len(path), len(alphabet.symbols)), -20, np.float32)
    logp[np.arange(len(path)), path] = -1e-6
    decoder = Decoder(LIBRARY, symbols=symbols)
    assert decoder.decode(logp) == NORMAL
    decoder.close()


def test_a_letter_that_there_is_no_symbol_for_is_left_out():
    assert Alphabet(["<pad>", " ", "A", "B"]).encode("a cab") == [2, 1, 2, 3]


def test_letters_are_not_learnt_from_a_seed_of_another_vocabulary(tmp_path):
    done = subprocess.run([sys.executable, ROOT / "model/train/hear.py", "--seed", ROOT / "tests/golden/tiny-base.safetensors",
                           "--library", LIBRARY, "--data", tmp_path], capture_output=True, text=True, timeout=100)
    assert done.returncode == 1 and "its front end is wave" in done.stderr and not list(tmp_path.iterdir())
