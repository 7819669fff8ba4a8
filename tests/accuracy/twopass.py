"""Shallow partials, deep finals: are live finals as good as a recording's, and how much do partials flicker?

    python tests/accuracy/twopass.py --data PACKED --set dev_clean --count 40 [--depths 1,2]

PACKED: a folder as model/train/fold/data.py packs it (SET.i16, SET.tsv). Every utterance is sent once as an
upload and once live, with interim results, at each depth, and one line a depth is printed: word errors of
both in percent, their difference (within 0.3 points is what is promised), and flicker, the share of words
that changed between the last interim result of a span and its final. Standard library and websockets only.
"""

import argparse
import asyncio
import json
import pathlib
import sys
import urllib.request
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402
import live  # noqa: E402

SILENCE = bytes(2 * harness.RATE)


def utterances(folder, name, count):
    """Evenly spread over the set -> [(pcm, text)]."""
    rows = [line.rstrip("\n").split("\t") for line in open(f"{folder}/{name}.tsv")]
    with open(f"{folder}/{name}.i16", "rb") as data:
        for offset, samples, _, _, text in rows[::max(1, len(rows) // count)][:count]:
            data.seek(2 * int(offset))
            yield data.read(2 * int(samples)) + SILENCE, text


def upload(daemon, pcm, depth):
    border = uuid.uuid4().hex
    fields = "".join(f'--{border}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'
                     for k, v in {"model": f"foldscribe@{depth}", "chunking_strategy[type]": "server_vad",
                                  "chunking_strategy[silence_duration_ms]": live.QUERY["endpointing"]}.items())
    body = (fields + f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n').encode()
    request = urllib.request.Request(daemon.url + "/v1/audio/transcriptions",
                                     body + harness.wav(pcm) + f"\r\n--{border}--\r\n".encode(),
                                     {"Content-Type": f"multipart/form-data; boundary={border}"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["text"]


def transcript(message):
    return message["channel"]["alternatives"][0]["transcript"]


def flicker(heard):
    """(words changed, words of finals) between last interim results and their finals."""
    changed = words = 0
    last = None
    for m in heard.results():
        if m["is_final"]:
            if last is not None:
                errors, n = harness.word_errors(harness.normalise(transcript(m)), harness.normalise(last))
                changed, words = changed + errors, words + n
            last = None
        else:
            last = transcript(m)
    return changed, words


async def stream_all(daemon, said, depth, pace, streams):
    """Utterances live, at most so many at a time -> [Heard] in their order."""
    free = asyncio.Semaphore(streams)

    async def one(pcm):
        async with free:
            return await live.stream(daemon, pcm, pace=pace, depth=depth)

    return await asyncio.gather(*(one(pcm) for pcm, _ in said))


def measure(daemon, said, depth, pace, streams):
    batch = [(text, upload(daemon, pcm, depth)) for pcm, text in said]
    heard = asyncio.run(stream_all(daemon, said, depth, pace, streams))
    streamed = [(text, one.text()) for (_, text), one in zip(said, heard)]
    changed, words = map(sum, zip(*map(flicker, heard)))
    rates = [100 * harness.word_error_rate(pairs) for pairs in (batch, streamed)]
    return [f"x{depth}", len(said), round(rates[0], 2), round(rates[1], 2), round(rates[1] - rates[0], 2),
            round(100 * changed / max(words, 1), 1), words]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--set", default="dev_clean")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--depths", default="1,2")
    parser.add_argument("--pace", type=float, default=4, help="times the speed of a microphone")
    parser.add_argument("--streams", type=int, default=1, help="at a time")
    options = parser.parse_args()
    said = list(utterances(options.data, options.set, options.count))
    print("depth", "utterances", "batch_wer", "live_wer", "difference", "flicker_percent", "words", sep="\t")
    with harness.Daemon() as daemon:
        for depth in map(int, options.depths.split(",")):
            print(*measure(daemon, said, depth, options.pace, options.streams), sep="\t", flush=True)


if __name__ == "__main__":
    main()
