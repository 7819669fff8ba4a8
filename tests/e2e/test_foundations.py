"""Seeds of other families than the one that ships: a wav2vec 2.0, large and base, and a Conformer over log-mels, with
random weights. What they hear is no speech; that it is words with times, everywhere the same, is the point."""

import asyncio
import json
import urllib.error
import urllib.request

import pytest

import harness
import live

GOLDEN = harness.ROOT / "tests" / "golden"
HOP_S = {"base": 0.020, "large": 0.020, "mel": 0.040}


def model(family):
    return GOLDEN / f"tiny-{family}.safetensors"


@pytest.fixture(scope="module", params=HOP_S)
def served(request):
    with harness.Daemon("--model", model(request.param)) as daemon:
        yield request.param, daemon


def upload(daemon, pcm, depth=2):
    request = urllib.request.Request(f"{daemon.url}/v1/listen?depth={depth}", data=harness.wav(pcm),
                                     headers={"Content-Type": "audio/wav"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def alternative(answer):
    return answer["results"]["channels"][0]["alternatives"][0]


def test_a_recording_becomes_words_with_times_on_the_seeds_grid(served, clip):
    family, daemon = served
    answer = upload(daemon, clip.pcm())
    words = alternative(answer)["words"]
    assert words and alternative(answer)["transcript"].split() == [w["punctuated_word"] for w in words]
    starts = [w["start"] for w in words]
    assert starts == sorted(starts) and all(w["end"] >= w["start"] for w in words)
    assert starts[0] >= 0 and words[-1]["end"] <= clip.seconds() + 0.01
    inside = [s for s in starts if 0 < s < clip.seconds() - 0.1]
    steps = [(b - a) / HOP_S[family] for a, b in zip(inside, inside[1:])]
    assert (steps or family == "large") and all(abs(s - round(s)) < 0.1 for s in steps)


def test_depth_is_chosen_by_request_and_deeper_is_another_answer(served, clip):
    shallow, deep, again = (alternative(upload(served[1], clip.pcm(), depth))["words"] for depth in (1, 2, 2))
    assert shallow != deep and deep == again


def test_a_live_stream_is_heard_as_an_upload_is_and_has_partials(served, clip):
    heard = asyncio.run(live.stream(served[1], clip.pcm(), pace=2.0, depth=2))
    finals, whole = heard.text().split(), alternative(upload(served[1], clip.pcm()))["transcript"].split()
    assert heard.results(final=False) and finals
    same = len(whole) - 2 if len(whole) > 2 else 1  # what such weights hear in the silence behind it depends on its length
    assert finals[:same] == whole[:same]


@pytest.mark.parametrize("samples", [1, 159, 399, 400, 700, 5000])
def test_sound_shorter_than_a_frame_is_no_error(served, samples):
    assert alternative(upload(served[1], bytes(2 * samples)))["confidence"] >= 0


def test_partials_by_streams_are_refused_where_the_seed_hears_whole_recordings():
    done = harness.run("--model", model("base"), "--partials", "streams", "--listen", f"127.0.0.1:{harness.free_port()}")
    assert done.returncode != 0 and "partials" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_language_model_that_cannot_search_the_vocabulary_is_one_line_and_exit_code_1(tmp_path):
    joined = tmp_path / "joined.safetensors"
    joined.write_bytes(model("base").read_bytes().replace(rb'\", \" \", \"E', rb'\", \"#\", \"E'))
    done = harness.run("--model", joined, "--lm", harness.lm(), "--listen", f"127.0.0.1:{harness.free_port()}")
    assert done.returncode == 1 and 'the seed\'s vocabulary has no " " between words' in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
