"""What text looks like: readable by default, plain where a dialect or its client wants that."""

import json
import re
import urllib.request

import harness

PLAIN = re.compile(r"[a-z' ]+")
READABLE = re.compile(r"[A-Z].*[.?]", re.DOTALL)


def deepgram(daemon, clip, query=""):
    request = urllib.request.Request(f"{daemon.url}/v1/listen?{query}", clip.path.read_bytes(),
                                     {"Content-Type": "audio/flac"})
    return json.load(urllib.request.urlopen(request, timeout=120))["results"]["channels"][0]["alternatives"][0]


def openai(daemon, clip):
    boundary = "b" * 20
    body = (f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nfoldscribe\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.flac"\r\n\r\n').encode()
    request = urllib.request.Request(
        f"{daemon.url}/v1/audio/transcriptions", body + clip.path.read_bytes() + f"\r\n--{boundary}--\r\n".encode(),
        {"Content-Type": f"multipart/form-data; boundary={boundary}"})
    return json.load(urllib.request.urlopen(request, timeout=120))["text"]


def test_a_sentence_begins_with_a_capital_and_ends_with_a_mark(daemon, clips):
    texts = [openai(daemon, clip) for clip in clips[:4]]
    assert all(text[0].isupper() for text in texts if text)
    assert sum(bool(READABLE.fullmatch(text)) for text in texts) >= 3


def test_deepgrams_switches_decide_and_its_words_stay_plain(daemon, clip):
    plain, punctuated = deepgram(daemon, clip), deepgram(daemon, clip, "punctuate=true")
    assert PLAIN.fullmatch(plain["transcript"])
    assert READABLE.fullmatch(punctuated["transcript"])
    assert harness.normalise(plain["transcript"]) == harness.normalise(punctuated["transcript"])
    assert [w["word"] for w in punctuated["words"]] == plain["transcript"].split()
    assert deepgram(daemon, clip, "smart_format=true")["transcript"] == punctuated["transcript"]


def test_the_daemon_can_be_told_to_write_plain_text(clip):
    with harness.Daemon("--text", "plain") as daemon:
        assert PLAIN.fullmatch(openai(daemon, clip))
        assert PLAIN.fullmatch(deepgram(daemon, clip, "punctuate=true")["transcript"])
