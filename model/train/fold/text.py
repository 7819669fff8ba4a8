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


_ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
         "seventeen eighteen nineteen").split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINAL = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
            "twelve": "twelfth"}


def number(n):
    """0 .. 999,999,999 in words."""
    if n < 20:
        return _ONES[n]
    if n < 100:
        return _TENS[n // 10 - 2] + (" " + _ONES[n % 10] if n % 10 else "")
    for unit, name in ((10 ** 6, "million"), (1000, "thousand"), (100, "hundred")):
        if n >= unit:
            rest = n % unit
            return number(n // unit) + " " + name + (" " + number(rest) if rest else "")


def ordinal(n):
    words = number(n).split()
    last = words[-1]
    words[-1] = _ORDINAL.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return " ".join(words)


def _year(n):
    """1100 .. 1999 as years are read."""
    low = n % 100
    return number(n // 100) + " " + ("hundred" if not low else "oh " + number(low) if low < 10 else number(low))


def spell(text):
    """Numbers in digits -> words, as they are mostly read; for scoring against references that are spelled out."""
    text = re.sub(r"\$(\d[\d,]*)", r"\1 dollars", text).replace("%", " percent").replace("&", " and ")
    text = re.sub(r"\d{1,3}(,\d{3}){1,2}\b", lambda m: number(int(m[0].replace(",", ""))), text)
    text = re.sub(r"\b(\d{1,9})(st|nd|rd|th)\b", lambda m: ordinal(int(m[1])), text)
    text = re.sub(r"\b(1[1-9]\d\d)(s?)\b", lambda m: _year(int(m[1])) + m[2], text)
    return re.sub(r"\d{1,9}", lambda m: " " + number(int(m[0])) + " ", text)


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


def spelled(pair):
    """A pair of texts, each letter a word of its own, so that word_errors counts letters."""
    return tuple(" ".join(line.replace(" ", "_")) for line in pair)


def word_errors(ref, hyp):
    """(errors, reference words) by Levenshtein distance over words."""
    r, h = ref.split(), hyp.split()
    row = list(range(len(h) + 1))
    for i, rw in enumerate(r, 1):
        prev, row[0] = row[0], i
        for j, hw in enumerate(h, 1):
            prev, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, prev + (rw != hw))
    return row[-1], len(r)
