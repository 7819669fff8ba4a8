"""Live transcription as a Deepgram client speaks it, by a plain WebSocket client."""

import asyncio
import json

import pytest
import websockets

import harness
import live

SILENCE = bytes(2 * harness.RATE)  # one second


def test_a_microphone_is_answered_while_it_speaks_and_after(daemon, clip, bounds):
    pcm = clip.pcm()
    heard = asyncio.run(live.stream(daemon, pcm, pace=1.0))
    assert heard.close == (1000, "")
    interim, final = heard.results(final=False), heard.results(final=True)
    assert len(interim) >= 3, "interim results while speaking"
    assert any(m["channel"]["alternatives"][0]["transcript"] for m in interim)
    assert 100 * harness.word_error_rate([(clip.text, heard.text())]) <= bounds["live_clip_wer_percent"]
    # The windows of finals follow each other; interims replace each other from the same start.
    at = 0
    for m in final:
        assert m["start"] == pytest.approx(at, abs=0.001)
        at = m["start"] + m["duration"]
    assert at <= clip.seconds() + 0.001
    for m in heard.results():
        words = m["channel"]["alternatives"][0]["words"]
        assert m["channel_index"] == [0, 1]
        assert " ".join(w["punctuated_word"] for w in words) == m["channel"]["alternatives"][0]["transcript"]
        assert all(m["start"] - 0.001 <= w["start"] <= w["end"] <= m["start"] + m["duration"] + 0.001 for w in words)
        assert m["metadata"]["request_id"]
    metadata = heard.metadata()
    assert metadata["duration"] == pytest.approx(len(pcm) / 2 / harness.RATE, abs=0.001)
    assert metadata["channels"] == 1 and metadata["request_id"] == final[0]["metadata"]["request_id"]


def test_finals_have_as_many_alternatives_as_were_asked_for(daemon, clips):
    heard = [asyncio.run(live.stream(daemon, clip.pcm(), alternatives=2)) for clip in clips[3:8]]  # some leave room for doubt
    assert all(len(m["channel"]["alternatives"]) == 1 for h in heard for m in h.results(final=False))
    texts = [[a["transcript"] for a in m["channel"]["alternatives"]] for h in heard for m in h.results(final=True)]
    assert max(map(len, texts)) == 2 and all(len(set(t)) == len(t) for t in texts)


def test_partials_are_shallow_and_finals_deep(daemon, clip, deepest):
    heard = asyncio.run(live.stream(daemon, clip.pcm(), pace=2.0))
    assert {m["depth"]["used"] for m in heard.results(final=False)} == {1}
    assert {m["depth"]["used"] for m in heard.results(final=True)} == {deepest}


def test_no_interim_results_unless_asked_for(daemon, clip):
    heard = asyncio.run(live.stream(daemon, clip.pcm(), pace=8.0, interim_results="false"))
    assert not heard.results(final=False) and heard.text()


def test_the_pace_and_the_cutting_of_the_audio_do_not_change_the_finals(daemon, clip):
    slow = asyncio.run(live.stream(daemon, clip.pcm(), pace=4.0, step_ms=20))
    fast = asyncio.run(live.stream(daemon, clip.pcm(), pace=200.0, step_ms=333))
    assert slow.words() == fast.words() and slow.words()


def test_a_pause_ends_an_utterance(daemon, clips):
    first, second = clips[1], clips[2]
    pcm = first.pcm() + SILENCE + second.pcm()
    heard = asyncio.run(live.stream(daemon, pcm))
    ends = [m["start"] + m["duration"] for m in heard.results(final=True) if m["speech_final"]]
    assert any(first.seconds() - 0.3 <= end <= first.seconds() + 1.1 for end in ends), ends
    words = heard.words()
    assert any(w["start"] >= first.seconds() for w in words), "times stay on the clock of the stream"
    assert [w["start"] for w in words] == sorted(w["start"] for w in words)


def test_finalize_gives_at_once_what_was_said_so_far(daemon, clip):
    async def talk():
        heard = live.Heard()
        async with live.connect(daemon, endpointing="false") as socket:
            listening = asyncio.create_task(live.listen(socket, heard))
            pcm = clip.pcm()
            half = len(pcm) // 4 * 2
            await live.speak(socket, pcm[:half], pace=8)
            await live.say(socket, "Finalize")
            for _ in range(1000):
                await asyncio.sleep(0.05)
                if any(m.get("from_finalize") for m in heard.results()):
                    break
            flushed = [m for m in heard.results() if m["from_finalize"]]
            assert len(flushed) == 1 and flushed[0]["is_final"]
            assert flushed[0]["channel"]["alternatives"][0]["transcript"]
            await live.say(socket, "KeepAlive")
            await live.speak(socket, pcm[half:], pace=8)
            await live.say(socket, "CloseStream")
            await asyncio.wait_for(listening, 60)
        return heard

    heard = asyncio.run(talk())
    assert heard.close[0] == 1000
    assert harness.word_error_rate([(clip.text, heard.text())]) < 0.6
    assert heard.metadata()["duration"] == pytest.approx(clip.seconds(), abs=0.001)


