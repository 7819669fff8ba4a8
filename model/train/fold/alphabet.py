"""What a seed's exit tells apart, and texts in it: the letters of fold/text.py, or the vocabulary of a checkpoint."""

from . import text


class Alphabet:
    """symbols: the blank first, " " between words, "" for what is never written; letters of one case or both."""

    def __init__(self, symbols=None):
        self.symbols = symbols or text.VOCAB
        self.ids = {s: i for i, s in reversed(list(enumerate(self.symbols))) if i and len(s) == 1}

    def encode(self, words):
        """Any English text -> ids of its normal form; what there is no symbol for is left out."""
        ids = (self.ids.get(c, self.ids.get(c.lower())) for c in text.normalise(words))
        return [i for i in ids if i is not None]

    def decode(self, ids):
        """Collapsed CTC path -> text in normal form."""
        out, last = [], 0
        for i in ids:
            if i not in (last, 0):
                out.append(self.symbols[i])
            last = i
        return text.normalise("".join(out))
