"""--partials: by streams of the seed they come and grow as by windows, and finals know nothing of it."""

import asyncio
import json
import re
import urllib.request

import pytest

import harness
import live


def transcript(message):
    return message["channel"]["alternatives"][0]["transcript"]


def metric(daemon, name):
    with urllib.request.urlopen(daemon.url + "/metrics", timeout=10) as page:
        rows = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page.read().decode(), re.M)
    return sum(map(float, rows))


def upload(daemon, pcm):
    request = urllib.request.Request(daemon.url + "/v1/listen", data=harness.wav(pcm),
                                     headers={"Content-Type": "audio/wav"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["results"]["channels"][0]["alternatives"][0]


@pytest.mark.parametrize("way", ["streams", "windows"])
def test_partials_come_and_grow_and_finals_are_those_of_an_upload(way, clip):
    with harness.Daemon("--partials", way) as daemon:
        heard = asyncio.run(live.stream(daemon, clip.pcm(), pace=2.0))
        partials = heard.results(final=False)
        assert (metric(daemon, "foldscribe_partials_followed_total") > 0) == (way == "streams")
        whole = upload(daemon, clip.pcm())
        assert metric(daemon, "foldscribe_follow_bytes") == 0
    assert len({transcript(m) for m in partials}) >= 3
    ends = [m["start"] + m["duration"] for m in partials]
    assert ends == sorted(ends)
    lengths = [len(transcript(m)) for m in partials]
    assert lengths[-1] > 2 * lengths[0] and lengths[-1] > len(heard.text()) / 2
    assert harness.word_error_rate([(heard.text(), transcript(partials[-1]))]) < 0.5
    assert heard.text() == whole["transcript"]
    assert [w["word"] for w in heard.words()] == [w["word"] for w in whole["words"]]


def test_ways_that_there_are_not_are_refused():
    done = harness.run("--model", harness.seed(), "--partials", "often")
    assert done.returncode == 2 and "partials: 'often' must be auto, windows or streams" in done.stderr