def test_the_last_word_of_an_abrupt_end_is_not_lost(daemon, clip):
    pcm = clip.pcm()  # ends 0.2 s after the last sound
    patient = asyncio.run(live.stream(daemon, pcm + SILENCE, pace=20)).words()
    abrupt = asyncio.run(live.stream(daemon, pcm[:-2 * harness.RATE // 10], pace=20)).words()
    assert abs(len(abrupt) - len(patient)) <= 1
    assert abrupt[-1]["start"] == pytest.approx(patient[-1]["start"], abs=0.3)


def test_two_streams_at_once_hear_only_themselves(daemon, clips):
    one, two = clips[3], clips[5]

    async def both():
        return await asyncio.gather(live.stream(daemon, one.pcm(), pace=2), live.stream(daemon, two.pcm(), pace=2))

    a, b = asyncio.run(both())
    assert a.words() == asyncio.run(live.stream(daemon, one.pcm(), pace=20)).words()
    assert b.words() == asyncio.run(live.stream(daemon, two.pcm(), pace=20)).words()


def test_mulaw_of_a_telephone_is_understood(daemon, clip):
    async def talk():
        heard = live.Heard()
        async with live.connect(daemon, encoding="mulaw", sample_rate=8000) as socket:
            listening = asyncio.create_task(live.listen(socket, heard))
            spoken = harness.sox(clip.path, "-t", "raw", "-e", "mu-law", "-r", 8000, "-c", 1, "-")
            for at in range(0, len(spoken), 800):
                await socket.send(spoken[at:at + 800])
            await live.say(socket, "CloseStream")
            await asyncio.wait_for(listening, 60)
        return heard

    heard = asyncio.run(talk())
    assert harness.word_error_rate([(clip.text, heard.text())]) < 0.7
    assert heard.metadata()["duration"] == pytest.approx(clip.seconds(), abs=0.01)


def test_silence_has_no_words_and_an_orderly_end(daemon):
    heard = asyncio.run(live.stream(daemon, SILENCE * 3, pace=50))
    assert heard.close[0] == 1000 and not heard.words()
    assert heard.metadata()["duration"] == pytest.approx(3)


def test_a_stream_without_audio_ends_in_order(daemon):
    heard = asyncio.run(live.stream(daemon, b""))
    assert heard.close[0] == 1000 and heard.metadata()["duration"] == 0


def test_an_empty_binary_frame_closes_the_stream(daemon, clip):
    async def talk():
        heard = live.Heard()
        async with live.connect(daemon) as socket:
            listening = asyncio.create_task(live.listen(socket, heard))
            await live.speak(socket, clip.pcm(), pace=50)
            await socket.send(b"")
            await asyncio.wait_for(listening, 60)
        return heard

    heard = asyncio.run(talk())
    assert heard.close[0] == 1000 and heard.text() and heard.metadata()


def test_a_client_that_says_nothing_is_let_go_after_ten_seconds(daemon):
    async def wait():
        heard = live.Heard()
        async with live.connect(daemon) as socket:
            await asyncio.wait_for(live.listen(socket, heard), 20)
        return heard.close

    code, reason = asyncio.run(wait())
    assert code == 1011 and "NET-0001" in reason


@pytest.mark.parametrize("query, word", [
    ({"encoding": "morse"}, "linear16"), ({"sample_rate": 7}, "sample_rate"),
    ({"channels": 0}, "channels"), ({"endpointing": "soon"}, "endpointing"),
    ({"interim_results": "maybe"}, "interim_results"), ({"multichannel": "2"}, "multichannel"),
    ({"utterance_end_ms": 10}, "utterance_end_ms"), ({"callback": "http://localhost/"}, "callback"),
])
def test_a_bad_query_is_refused_before_the_upgrade(daemon, query, word):
    async def knock():
        async with live.connect(daemon, **query):
            pass

    with pytest.raises(websockets.InvalidStatus) as caught:
        asyncio.run(knock())
    answer = caught.value.response
    assert answer.status_code == 400 and answer.headers["dg-request-id"]
    assert word in answer.headers["dg-error"] and word in json.dumps(json.loads(answer.body))
    assert daemon.status("/healthz") == 200
