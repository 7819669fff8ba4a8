"""The vosk dialect, spoken as vosk-server's own Python sample does: one reply awaited for each message."""

import asyncio
import json

import pytest
import websockets

import harness

STEP = 2 * harness.RATE // 5  # 0.2 s, as the sample


def connect(daemon, path=""):
    return websockets.connect(daemon.ws + path, max_size=None)


async def ask(socket, message):
    """Sends one message and awaits its one reply."""
    await socket.send(message)
    return json.loads(await asyncio.wait_for(socket.recv(), 60))


async def speak(socket, pcm, step=STEP):
    return [await ask(socket, pcm[at:at + step]) for at in range(0, len(pcm), step)]


async def conversation(daemon, pcm, step=STEP, **config):
    """What the sample does -> (replies to samples, reply to eof)."""
    async with connect(daemon) as socket:
        await socket.send(json.dumps({"config": {"sample_rate": harness.RATE, **config}}))
        replies = await speak(socket, pcm, step)
        last = await ask(socket, '{"eof" : 1}')
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 20)
        assert socket.close_code == 1000
    return replies, last


def words(replies):
    return [w for r in replies for w in r.get("result", [])]


def text(replies):
    return " ".join(r["text"] for r in replies if r.get("text"))


def test_the_sample_conversation_gives_the_words(daemon, clip):
    replies, last = asyncio.run(conversation(daemon, clip.pcm()))
    assert len(replies) == -(-len(clip.pcm()) // STEP)
    assert all(("partial" in r) != ("text" in r) for r in replies) and "text" in last
    everything = [*replies, last]
    assert harness.word_error_rate([(clip.text, text(everything))]) < 0.5
    spoken = words(everything)
    assert [w["word"] for w in spoken] == text(everything).split()
    assert all(w.keys() == {"conf", "end", "start", "word"} and 0 <= w["conf"] <= 1 for w in spoken)
    times = [t for w in spoken for t in (w["start"], w["end"])]
    assert times == sorted(times) and times[-1] <= clip.seconds() + 0.01
    assert text(everything) == text(everything).lower()


def test_a_file_sent_at_once_gives_a_result_for_each_utterance(daemon, clips):
    pcm = bytes(32000).join(c.pcm() for c in clips[:3])
    replies, last = asyncio.run(conversation(daemon, pcm))
    results = [r for r in [*replies, last] if r.get("text")]
    assert len(results) >= 3
    assert harness.word_error_rate([(" ".join(c.text for c in clips[:3]), text(results))]) < 0.5
    starts = [w["start"] for w in words(results)]
    assert starts == sorted(starts) and starts[-1] > clips[0].seconds() + clips[1].seconds()


def test_a_microphone_hears_partials_that_grow(daemon, clip):
    async def talk():
        async with connect(daemon) as socket:
            await socket.send(json.dumps({"config": {"sample_rate": harness.RATE}}))
            partials = []
            pcm = clip.pcm()
            for at in range(0, len(pcm), STEP):
                partials.append((await ask(socket, pcm[at:at + STEP])).get("partial", ""))
                for _ in range(100):  # a slow machine may take longer than the words
                    if len(set(partials)) > 2:
                        break
                    await asyncio.sleep(0.02)
                    partials.append((await ask(socket, bytes(2))).get("partial", ""))
            last = await ask(socket, '{"eof": true}')
        return partials, last

    partials, last = asyncio.run(talk())
    assert len({p for p in partials if p}) >= 2
    assert last["text"]


def test_words_can_be_left_out_and_alternatives_asked_for(daemon, clip):
    replies, last = asyncio.run(conversation(daemon, clip.pcm(), words=0))
    assert text([*replies, last]) and not any("result" in r for r in [*replies, last])
    _, last = asyncio.run(conversation(daemon, clip.pcm()[:len(clip.pcm()) // 4 * 2], max_alternatives=3))
    assert 2 <= len({a["text"] for a in last["alternatives"]}) == len(last["alternatives"]) <= 3
    best = last["alternatives"][0]
    assert best["text"] and best["confidence"] and all("conf" not in w for w in best["result"])


def test_a_reset_answers_once_and_the_clock_goes_on(daemon, clips):
    async def talk():
        async with connect(daemon) as socket:
            await socket.send(json.dumps({"config": {"sample_rate": harness.RATE}}))
            first = await speak(socket, clips[0].pcm())
            middle = await ask(socket, '{"reset" : 1}')
            second = await speak(socket, clips[1].pcm())
            return [*first, middle], [*second, await ask(socket, '{"eof" : 1}')]

    first, second = asyncio.run(talk())
    assert "text" in first[-1]
    for clip, replies in zip(clips, (first, second)):
        assert harness.word_error_rate([(clip.text, text(replies))]) < 0.6
    assert words(second)[0]["start"] > words(first)[-1]["end"]


def test_a_grammar_favours_its_words(daemon, clip):
    replies, last = asyncio.run(conversation(daemon, clip.pcm(), phrase_list=["[unk]", *clip.text.lower().split()[:5]]))
    assert harness.word_error_rate([(clip.text, text([*replies, last]))]) < 0.5


def test_one_byte_a_message_is_one_reply_a_message(daemon):
    replies, last = asyncio.run(conversation(daemon, bytes(200), step=1))
    assert replies == [{"partial": ""}] * 200 and last == {"text": ""}


def test_an_end_or_a_reset_without_samples_is_an_empty_result(daemon):
    async def talk():
        async with connect(daemon, "/vosk") as socket:
            return await ask(socket, '{"reset": 1}'), await ask(socket, '{"eof" : 1}')

    assert asyncio.run(talk()) == ({"text": ""}, {"text": ""})


def test_silence_says_nothing(daemon):
    replies, last = asyncio.run(conversation(daemon, bytes(2 * harness.RATE * 3)))
    assert text([*replies, last]) == ""


@pytest.mark.parametrize("message", [
    "hello", "{}", "[]", '{"config": 7}', '{"config": {"sample_rate": 7}}', '{"config": {"sample_rate": "16000 Hz"}}',
    '{"config": {"model": "/etc/passwd"}}', '{"config": {"phrase_list": "a b"}}',
    '{"config": {"phrase_list": [1]}}', '{"config": {"depth": 99}}', "[" * 5000,
])
def test_text_that_is_none_of_the_dialect_closes_with_a_reason(daemon, message):
    async def talk():
        async with connect(daemon) as socket:
            await socket.send(message)
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 20)
            return socket.close_code, socket.close_reason

    code, reason = asyncio.run(talk())
    assert code == 1003 and reason


def test_a_rate_may_be_text_and_a_wav_brings_its_own(daemon, clip):
    """As vosk's test scripts have it, which send a file with its header."""
    async def talk(config, data):
        async with connect(daemon) as socket:
            await socket.send(json.dumps({"config": config}))
            for at in range(0, len(data), 8000):
                await socket.send(data[at:at + 8000])
                await socket.recv()
            await socket.send('{"eof" : 1}')
            return json.loads(await socket.recv())["text"]

    wav = harness.sox(clip.path, "-r", 48000, "-t", "wav", "-")
    for config, data in ({"sample_rate": str(harness.RATE)}, clip.pcm()), ({"sample_rate": 8000}, wav):
        assert harness.word_error_rate([(clip.text, asyncio.run(talk(config, data)))]) < 0.5


def test_a_client_that_leaves_at_once_is_forgotten(daemon, clip):
    async def talk():
        for _ in range(5):
            async with connect(daemon) as socket:
                await socket.send(json.dumps({"config": {"sample_rate": harness.RATE}}))
                await socket.send(clip.pcm())
                await socket.send('{"eof" : 1}')

    asyncio.run(talk())
    assert daemon.status("/readyz") == 200
