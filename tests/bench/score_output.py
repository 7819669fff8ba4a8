"""What model/tools/score.c prints, as numbers."""

import dataclasses
import re

NUMBER = r"\s+([\d.]+)"
FIRST = re.compile(rf"x(\d+)\s+WER{NUMBER} %\s+network RTF{NUMBER}\s+decoder RTF{NUMBER}")
WRITTEN = re.compile(rf"\s+written{NUMBER} %\s+writer RTF{NUMBER}")


@dataclasses.dataclass
class Depth:
    """Word error rates in percent; times in seconds of one core for a second of sound."""
    depth: int
    first_wer: float            # of the first pass
    network_rtf: float
    decoder_rtf: float          # of the first pass
    written_wer: float = None   # where there is an attention decoder
    writer_rtf: float = 0       # its drafts included

    @property
    def wer(self):
        """Of the text that is served."""
        return self.first_wer if self.written_wer is None else self.written_wer

    @property
    def rtf(self):
        """Of everything between sound and the text that is served: where that is written, the draft is in the writer's time."""
        return self.network_rtf + (self.decoder_rtf if self.written_wer is None else self.writer_rtf)


def parse(said):
    """-> [Depth], the shallowest first."""
    found = []
    for line in said.splitlines():
        if m := FIRST.match(line):
            found.append(Depth(int(m[1]), *map(float, m.groups()[1:])))
        elif (m := WRITTEN.match(line)) and found:
            found[-1].written_wer, found[-1].writer_rtf = map(float, m.groups())
    return found


def utterances(said):
    """How many were scored, or None."""
    heard = re.search(r": (\d+) utterances", said)
    return heard and int(heard[1])
