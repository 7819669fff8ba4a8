"""Depth and pace of a live stream, changed while somebody speaks."""

import asyncio
import json

import live

# A sentence that does not end while we look.
OPEN = {"punctuate": "true", "endpointing": 5000}


async def dialled(daemon, pcm, first, **dials):
    """Speaks, sends a Configure after the first seconds, speaks on -> (messages before, at once, and after it)."""
    heard = live.Heard()
    async with live.connect(daemon, **OPEN) as socket:
        listening = asyncio.create_task(live.listen(socket, heard))
        await live.speak(socket, pcm[:first], pace=1)
        await asyncio.sleep(0.5)
        before = len(heard.messages)
        await socket.send(json.dumps({"type": "Configure", **dials}))
        await asyncio.sleep(0.7)
        at_once = len(heard.messages)
        await live.speak(socket, pcm[first:], pace=1)
        await live.say(socket, "CloseStream")
        await asyncio.wait_for(listening, 60)
    return heard.messages[:before], heard.messages[before:at_once], heard.messages[at_once:], heard.close


def depths(messages, final=False):
    return [m["depth"]["used"] for m in messages if m["type"] == "Results" and m["is_final"] == final]


def test_the_open_sentence_is_told_anew_at_the_new_depth(daemon, clip, deepest):
    pcm = clip.pcm()
    before, at_once, after, close = asyncio.run(
        dialled(daemon, pcm, 2 * 32000, depth=deepest, partial_depth=deepest, partial_every_ms=2000))
    assert set(depths(before)) == {1}
    assert at_once[0]["type"] == "ConfigureSuccess" and at_once[0]["depth"] == deepest
    # No sound came, and yet it was told again.
    assert depths(at_once) == [deepest] and set(depths(after)) == {deepest} and close[0] == 1000
    ends = [m["start"] + m["duration"] for m in after if m["type"] == "Results" and not m["is_final"]]
    # Rarer than every 0.6 s, as it was: how often they can come is the machine's to say, how seldom is not.
    gaps = [b - a for a, b in zip(ends, ends[1:])]
    assert gaps and min(gaps) > 1.9


def test_null_gives_back_what_the_tier_has(daemon, clip, deepest):
    async def conversation():
        heard = live.Heard()
        async with live.connect(daemon, depth=1, **OPEN) as socket:
            listening = asyncio.create_task(live.listen(socket, heard))
            await socket.send(json.dumps({"type": "Configure", "depth": None}))
            await live.speak(socket, clip.pcm(), pace=4)
            await live.say(socket, "CloseStream")
            await asyncio.wait_for(listening, 60)
        return heard
    assert depths(asyncio.run(conversation()).messages, final=True) == [deepest]


def test_what_cannot_be_is_said_and_the_stream_goes_on(daemon, clip, deepest):
    async def conversation():
        heard = live.Heard()
        async with live.connect(daemon, **OPEN) as socket:
            listening = asyncio.create_task(live.listen(socket, heard))
            for dials in ({"depth": deepest + 1}, {"latency_ms": "soon"}, {"partial_every_ms": 1}, {}, {"depth": [1]}):
                await socket.send(json.dumps({"type": "Configure", **dials}))
            await live.speak(socket, clip.pcm(), pace=4)
            await live.say(socket, "CloseStream")
            await asyncio.wait_for(listening, 60)
        return heard
    heard = asyncio.run(conversation())
    failures = [m["description"] for m in heard.messages if m["type"] == "ConfigureFailure"]
    assert len(failures) == 5 and f"from 1 to {deepest}, or null" in failures[0] and "none of depth" in failures[3]
    assert heard.close[0] == 1000 and len(heard.text().split()) > 5
