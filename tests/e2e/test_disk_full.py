"""No room for what a client sends: the words of what was heard come, the close says why, and so does the log."""

import asyncio
import resource
import urllib.error
import urllib.request

import pytest
import websockets

import harness
import live
from test_bad_input import MODEL, error, exchange, form, post
from test_memory import Limited

ROOM = 1_500_000  # bytes that a file may have


@pytest.fixture(scope="module")
def full():
    """A file of this daemon may grow no larger; a full disk says the same with another number."""
    with Limited(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))) as daemon:
        assert daemon.becomes_ready()
        yield daemon


def flood(clip):
    """Speech, and then more silence than there is room for."""
    return clip.pcm() + bytes(2 * harness.RATE * 400)


def test_a_stream_hears_what_it_has_and_says_why_it_ends(full, clip):
    async def talk():
        heard = live.Heard()
        async with live.connect(full, interim_results="false") as s:
            listening = asyncio.create_task(live.listen(s, heard))
            pcm = flood(clip)
            try:
                for at in range(0, len(pcm), 65536):
                    await s.send(pcm[at:at + 65536])
            except websockets.ConnectionClosed:
                pass
            await asyncio.wait_for(listening, 60)
        return heard

    heard = asyncio.run(talk())
    assert harness.word_error_rate([(clip.text, heard.text())]) < 0.5
    assert heard.close[0] == 1013 and "room" in heard.close[1]
    assert "live audio cannot be kept" in full.said() and "File too large" in full.said()
    assert full.status("/readyz") == 200


def test_an_upload_is_refused_and_the_next_one_is_heard(full, clip):
    big = form(('name="file"; filename="a.wav"', harness.wav(flood(clip))), MODEL)
    error(exchange(full, post(big)), 500)
    small = form(('name="file"; filename="a.flac"', clip.path.read_bytes()), MODEL)
    assert exchange(full, post(small))[0] == 200
    assert "cannot spool" in full.said()
