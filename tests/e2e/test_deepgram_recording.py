"""Recordings, by Deepgram's own clients and byte by byte."""

import json
import urllib.error
import urllib.request

import pytest
from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment

import harness
import opus
from test_deepgram_audio import two_channels
from test_node import node


@pytest.fixture(scope="module")
def client(daemon):
    return DeepgramClient(api_key="any", environment=DeepgramClientEnvironment(
        base=daemon.url, production=daemon.ws, agent=daemon.ws, agent_rest=daemon.url))


def test_the_official_python_client_gets_words_utterances_and_paragraphs(client, clip, deepest):
    answer = client.listen.v1.media.transcribe_file(
        request=clip.path.read_bytes(), model="nova-3", smart_format=True, utterances=True, paragraphs=True)
    best = answer.results.channels[0].alternatives[0]
    assert harness.word_error_rate([(clip.text, best.transcript)]) < 0.5
    assert " ".join(w.punctuated_word for w in best.words) == best.transcript
    assert all(0 <= w.start <= w.end <= clip.seconds() + 0.01 and 0 <= w.confidence <= 1 for w in best.words)
    assert " ".join(u.transcript for u in answer.results.utterances) == best.transcript
    assert best.paragraphs.paragraphs[0].sentences and best.paragraphs.transcript
    assert answer.metadata.duration == pytest.approx(clip.seconds(), abs=0.01)
    assert answer.metadata.channels == 1 and answer.metadata.request_id and len(answer.metadata.sha256) == 64
    assert answer.metadata.depth["used"] == deepest


def test_the_official_javascript_client_gets_the_same_words(daemon, client, clip):
    seen = node("deepgram_file_node.cjs", daemon.ws, daemon.url, clip.path)
    plain = client.listen.v1.media.transcribe_file(request=clip.path.read_bytes())
    assert seen["transcript"] == plain.results.channels[0].alternatives[0].transcript
    assert seen["refused"]["status"] == 400 and "url" in json.dumps(seen["refused"])


def test_alternatives_are_other_readings_of_the_whole(daemon, client, clip):
    def hear(**more):
        return client.listen.v1.media.transcribe_file(
            request=clip.path.read_bytes(), request_options={"additional_query_parameters": more} if more else None)

    plain = hear().results.channels[0].alternatives
    three = hear(alternatives=3).results.channels[0].alternatives
    assert len(plain) == 1 and three[0].transcript == plain[0].transcript
    assert 2 <= len({a.transcript for a in three}) == len(three) <= 3
    for other in three:
        assert other.transcript == " ".join(w.punctuated_word for w in other.words)
        assert 0 <= other.confidence <= 1
    with pytest.raises(ApiError) as refused:
        hear(alternatives=11)
    assert refused.value.status_code == 400 and "1 to 10" in str(refused.value.body)


@pytest.mark.parametrize("form", ["wav", "webm"])
def test_each_channel_is_heard_by_itself(daemon, client, clips, form):
    pcm = two_channels(clips[3].pcm(), clips[5].pcm())
    if form == "wav":
        made = b"RIFF\xff\xff\xff\xffWAVEfmt " + (16).to_bytes(4, "little") + b"\x01\0\x02\0" + \
            (16000).to_bytes(4, "little") + (64000).to_bytes(4, "little") + b"\x04\0\x10\0data\xff\xff\xff\xff" + pcm
    else:
        made = b"".join(opus.media_recorder(opus.encode(pcm, 2), 2))
    answer = client.listen.v1.media.transcribe_file(request=made, multichannel=True, utterances=True)
    assert answer.metadata.channels == 2 and len(answer.results.channels) == 2
    for channel, clip in zip(answer.results.channels, (clips[3], clips[5])):
        assert harness.word_error_rate([(clip.text, channel.alternatives[0].transcript)]) < 0.5
    assert {u.channel for u in answer.results.utterances} == {0, 1}
    starts = [u.start for u in answer.results.utterances]
    assert starts == sorted(starts)


def post(daemon, body, query="", kind="application/octet-stream"):
    request = urllib.request.Request(f"{daemon.url}/v1/listen{query}", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read())


@pytest.mark.parametrize("body, query, kind, word", [
    (b"", "", "audio/wav", "empty"), (b"%PDF-1.7 and more", "", "audio/wav", "PDF"),
    (b'{"url":"http://127.0.0.1/x"}', "", "application/json", "url"),
    (b"RIFF", "?multichannel=perhaps", "audio/wav", "multichannel"),
    (b"RIFF", "?callback=http://127.0.0.1/", "audio/wav", "callback"),
    (b"RIFF", "?depth=99", "audio/wav", "depth"), (b"RIFF", "?utt_split=x", "audio/wav", "utt_split"),
])
def test_what_cannot_be_transcribed_is_said_in_deepgrams_shape(daemon, body, query, kind, word):
    status, headers, answer = post(daemon, body, query, kind)
    assert status == 400 and word in answer["err_msg"] and word in headers["dg-error"]
    assert answer["request_id"] == headers["dg-request-id"] == headers["x-request-id"]


def test_the_official_client_raises_its_own_error(client):
    with pytest.raises(ApiError) as caught:
        client.listen.v1.media.transcribe_file(request=b"not a recording at all")
    assert caught.value.status_code == 400


def test_the_status_pages_of_a_self_hosted_server(daemon):
    with urllib.request.urlopen(daemon.url + "/v1/status") as answer:
        status = json.loads(answer.read())
    assert status["system_health"] == "Healthy" and status["active_stream_requests"] == 0
    with urllib.request.urlopen(daemon.url + "/v1/status/engine") as answer:
        assert json.loads(answer.read()) == {"engine_connection_status": "Connected"}
