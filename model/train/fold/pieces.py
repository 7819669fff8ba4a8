"""Pieces: the tokenizer of the attention decoder, a byte-pair encoding of cased, punctuated text.

Moonshine uses the 32,000 pieces of Llama 2 (SentencePiece BPE). English needs about half of them, so
the vocabulary is pruned: `kept` pieces have embeddings; `merged` ones lack them and serve only as
steps on the way to a kept piece.
"""

import collections

SPACE = "\u2581"
UNKNOWN, BEGIN, END = 0, 1, 2
MERGE_NONE, BYTE, CONTROL = -1, -2, -3  # ranks of what no merge makes


class Pieces:
    """strings[i]: bytes of piece i; ranks[i]: merge priority or one of the negative kinds; the first
    `kept` have embeddings."""

    def __init__(self, strings, ranks, kept):
        self.strings, self.ranks, self.kept = strings, ranks, kept
        self.ids = {s: i for i, s in enumerate(strings) if ranks[i] > BYTE}
        self.bytes = {s[0]: i for i, s in enumerate(strings) if ranks[i] == BYTE}
        self._words, self._splits = {}, {}

    @classmethod
    def of_llama(cls, listed, size):
        """listed: Llama's pieces as text, in order, bytes as <0xNN>. Ids from there to size are Moonshine's own
        and never written."""
        strings, ranks = [], []
        for i in range(size):
            s = listed[i] if i < len(listed) else ""
            if i <= END or not s:
                kind, s = CONTROL, b""
            elif len(s) == 6 and s.startswith("<0x"):
                kind, s = BYTE, bytes([int(s[3:5], 16)])
            else:  # single characters come last and are made by no merge
                kind, s = MERGE_NONE if len(s) == 1 else i, s.encode()
            ranks.append(kind)
            strings.append(s)
        return cls(strings, ranks, size)

    def plain(self):
        """What JSON can hold."""
        return {"strings": [s.decode("latin-1") for s in self.strings], "ranks": self.ranks, "kept": self.kept}

    @classmethod
    def of_plain(cls, plain):
        return cls([s.encode("latin-1") for s in plain["strings"]], plain["ranks"], plain["kept"])

    def word(self, word):
        """Text without spaces, as it begins with SPACE or not -> pieces, kept or not."""
        if word not in self._words:
            self._words[word] = self._word(word)
        return self._words[word]

    def _word(self, word):
        parts = [self.ids.get(c.encode(), None) for c in word]
        parts = [[c.encode()] if i is None else i for c, i in zip(word, parts)]
        while True:
            best = None
            for at in range(len(parts) - 1):
                if isinstance(parts[at], list) or isinstance(parts[at + 1], list):
                    continue
                joined = self.ids.get(self.strings[parts[at]] + self.strings[parts[at + 1]])
                if joined is not None and self.ranks[joined] >= 0:
                    if best is None or self.ranks[joined] < self.ranks[best[1]]:
                        best = at, joined
            if best is None:
                break
            at, joined = best
            parts[at:at + 2] = [joined]
        out = []
        for part in parts:
            out += [self.bytes[b] for b in part[0]] if isinstance(part, list) else [part]
        return tuple(out)

    def encode(self, text):
        """-> list of kept pieces, without BEGIN and END."""
        out = []
        for word in text.split():
            for piece in self.word(SPACE + word):
                if piece < self.kept:
                    out.append(piece)
                else:
                    out += self._splits.get(piece) or self._splits.setdefault(piece, self._split(piece))
        return out

    def _split(self, piece):
        """A piece without embedding as kept ones: the longest from the left, characters, or bytes."""
        text, out = self.strings[piece].decode(), []
        while text:
            for n in range(len(text), 0, -1):
                i = self.ids.get(text[:n].encode())
                if i is not None and i < self.kept:
                    out.append(i)
                    break
            else:
                n = 1
                out += [self.bytes[b] for b in text[0].encode()]
            text = text[n:]
        return out

    def decode(self, pieces):
        joined = b"".join(self.strings[i] for i in pieces)
        return joined.decode(errors="replace").replace(SPACE, " ").strip()

    def prune(self, lines, most):
        """-> (Pieces of at most so many with embeddings, old ids of those). What lines use most stays, and
        everything that spells plain text."""
        count = collections.Counter()
        words = collections.Counter(word for line in lines for word in line.split())
        for word, n in words.items():
            for piece in self.word(SPACE + word):
                count[piece] += n
        must = [i for i, r in enumerate(self.ranks) if i <= END or r == BYTE
                or (r == MERGE_NONE and self.strings[i].decode() < "\u0180")
                or (r == MERGE_NONE and self.strings[i].decode() in SPACE + "–—‘’“”…€£")]
        chosen = set(must)
        for piece, _ in count.most_common():
            if len(chosen) >= most:
                break
            chosen.add(piece)
        kept = sorted(chosen)
        steps = set()
        for i in kept:
            if self.ranks[i] >= 0:
                steps |= self._steps(self.strings[i].decode())
        rest = sorted(steps - chosen)
        order = kept + rest
        return Pieces([self.strings[i] for i in order], [self.ranks[i] for i in order], len(kept)), kept

    def ids_in(self, whole):
        """Ids of the kept pieces in the tokenizer that this one was pruned from."""
        key = lambda pieces, i: (pieces.strings[i], min(pieces.ranks[i], 0))
        known = {key(whole, i): i for i in reversed(range(whole.kept))}
        return [i if i <= END else known[key(self, i)] for i in range(self.kept)]

    def _steps(self, text):
        """Every piece that the merges towards text pass through."""
        parts, seen = [self.ids[c.encode()] for c in text if c.encode() in self.ids], set()
        while True:
            best = None
            for at in range(len(parts) - 1):
                joined = self.ids.get(self.strings[parts[at]] + self.strings[parts[at + 1]])
                if joined is not None and self.ranks[joined] >= 0:
                    if best is None or self.ranks[joined] < self.ranks[best[1]]:
                        best = at, joined
            if best is None:
                return seen
            parts[best[0]:best[0] + 2] = [best[1]]
            seen.add(best[1])
