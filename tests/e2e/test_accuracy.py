"""The shipped seed over tests/data, at every depth: word error rates within stated bounds."""

import openai
import pytest

import harness


@pytest.fixture(scope="module")
def daemon():
    """One that has served nothing else: what the bounds say of memory is said of these clips."""
    with harness.Daemon() as running:
        yield running


@pytest.fixture(scope="module")
def errors_by_depth(daemon, clips, bounds):
    """Word error rate by depth, in percent; printed, for the record."""
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="any", max_retries=0)
    rates = {}
    for depth in bounds["batch_wer_percent"]:
        pairs = [(c.text, client.audio.transcriptions.create(model=f"foldscribe@{depth}", file=c.path).text)
                 for c in clips]
        rates[depth] = 100 * harness.word_error_rate(pairs)
    words = sum(len(c.text.split()) for c in clips)
    shown = ", ".join(f"x{depth} {rate:.1f} %" for depth, rate in rates.items())
    print(f"\nword errors over {len(clips)} clips, {words} words: {shown}")
    print("resident {:.0f} MiB, at most {:.0f} MiB".format(*daemon.memory_mib()))
    return rates


def test_the_bounds_name_every_depth_of_the_seed(daemon, clip, bounds):
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="any", max_retries=0)
    depths = list(bounds["batch_wer_percent"])
    assert depths == [str(r) for r in range(1, len(depths) + 1)]
    with pytest.raises(openai.BadRequestError):
        client.audio.transcriptions.create(model=f"foldscribe@{len(depths) + 1}", file=clip.path)


def test_word_errors_at_each_depth_stay_within_their_bound(errors_by_depth, bounds):
    over = {depth: rate for depth, rate in errors_by_depth.items() if rate > bounds["batch_wer_percent"][depth]}
    assert not over, f"over their bounds {bounds['batch_wer_percent']}: {over}"


def test_memory_stays_within_its_bound(daemon, errors_by_depth, bounds):
    assert daemon.memory_mib()[1] <= bounds["memory_mib"]
