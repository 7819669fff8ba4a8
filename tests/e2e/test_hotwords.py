"""Words to favour, as people send them: one that cannot be heard never spoils the request, and one that is not said
costs nothing."""

import asyncio
import json
import urllib.parse
import urllib.request

import pytest
import websockets

import harness
import live
from test_bad_input import MODEL, exchange, form, post

STRANGE = ["2026", "3rd Avenue", "...", "Café", "Москва", "B2B", "🙂", "100%"]


def noise():
    """Something that no letter fits, so every segment is in doubt: see test_no_speech.py."""
    import random
    random.seed(5)
    return b"".join(int(random.gauss(0, 3000)).to_bytes(2, "little", signed=True) for _ in range(harness.RATE * 4))


def listen(daemon, data, words, **query):
    text = urllib.parse.urlencode([("keyterm", w) for w in words] + list(query.items()))
    request = urllib.request.Request(f"{daemon.url}/v1/listen?{text}", data=data)
    with urllib.request.urlopen(request, timeout=60) as got:
        return json.load(got)


def text_of(answer):
    return answer["results"]["channels"][0]["alternatives"][0]["transcript"]


@pytest.mark.parametrize("word", STRANGE)
def test_a_strange_word_spoils_nothing(daemon, clip, word):
    for data in (clip.path.read_bytes(), harness.wav(noise())):
        answer = listen(daemon, data, [word, "conjurer"])
        assert "results" in answer
    body = form(('name="file"; filename="a.flac"', clip.path.read_bytes()), MODEL, ('name="keywords[]"', word.encode()))
    assert exchange(daemon, post(body))[0] in (200, 400)
    assert exchange(daemon, post(form(('name="file"; filename="a.flac"', clip.path.read_bytes()), MODEL,
                                      ('name="prompt"', word.encode()))))[0] == 200


@pytest.mark.parametrize("word", STRANGE)
def test_a_strange_word_spoils_no_stream(daemon, clip, word):
    for pcm in (clip.pcm(), noise()):
        heard = asyncio.run(live.stream(daemon, pcm, pace=20, keyterm=word))
        assert heard.close[0] == 1000 and heard.metadata()

    async def vosk():
        async with websockets.connect(daemon.ws + "/") as s:
            await s.send(json.dumps({"config": {"sample_rate": harness.RATE, "phrase_list": [word, ""]}}))
            await s.send(clip.pcm())
            await s.send('{"eof":1}')
            try:
                while True:
                    await asyncio.wait_for(s.recv(), 30)
            except websockets.ConnectionClosed:
                return s.close_code

    assert asyncio.run(vosk()) == 1000


def test_what_cannot_be_heard_is_reported(daemon, clip):
    warned = listen(daemon, clip.path.read_bytes(), ["...", "conjurer"])["metadata"]["warnings"]
    assert any("..." in w["message"] for w in warned)
    assert "warnings" not in listen(daemon, clip.path.read_bytes(), ["2026", "conjurer"])["metadata"]


def test_a_word_that_is_not_said_costs_no_accuracy(daemon, clips):
    plain, favoured = [], []
    for c in clips:
        plain.append((c.text, text_of(listen(daemon, c.path.read_bytes(), []))))
        favoured.append((c.text, text_of(listen(daemon, c.path.read_bytes(), ["xylophone"]))))
    assert harness.word_error_rate(favoured) <= harness.word_error_rate(plain) + 0.002
    assert sum(a == b for a, b in zip(plain, favoured)) >= 0.9 * len(plain)
