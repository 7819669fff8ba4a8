"""Recordings that are long, or would be if one believed them: bounded memory, and a clear answer."""

import time

import openai
import pytest

import harness
import opus


@pytest.fixture()
def client(daemon):
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="any", max_retries=0, timeout=300)


def test_two_hours_are_never_in_memory_at_once(daemon, client, clip):
    """Silence, and a few words at the very end: 460 MB as floats, some hundred kB as flac."""
    tail = harness.sox(clip.path, "-t", "flac", "-", "pad", "7200", "0")
    before = daemon.memory_mib()[0]
    answer = client.audio.transcriptions.create(model="foldscribe@1", file=("long.flac", tail),
                                                response_format="verbose_json")
    assert answer.duration == pytest.approx(7200 + clip.seconds(), abs=0.1)
    assert harness.word_error_rate([(clip.text, answer.text)]) < 0.7
    assert answer.segments[0].start > 7199
    assert daemon.memory_mib()[1] < max(before, daemon.memory_mib()[0]) + 120


def test_packets_that_swell_are_stopped_at_the_longest_recording(clip):
    """Sixty thousand packets of silence in 300 kB are twenty minutes."""
    silence = opus.encode(bytes(2 * harness.RATE // 50))[:1] * 60000
    bomb = b"".join(opus.media_recorder(silence))
    with harness.Daemon("--max-audio-s", 60) as brief:
        client = openai.OpenAI(base_url=brief.url + "/v1", api_key="any", max_retries=0)
        with pytest.raises(openai.APIStatusError) as caught:
            client.audio.transcriptions.create(model="foldscribe", file=("bomb.webm", bomb))
        assert caught.value.status_code == 413 and caught.value.body["param"] == "file"


def test_a_body_that_trickles_is_given_up(daemon):
    """A byte now and then keeps no connection for ever: it must come at some rate."""
    import socket
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=40) as s:
        s.sendall(b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        begun = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - begun < 38:
                s.sendall(b"x")
                time.sleep(0.5)
            raise AssertionError("still connected")
