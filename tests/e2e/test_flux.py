"""Conversations turn by turn, /v2/listen, by Deepgram's own Python client and over a plain WebSocket."""

import asyncio
import json
import threading
import urllib.parse
import urllib.request

import pytest
import websockets
from deepgram import DeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

import harness
import live

PAUSE = bytes(2 * harness.RATE * 3 // 2)
QUERY = {"model": "flux-general-en", "encoding": "linear16", "sample_rate": harness.RATE}


def connect(daemon, **query):
    words = urllib.parse.urlencode({**QUERY, **query}, doseq=True)
    return websockets.connect(f"{daemon.ws}/v2/listen?{words}", max_size=None)


async def converse(daemon, pcm, pace=8.0, before_close=None, **query):
    """All messages of a conversation, checked as they come -> list, close code."""
    heard = live.Heard()
    async with connect(daemon, **query) as socket:
        listening = asyncio.create_task(live.listen(socket, heard))
        await live.speak(socket, pcm, pace)
        if before_close:
            await before_close(socket, heard)
        await live.say(socket, "CloseStream")
        await asyncio.wait_for(listening, 60)
    assert [m["sequence_id"] for m in heard.messages] == list(range(len(heard.messages)))
    return heard.messages, heard.close[0]


def events(messages):
    return [m["event"] for m in messages if m["type"] == "TurnInfo"]


def ended(messages):
    return [m["transcript"] for m in messages if m.get("event") == "EndOfTurn"]


def test_the_official_client_hears_turns(daemon, clips):
    client = DeepgramClient(api_key="any", environment=DeepgramClientEnvironment(
        base=daemon.url, production=daemon.ws, agent=daemon.ws, agent_rest=daemon.url))
    messages, closed = [], threading.Event()
    with client.listen.v2.connect(**QUERY) as connection:
        connection.on(EventType.MESSAGE, messages.append)
        connection.on(EventType.CLOSE, lambda _: closed.set())
        listening = threading.Thread(target=connection.start_listening)
        listening.start()
        pcm = clips[0].pcm() + PAUSE + clips[1].pcm() + PAUSE
        for at in range(0, len(pcm), 2560):
            connection.send_media(pcm[at:at + 2560])
        connection.send_close_stream()
        assert closed.wait(60)
        listening.join(10)
    assert messages[0].type == "Connected"
    texts = [m.transcript for m in messages if m.type == "TurnInfo" and m.event == "EndOfTurn"]
    assert harness.word_error_rate([(clips[0].text + " " + clips[1].text, " ".join(texts))]) < 0.3
    assert all(m.trigger == "model" and m.end_of_turn_confidence >= 0.7
               for m in messages if m.type == "TurnInfo" and m.event == "EndOfTurn")


def test_a_turn_begins_with_words_grows_and_ends_once(daemon, clip):
    messages, code = asyncio.run(converse(daemon, clip.pcm() + PAUSE))
    assert code == 1000 and messages[0]["type"] == "Connected"
    turns = [m for m in messages if m["type"] == "TurnInfo"]
    for index in range(turns[-1]["turn_index"] + 1):
        names = [m["event"] for m in turns if m["turn_index"] == index]
        assert names[0] == "StartOfTurn" and names.count("StartOfTurn") == 1
        assert names[-1] == "EndOfTurn" and names.count("EndOfTurn") == 1
    for m in turns:
        assert m["transcript"] == " ".join(w["word"] for w in m["words"])
        assert 0 <= m["end_of_turn_confidence"] <= 1 and m["audio_window_start"] <= m["audio_window_end"]
        assert ("trigger" in m) == (m["event"] == "EndOfTurn")
    assert len([m for m in turns if m["event"] == "Update"]) >= 2
    assert harness.word_error_rate([(clip.text, " ".join(ended(messages)))]) < 0.4


def test_an_eager_end_is_followed_by_the_end_with_its_words_or_by_more(daemon, clips):
    pcm = clips[0].pcm() + bytes(2 * harness.RATE * 2 // 5) + clips[1].pcm() + PAUSE
    messages, _ = asyncio.run(converse(daemon, pcm, eager_eot_threshold=0.3, eot_threshold=0.9))
    turns = [m for m in messages if m["type"] == "TurnInfo"]
    assert "EagerEndOfTurn" in events(messages)
    for m, after in zip(turns, turns[1:]):
        if m["event"] == "EagerEndOfTurn":
            assert 0.3 <= m["end_of_turn_confidence"] < 0.9
            assert after["event"] in ("TurnResumed", "EndOfTurn")
            if after["event"] == "EndOfTurn":
                assert after["transcript"] == m["transcript"]
        if m["event"] == "TurnResumed":
            assert after["event"] != "TurnResumed"


def test_the_client_may_end_a_turn_and_turn_its_thresholds(daemon, clip):
    async def force(socket, heard):
        await live.say(socket, "ForceEndTurn")
        await socket.send(json.dumps({"type": "Configure", "thresholds": {"eot_threshold": 0.9},
                                      "keyterms": ["Hawkeye"]}))
        await socket.send(json.dumps({"type": "Configure", "thresholds": {"eot_threshold": 2}}))
        while not ended(heard.messages) or len([m for m in heard.messages if "Configure" in m["type"]]) < 2:
            await asyncio.sleep(0.02)

    messages, code = asyncio.run(converse(daemon, clip.pcm()[:2 * harness.RATE * 2], before_close=force))
    assert code == 1000
    assert [m["trigger"] for m in messages if m.get("event") == "EndOfTurn"] == ["manual"]
    done, failed = [m for m in messages if "Configure" in m["type"]]
    assert done["type"] == "ConfigureSuccess" and done["keyterms"] == ["Hawkeye"]
    assert done["thresholds"] == {"eot_threshold": 0.9, "eot_timeout_ms": 5000}
    assert failed["type"] == "ConfigureFailure" and "0.5 to 0.9" in failed["description"]


def test_a_muted_client_gets_the_end_of_its_turn_by_the_clock(daemon, clip):
    async def wait(socket, heard):
        deadline = asyncio.get_running_loop().time() + 20
        while not ended(heard.messages) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)

    messages, _ = asyncio.run(converse(daemon, clip.pcm(), before_close=wait))
    assert ended(messages)


def test_conversations_are_counted_where_deepgrams_servers_count_them(daemon):
    async def look(socket, heard):
        status = json.load(urllib.request.urlopen(daemon.url + "/v1/status"))
        assert status["active_listen_v2_stream_requests"] == 1 and status["active_stream_requests"] == 0

    asyncio.run(converse(daemon, b"", before_close=look))


def test_what_was_said_before_the_end_is_told_before_it(daemon, clip):
    messages, code = asyncio.run(converse(daemon, clip.pcm()[:2 * harness.RATE * 2]))
    assert code == 1000 and events(messages)[-1] in ("StartOfTurn", "Update") and messages[-1]["transcript"]


@pytest.mark.parametrize("query, says", [
    ({"eot_threshold": "0.95"}, "0.5 to 0.9"), ({"eager_eot_threshold": "0.8"}, "eot_threshold"),
    ({"eot_timeout_ms": "100"}, "500 to 10000"), ({"redact": "numbers"}, "redact"),
    ({"language_hint": "es"}, "English (en)"), ({"model": "flux-general-multi"}, "flux-general-en")])
def test_what_is_out_of_range_is_refused_by_name(daemon, query, says):
    with pytest.raises(websockets.InvalidStatus) as refused:
        asyncio.run(converse(daemon, b"", **query))
    assert refused.value.response.status_code == 400
    assert says in refused.value.response.headers["dg-error"]


def test_what_has_no_effect_is_told_at_the_start(daemon):
    messages, _ = asyncio.run(converse(daemon, b"", diarize="true", numerals="true", tag=["a", "b"]))
    assert [w.split(":")[0] for w in messages[0]["warnings"]] == ["diarize", "numerals"]


def test_a_message_that_is_none_ends_the_conversation_by_name(daemon):
    async def nonsense(socket, heard):
        await socket.send("hello")
        await asyncio.sleep(0.2)

    with pytest.raises(websockets.ConnectionClosed):
        asyncio.run(converse(daemon, b"", before_close=nonsense))
