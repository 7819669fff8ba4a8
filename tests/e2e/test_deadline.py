"""At the deadline of a drain: what was received is heard and told, and only then streams close with 1001."""

import asyncio
import base64
import json
import time

import pytest
import websockets

import harness
import live

BYTES = 2 * harness.RATE  # of a second


def alone(daemon, pcm, **query):
    """What one stream alone hears of that sound."""
    return asyncio.run(live.stream(daemon, pcm, pace=1000, **query))


def finals(heard):
    return [w["punctuated_word"] if "punctuated_word" in w else w["word"] for w in heard.words()]


async def speak_until_told_to_go(daemon, pcm, pace, step_ms=100, **query):
    heard = live.Heard()
    async with live.connect(daemon, **query) as socket:
        listening = asyncio.create_task(live.listen(socket, heard))
        try:
            await live.speak(socket, pcm, pace, step_ms)
        except websockets.ConnectionClosed:
            pass
        await asyncio.wait_for(listening, 60)
    return heard


def drained(streams, *options, terminate_after_s, **how):
    """(what each of them heard, seconds from SIGTERM to the end, the log)"""
    with harness.Daemon(*options) as daemon:
        async def talk():
            talking = [asyncio.create_task(speak_until_told_to_go(daemon, pcm, **how)) for pcm in streams]
            await asyncio.sleep(terminate_after_s)
            began = time.monotonic()
            daemon.terminate()
            heard = await asyncio.gather(*talking)
            while daemon.process.poll() is None:
                await asyncio.sleep(0.02)
            return heard, time.monotonic() - began
        heard, took_s = asyncio.run(talk())
        assert daemon.wait() == 0
        return heard, took_s, daemon.said()


def test_under_load_no_word_is_lost_at_the_deadline(clips):
    speech = b"".join(c.pcm() for c in clips)
    streams = [speech[i * 3 * BYTES:] for i in range(8)]
    heard, took_s, said = drained(streams, "--drain-s", 4, terminate_after_s=3, pace=1)
    assert took_s < 0.2 + 4 + 3, "the deadline is a clock's"
    assert "hearing out" in said and "cut off" not in said
    with harness.Daemon() as daemon:
        for one in heard:
            assert one.results()[-1]["is_final"], "no interim result is the last word"
        for pcm, one in list(zip(streams, heard))[::3]:
            assert one.close == (1001, "the server is shutting down")
            duration = one.metadata()["duration"]
            assert 3 < duration <= 9, "it spoke on while the drain went on"
            undisturbed = alone(daemon, pcm[:round(duration * harness.RATE) * 2])
            assert finals(one) == finals(undisturbed) and finals(one)


def test_a_deep_backlog_is_heard_as_far_as_the_deadline_lets_and_the_close_says_so(clips):
    speech = b"".join(c.pcm() for c in clips) * 20
    heard, took_s, _ = drained([speech] * 4, "--drain-s", 2, "--workers", 1, terminate_after_s=2, pace=100000,
                               step_ms=4000)
    assert took_s < 0.2 + 2 + 3
    with harness.Daemon() as daemon:
        for one in heard:
            assert one.close == (1001, "the server is shutting down: it was heard up to here")
            assert 0 <= one.metadata()["duration"] < len(speech) / BYTES
        one = max(heard, key=lambda h: h.metadata()["duration"])
        duration = one.metadata()["duration"]
        assert finals(one) == finals(alone(daemon, speech[:round(duration * harness.RATE) * 2])) and finals(one)


def test_each_channel_and_a_container_are_told_to_their_end(clips):
    stereo = harness.sox("-M", clips[0].path, clips[1].path, "-t", "s16", "-r", harness.RATE, "-")
    heard, _, _ = drained([stereo], "--drain-s", 1, terminate_after_s=0.5, pace=3, channels=2, multichannel="true")
    assert heard[0].close[0] == 1001 and {m["channel_index"][0] for m in heard[0].results(final=True)} == {0, 1}
    ogg = harness.sox(clips[0].path, "-t", "ogg", "-")
    heard, _, _ = drained([ogg], "--drain-s", 2, terminate_after_s=2, pace=1000, step_ms=10, **live.RAW)
    assert heard[0].close[0] == 1001 and finals(heard[0])


def test_vosk_gets_its_last_result(clip):
    with harness.Daemon("--drain-s", 1) as daemon:
        async def talk():
            replies = []
            async with websockets.connect(daemon.ws, max_size=None) as socket:
                await socket.send('{"config": {"sample_rate": 16000}}')
                pcm = clip.pcm()
                for at in range(0, len(pcm) // 2, 6400):
                    await socket.send(pcm[at:at + 6400])
                    replies.append(json.loads(await socket.recv()))
                daemon.terminate()
                try:
                    while True:
                        replies.append(json.loads(await asyncio.wait_for(socket.recv(), 30)))
                except websockets.ConnectionClosed as closed:
                    return replies, closed.rcvd.code
        replies, code = asyncio.run(talk())
        assert code == 1001
        assert replies[-1]["text"], replies[-1]
        assert daemon.wait() == 0


@pytest.mark.parametrize("turns", [None, {"type": "server_vad", "silence_duration_ms": 700}])
def test_a_realtime_item_that_was_open_is_completed(clip, turns):
    with harness.Daemon("--drain-s", 1) as daemon:
        async def talk():
            events = []
            async with websockets.connect(f"{daemon.ws}/v1/realtime?intent=transcription", max_size=None) as socket:
                sound = {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": turns}
                await socket.send(json.dumps({"type": "session.update", "session": {
                    "type": "transcription", "audio": {"input": sound}}}))
                pcm = harness.sox(clip.path, "-t", "s16", "-r", 24000, "-c", 1, "-")
                for at in range(0, len(pcm), 48000):
                    await socket.send(json.dumps({"type": "input_audio_buffer.append",
                                                  "audio": base64.b64encode(pcm[at:at + 48000]).decode()}))
                await asyncio.sleep(0.3)
                daemon.terminate()
                try:
                    while True:
                        events.append(json.loads(await asyncio.wait_for(socket.recv(), 30)))
                except websockets.ConnectionClosed as closed:
                    return events, closed.rcvd.code
        events, code = asyncio.run(talk())
        kinds = [e["type"] for e in events]
        assert code == 1001 and "error" not in kinds, events
        completed = [e for e in events if e["type"] == "conversation.item.input_audio_transcription.completed"]
        assert kinds.count("input_audio_buffer.committed") == len(completed) >= 1
        said = " ".join(e["transcript"] for e in completed)
        assert harness.word_error_rate([(clip.text, said)]) < 0.5, said
        assert daemon.wait() == 0


def test_the_longest_stream_is_told_to_its_end_as_well(clips):
    speech = b"".join(c.pcm() for c in clips)
    with harness.Daemon("--longest-s", 3) as daemon:
        one = asyncio.run(speak_until_told_to_go(daemon, speech, pace=2))
        assert one.close == (1001, "the stream has reached the longest that is allowed")
        duration = one.metadata()["duration"]
        assert finals(one) == finals(alone(daemon, speech[:round(duration * harness.RATE) * 2])) and finals(one)
