"""Word errors against cost: one model file, at every depth.

    python tests/load/depth.py [--seed FILE] [--set PACKED/dev_clean] [--count 100] [--out depth.tsv] [--svg depth.svg]

Runs build-release/model/score on COUNT utterances, spread evenly over a set as model/train/fold/data.py packs it
(PACKED/dev_clean.i16 and .tsv), or on the recordings of tests/data without one, and writes one row a depth: depth,
ms of one core for a second of sound (network, and attention decoder where the seed has one, else search), and word
errors in percent, of the text that is served. With --svg plot.py draws it. It takes a few seconds a hundred
utterances and depth; processor time is counted, so a busy machine only makes it slower.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import plot
from load import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import score_output  # noqa: E402

HEAD = ["depth", "ms_per_audio_second", "wer_percent", "seed", "set", "utterances"]


def pack(folder):
    """The recordings of tests/data as a packed set -> its path without the endings."""
    offset, rows = 0, []
    with open(folder / "clips.i16", "wb") as sound:
        for clip in harness.clips():
            pcm = clip.pcm()
            sound.write(pcm)
            rows.append([offset, len(pcm) // 2, clip.path.stem, clip.path.stem.split("-")[0],
                         harness.normalise(clip.text)])
            offset += len(pcm) // 2
    (folder / "clips.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return folder / "clips"


def measure(seed, chosen, count):
    """Where the seed writes, the first pass is greedy, as in the daemon; else it is the search that serves."""
    score = harness.binary().parents[1] / "model" / "score"
    if not score.exists():
        sys.exit(f"{score} is not there: deploy/build-release.sh builds it")
    writes = b'decoder.norm.gain' in seed.read_bytes()[:1 << 20]
    command = [score, seed, chosen, "-" if writes else harness.lm(), "int8", *([str(count)] if count else [])]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=harness.clean_environment())
    depths, heard = score_output.parse(done.stdout), score_output.utterances(done.stdout)
    if done.returncode or not depths or not heard:
        sys.exit(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return depths, heard


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=pathlib.Path, default=None, help="model file; else the one that ships")
    parser.add_argument("--set", type=pathlib.Path, help="PACKED/NAME; else the recordings of tests/data")
    parser.add_argument("--count", type=int, default=0, help="utterances; 0: all")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("depth.tsv"))
    parser.add_argument("--svg", type=pathlib.Path, help="draw it, too")
    options = parser.parse_args()
    seed = options.seed or harness.seed()
    with tempfile.TemporaryDirectory() as folder:
        depths, heard = measure(seed, options.set or pack(pathlib.Path(folder)), options.count)
    name = options.set.name if options.set else "tests/data"
    table = ["\t".join(HEAD)] + [f"{d.depth}\t{1e3 * d.rtf:.2f}\t{d.wer:.2f}\t{seed.stem}\t{name}\t{heard}"
                                 for d in depths]
    options.out.write_text("\n".join(table) + "\n")
    print("\n".join(table))
    if options.svg:
        options.svg.write_text(plot.depth_plot(plot.rows(options.out)))


if __name__ == "__main__":
    main()
