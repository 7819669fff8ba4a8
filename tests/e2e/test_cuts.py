"""A cut never costs words: endpoints at every breath, speech without pauses, marks in the middle of a word, and
clients that fall silent. Streams are paced faster than a microphone, so that the whole takes a minute."""

import asyncio
import base64
import json
import re
import urllib.request

import pytest

import harness
import live

WITHIN = 1.0  # percentage points; of 223 words one is 0.45


def _errors(heard, clips):
    pairs = [harness.word_errors(harness.normalise(clip.text), harness.normalise(text))
             for text, clip in zip(heard, clips)]
    return sum(e for e, _ in pairs), sum(n for _, n in pairs)


def _percent(heard, clips):
    errors, words = _errors(heard, clips)
    return 100 * errors / words


def _squeezed(pcm):
    """Without the silence at its ends: s16le."""
    samples = memoryview(pcm).cast("h")
    loud = [i for i in range(0, len(samples) - 160, 160) if max(map(abs, samples[i:i + 160])) > 300]
    return bytes(samples[max(loud[0] - 480, 0):loud[-1] + 640])


async def _all(daemon, clips, **query):
    gate = asyncio.Semaphore(3)

    async def one(clip):
        async with gate:
            return await live.stream(daemon, clip.pcm() + bytes(harness.RATE), pace=6, **query)

    return await asyncio.gather(*map(one, clips))


