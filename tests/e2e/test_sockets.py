"""WebSockets as no honest client uses them, and honest ones that are slow, many, or leave."""

import asyncio
import json
import os
import socket
import struct
import time

import pytest
import websockets

import harness
import live
from test_bad_input import UPGRADE, answer

LISTEN = "/v1/listen?encoding=linear16&sample_rate=16000"
PLACES = [LISTEN, "/v1/realtime", "/"]


@pytest.fixture(autouse=True)
def lives_on(daemon):
    yield
    assert daemon.process.poll() is None and daemon.status("/readyz") == 200


def knock(daemon, path=LISTEN):
    s = socket.create_connection(("127.0.0.1", daemon.port), timeout=20)
    s.sendall(UPGRADE.format(path, 13).encode())
    assert answer(s)[0] == 101
    return s


def frame(opcode, payload=b"", final=True, mask=True, rsv=0, length=None):
    head = bytes([(0x80 if final else 0) | rsv << 4 | opcode])
    size = len(payload) if length is None else length
    bit = 0x80 if mask else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    return head + (b"\0\0\0\0" if mask else b"") + payload


def ends(s, seconds=20):
    """Reads to the end -> everything that came. The peer must hang up in time."""
    s.settimeout(seconds)
    got = b""
    try:
        while piece := s.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    return got


WRONG = {
    "an unmasked frame": frame(2, b"abcd", mask=False),
    "a reserved bit": frame(2, b"abcd", rsv=4),
    "a reserved opcode": frame(3, b"abcd"),
    "a reserved control opcode": frame(11, b"abcd"),
    "a ping in pieces": frame(9, b"a", final=False) + frame(0, b"b"),
    "a ping too long": frame(9, bytes(126)),
    "a continuation of nothing": frame(0, b"abcd"),
    "a second message inside the first": frame(1, b"{", final=False) + frame(1, b"}"),
    "a close with one byte": frame(8, b"\x03"),
    "text that is not UTF-8": frame(1, b'{"type":"\xff\xfe"}'),
}


@pytest.mark.parametrize("path", PLACES, ids=["deepgram", "realtime", "vosk"])
@pytest.mark.parametrize("wrong", WRONG)
def test_frames_against_the_rules_end_the_connection(daemon, path, wrong):
    with knock(daemon, path) as s:
        s.sendall(WRONG[wrong] + frame(8, b"\x03\xe8"))
        ends(s)


@pytest.mark.parametrize("path, size", [(LISTEN, 70000), ("/", 300000), ("/v1/realtime", 23 << 20)],
                         ids=["deepgram", "vosk", "realtime"])
def test_a_text_without_end_is_cut_off(daemon, path, size):
    async def talk():
        async with websockets.connect(daemon.ws + path, max_size=None) as s:
            try:
                await s.send(" " * size)
                while True:
                    await asyncio.wait_for(s.recv(), 20)
            except websockets.ConnectionClosed:
                pass
            return s.close_code

    assert asyncio.run(talk()) in (1009, 1006)


def test_a_frame_that_promises_the_world_costs_nothing(daemon):
    before = daemon.memory_mib()[0]
    many = [knock(daemon) for _ in range(20)]
    for s in many:
        s.sendall(frame(2, bytes(1000), length=1 << 62))
    time.sleep(0.5)
    assert daemon.memory_mib()[0] < before + 100
    for s in many:
        s.close()


def test_three_hundred_connections_that_say_nothing_disturb_nobody(daemon, clip):
    async def crowd():
        idle = [await websockets.connect(daemon.ws + "/", compression=None) for _ in range(150)]
        heads = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(150)]
        heard = await live.stream(daemon, clip.pcm(), pace=20)
        for s in heads:
            s.close()
        for s in idle:
            s.transport.abort()
        return heard

    heard = asyncio.run(crowd())
    assert harness.word_error_rate([(clip.text, heard.text())]) < 0.5


