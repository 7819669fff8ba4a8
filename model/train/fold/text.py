"""Letters: the CTC vocabulary and the one text normaliser that training and scoring share.

Normal form: upper case A-Z, apostrophe inside words, single spaces. Digits have no single
reading ("1984"), so training skips sentences that hold them and scoring spells out nothing
but what the reference spells out itself.
"""

import re
import unicodedata

BLANK = 0
VOCAB = ["<blank>", " ", "'"] + [chr(c) for c in range(ord("A"), ord("Z") + 1)]
IDS = {piece: i for i, piece in enumerate(VOCAB)}

_TITLES = [(r"\bMR\b\.?", "MISTER"), (r"\bMRS\b\.?", "MISSUS"), (r"\bDR\b\.?", "DOCTOR")]


def normalise(text):
    """Any cased, punctuated English -> normal form. Hyphens and dashes become spaces."""
    text = text.translate({0x2018: "'", 0x2019: "'", 0x2013: " ", 0x2014: " "})
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().upper()
    for pattern, word in _TITLES:
        text = re.sub(pattern, word, text)
    text = re.sub(r"[^A-Z' ]", " ", text)
    text = re.sub(r"(?<![A-Z])'+|'+(?![A-Z])", " ", text)
    return " ".join(text.split())


def trainable(text):
    """False for sentences whose spoken form is not clear from the letters."""
    return not re.search(r"[0-9$%=/*&@#+]", text) and bool(normalise(text))


def encode(text):
    return [IDS[c] for c in normalise(text)]


def decode_greedy(ids):
    """Collapsed CTC path -> text. ids: iterable of frame-wise best ids."""
    out, last = [], BLANK
    for i in ids:
        if i != last and i != BLANK:
            out.append(VOCAB[i])
        last = i
    return " ".join("".join(out).split())


def word_errors(ref, hyp):
    """(errors, reference words) by Levenshtein distance over words."""
    r, h = ref.split(), hyp.split()
    row = list(range(len(h) + 1))
    for i, rw in enumerate(r, 1):
        prev, row[0] = row[0], i
        for j, hw in enumerate(h, 1):
            prev, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, prev + (rw != hw))
    return row[-1], len(r)