def _upload(daemon, pcm):
    request = urllib.request.Request(daemon.url + "/v1/listen?punctuate=true", harness.wav(pcm),
                                     {"Content-Type": "audio/wav"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["results"]["channels"][0]["alternatives"][0]["transcript"]


@pytest.fixture(scope="module")
def without_cuts(daemon, clips):
    return _percent([h.text() for h in asyncio.run(_all(daemon, clips, endpointing="false"))], clips)


@pytest.mark.parametrize("ms", [10, 25, 100, 300, 500])
def test_endpoints_at_every_breath_cost_no_words(daemon, clips, without_cuts, ms):
    heard = asyncio.run(_all(daemon, clips, endpointing=ms))
    assert _percent([h.text() for h in heard], clips) <= without_cuts + WITHIN
    for h in heard:
        finals = h.results(final=True)
        assert sum(m["speech_final"] for m in finals) >= 1
        for before, after in zip(finals, finals[1:]):
            assert after["start"] >= before["start"] + before["duration"] - 1e-3
        starts = [w["start"] for w in h.words()]
        assert starts == sorted(starts)


def test_speech_without_pauses_is_as_good_as_its_parts(daemon, clips):
    parts = [_squeezed(clip.pcm()) for clip in clips]
    alone = _percent([_upload(daemon, part) for part in parts], clips)
    joined = " ".join(clip.text for clip in clips)
    text = _upload(daemon, b"".join(parts))
    streamed = asyncio.run(live.stream(daemon, b"".join(parts), pace=20, endpointing=10)).text()
    for whole in (text, streamed):
        errors, words = harness.word_errors(harness.normalise(joined), harness.normalise(whole))
        assert 100 * errors / words <= alone + 2 * WITHIN, whole
        # No word is said twice at a border that is not in what was said.
        said = harness.normalise(joined).split()
        twice = [a for a, b in zip(said, said[1:]) if a == b]
        heard = harness.normalise(whole).split()
        assert [a for a, b in zip(heard, heard[1:]) if a == b] == twice


def test_finalize_in_the_middle_of_a_word_costs_that_word_at_most(daemon, clips):
    every_s, cuts = 2.0, 0

    async def talk(clip):
        nonlocal cuts
        heard = live.Heard()
        step = int(every_s * harness.RATE) * 2
        async with live.connect(daemon, endpointing=300) as socket:
            listening = asyncio.create_task(live.listen(socket, heard))
            for at in range(0, len(clip.pcm()), step):
                await live.speak(socket, clip.pcm()[at:at + step], pace=8)
                await live.say(socket, "Finalize")
                cuts += 1
            await live.say(socket, "CloseStream")
            await asyncio.wait_for(listening, 60)
        return heard.text()

    async def all_of_them():
        return [await talk(clip) for clip in clips[:6]]

    whole = [h.text() for h in asyncio.run(_all(daemon, clips[:6], endpointing=500))]
    errors, _ = _errors(asyncio.run(all_of_them()), clips)
    assert errors <= _errors(whole, clips)[0] + cuts


@pytest.mark.parametrize("keep_alive", [False, True])
def test_who_is_muted_gets_a_final_by_the_clock(daemon, clip, keep_alive):
    """A telephone that is muted sends nothing: no silence, and perhaps no KeepAlive."""
    pcm = _squeezed(clip.pcm())

    async def talk():
        heard = live.Heard()
        async with live.connect(daemon, endpointing=300, utterance_end_ms=1000) as socket:
            listening = asyncio.create_task(live.listen(socket, heard))
            await live.speak(socket, pcm[:len(pcm) - 1600], pace=4)  # within the last word
            for _ in range(10):
                if keep_alive:
                    await live.say(socket, "KeepAlive")
                await asyncio.sleep(0.4)
                if heard.results(final=True) and heard.results(final=True)[-1]["speech_final"]:
                    break
            final = heard.text()
            await live.say(socket, "CloseStream")
            await asyncio.wait_for(listening, 30)
        return final, heard

    final, heard = asyncio.run(talk())
    errors, words = harness.word_errors(harness.normalise(clip.text), harness.normalise(final))
    assert errors <= words // 4, final
    assert heard.text() == final  # nothing was left for the end
    assert re.search(r"[a-z]", final)


def _is_nearly(clip, text):
    errors, words = harness.word_errors(harness.normalise(clip.text), harness.normalise(text))
    assert errors <= words // 4, text


def test_who_is_muted_has_a_result_of_its_own_with_vosks_next_reply(daemon, clip):
    """A reply for each message, so none comes by itself; but the next one has the utterance before the mute, whole."""
    pcm = _squeezed(clip.pcm())
    pcm = pcm[:len(pcm) - 1600]

    async def talk():
        async with live.websockets.connect(daemon.ws + "/", max_size=None) as socket:
            await socket.send(json.dumps({"config": {"sample_rate": harness.RATE}}))
            replies = []
            for at in [*range(0, len(pcm), 6400), None]:
                if at is None:
                    await asyncio.sleep(2.5)
                await socket.send(bytes(640) if at is None else pcm[at:at + 6400])
                replies.append(json.loads(await asyncio.wait_for(socket.recv(), 30)))
        return replies

    *before, last = asyncio.run(talk())
    _is_nearly(clip, " ".join(r["text"] for r in [*before, last] if r.get("text")))
    assert last["text"]


def test_who_is_muted_and_idles_gets_vosks_last_words_before_the_close(clip):
    pcm = _squeezed(clip.pcm())

    async def talk(daemon):
        texts = []
        async with live.websockets.connect(daemon.ws + "/", max_size=None) as socket:
            await socket.send(json.dumps({"config": {"sample_rate": harness.RATE}}))
            for at in range(0, len(pcm), 6400):
                await socket.send(pcm[at:at + 6400])
            try:
                async for message in socket:
                    texts.append(json.loads(message).get("text", ""))
            except live.websockets.ConnectionClosed:
                pass
        assert socket.close_code == 1008
        return " ".join(filter(None, texts))

    with harness.Daemon("--quiet-s", 3) as brief:
        _is_nearly(clip, asyncio.run(talk(brief)))


def test_who_is_muted_where_the_client_commits_is_told_the_words_by_the_clock(daemon, clip):
    pcm = _squeezed(clip.pcm())
    pcm = pcm[:len(pcm) - 1600]

    async def talk():
        deltas, events = [], []
        async with live.websockets.connect(f"{daemon.ws}/v1/realtime?intent=transcription", max_size=None) as socket:
            await socket.send(json.dumps({"type": "session.update", "session": {"type": "transcription", "audio": {
                "input": {"format": {"type": "audio/pcm", "rate": 16000}, "turn_detection": None}}}}))
            for at in range(0, len(pcm), 6400):
                await socket.send(json.dumps({"type": "input_audio_buffer.append",
                                              "audio": base64.b64encode(pcm[at:at + 6400]).decode()}))
            end = asyncio.get_running_loop().time() + 4.5
            while (left := end - asyncio.get_running_loop().time()) > 0:
                try:
                    event = json.loads(await asyncio.wait_for(socket.recv(), left))
                except asyncio.TimeoutError:
                    break
                deltas += [event["delta"]] if event["type"].endswith("transcription.delta") else []
            await socket.send('{"type":"input_audio_buffer.commit"}')
            while not events or not events[-1]["type"].endswith("transcription.completed"):
                events.append(json.loads(await asyncio.wait_for(socket.recv(), 30)))
        return "".join(deltas), events[-1]["transcript"]

    told, completed = asyncio.run(talk())
    _is_nearly(clip, told)
    assert told.strip() == completed.strip()
