"""A cut never costs words: endpoints at every breath, speech without pauses, marks in the middle of a word, and
clients that fall silent. Streams are paced faster than a microphone, so that the whole takes a minute."""

import asyncio
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