def test_one_byte_a_message_is_heard_as_well(daemon, clip):
    pcm = clip.pcm()[:2 * harness.RATE]

    async def talk():
        heard = live.Heard()
        async with live.connect(daemon) as s:
            listening = asyncio.create_task(live.listen(s, heard))
            for byte in pcm:
                await s.send(bytes([byte]))
            await live.say(s, "CloseStream")
            await asyncio.wait_for(listening, 60)
        return heard

    heard = asyncio.run(talk())
    assert heard.close[0] == 1000 and heard.metadata()["duration"] == pytest.approx(1)


def test_pings_do_not_wait_for_the_audio_before_them(daemon, clips):
    """Some forty minutes in one go: the pong overtakes them, and they are not in memory."""
    pcm = b"".join(c.pcm() for c in clips) * 25

    async def talk():
        heard = live.Heard()
        before = daemon.memory_mib()[0]
        async with live.connect(daemon, interim_results="false") as s:
            listening = asyncio.create_task(live.listen(s, heard))
            for at in range(0, len(pcm), 65536):
                await s.send(pcm[at:at + 65536])
            await asyncio.wait_for(await s.ping(), 60)
            grown = daemon.memory_mib()[0] - before
            s.transport.abort()
            listening.cancel()
        return heard, grown

    heard, grown = asyncio.run(talk())
    finals = heard.results(final=True)
    assert not finals or finals[-1]["start"] < len(pcm) / 2 / harness.RATE / 2
    assert grown < 50


def test_more_audio_than_may_wait_is_not_read_and_not_lost(clip):
    with harness.Daemon("--backlog-mb", 4) as small:
        silence = bytes(2 * harness.RATE * 300)
        heard = asyncio.run(live.stream(small, silence + clip.pcm() + silence, pace=1e9, step_ms=1000))
        assert heard.close[0] == 1000
        assert heard.metadata()["duration"] == pytest.approx(600 + clip.seconds(), abs=0.01)
        assert harness.word_error_rate([(clip.text, heard.text())]) < 0.5


def stopped(daemon, seconds=60):
    """Waits until no stream is open and no piece of work is queued."""
    import urllib.request
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        page = urllib.request.urlopen(daemon.url + "/metrics", timeout=10).read().decode()
        values = dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
        if values["foldscribe_live_streams"] == "0" and values["foldscribe_queued_spans"] == "0":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("leave", ["politely", "abruptly"])
def test_whoever_leaves_takes_the_work_along(daemon, clips, leave):
    pcm = b"".join(c.pcm() for c in clips) * 8
    s = knock(daemon)
    s.setblocking(False)
    for at in range(0, len(pcm), 60000):
        try:
            s.send(frame(2, pcm[at:at + 60000]))
        except BlockingIOError:
            break
    if leave == "abruptly":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    assert stopped(daemon), "the stream is gone with its client"


def test_a_reader_that_does_not_read_is_let_go(daemon, clip):
    """Replies pile up unread until the daemon gives up; its memory does not grow with them."""
    with knock(daemon, "/v1/realtime") as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(5)
        message = frame(1, json.dumps({"type": "nonsense " + "x" * 50}).encode())
        before = daemon.memory_mib()[0]
        try:
            for _ in range(3000):
                s.sendall(message * 20)
        except OSError:
            pass
        assert daemon.memory_mib()[0] < before + 60


def test_a_stream_has_a_longest_time(clip):
    with harness.Daemon("--longest-s", 1) as brief:
        async def talk():
            heard = live.Heard()
            async with live.connect(brief) as s:
                await asyncio.wait_for(live.listen(s, heard), 20)
            return heard.close

        assert asyncio.run(talk())[0] == 1001


def test_sockets_have_a_greatest_number():
    with harness.Daemon("--max-connections", 3) as small:
        async def talk():
            held = [await websockets.connect(small.ws + "/") for _ in range(3)]
            try:
                with pytest.raises(websockets.InvalidStatus) as caught:
                    await websockets.connect(small.ws + "/")
                assert caught.value.response.status_code == 503
                assert json.loads(caught.value.response.body)["error"]["message"]
            finally:
                for s in held:
                    await s.close()

        asyncio.run(talk())


def test_random_bytes_after_an_upgrade_end_soon(daemon):
    for path in PLACES:
        with knock(daemon, path) as s:
            try:
                s.sendall(os.urandom(20000))
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            ends(s)
