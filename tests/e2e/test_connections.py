"""Connections that bring more than one request: each head is judged as the first one is, an upgrade may come behind
other requests, and what follows a body that was refused is no request."""

import asyncio
import contextlib
import json
import os
import resource
import select
import socket
import threading
import time

import aiohttp
import pytest

import harness
from test_bad_input import KIND, MODEL, UPGRADE, answer, error, exchange, form, post
from test_sockets import LISTEN, ends, frame

OK = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(autouse=True)
def lives_on(daemon):
    yield
    assert daemon.process.poll() is None and daemon.status("/readyz") == 200


def connect(daemon, timeout=20):
    return socket.create_connection(("127.0.0.1", daemon.port), timeout=timeout)


def next_answer(s):
    """As answer(), but nothing of what follows is read."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += s.recv(1) or pytest.fail(f"the peer hung up behind {head}")
    length = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    body = b""
    while length and len(body) < int(length[0]):
        body += s.recv(int(length[0]) - len(body))
    return int(head.split()[1]), head, body


def upload(clip, extra=b""):
    return post(form(('name="file"; filename="a.flac"', clip.path.read_bytes()), MODEL)) + extra


BAD = {
    "two lengths": (b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nabcde", 400),
    "a list of lengths": (b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nabcde", 400),
    "a length with a sign": (b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde", 400),
    "a length beside chunks": (b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
                               b"\r\n0\r\n\r\n", 400),
    "an unknown coding": (b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "two codings": (b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"
                    b"\r\n0\r\n\r\n", 501),
    "chunks in HTTP/1.0": (b"POST /v1/listen HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "a space before the colon": (b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", 400),
    "a folded line": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),
    "a bare line feed": (b"GET /healthz HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    "a zero byte": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    "a method in small letters": (b"get /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a version to come": (b"GET /healthz HTTP/3.0\r\nHost: a\r\n\r\n", 400),
    "a head too long": (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 4000 + b"\r\n", 431),
    "too many lines": (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 400 + b"\r\n", 431),
    "a target too long": (b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
}


@pytest.mark.parametrize("before", [0, 1, 3], ids=["first", "second", "fourth"])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_head_is_refused_wherever_it_stands(daemon, name, before):
    head, status = BAD[name]
    with connect(daemon) as s:
        for _ in range(before):
            s.sendall(OK)
            assert answer(s)[0] == 200
        s.sendall(head + OK)
        got = answer(s)
        assert got[0] == status and got[1]["x-request-id"] and json.loads(got[2])
        assert got[1]["connection"] == "close"
        assert b"HTTP/1.1" not in ends(s), "nothing behind it is answered"


def test_requests_sent_in_one_go_are_answered_in_order(daemon):
    paths = ["/healthz", "/v1/models", "/nothing", "/readyz"]
    with connect(daemon) as s:
        s.sendall(b"".join(f"GET {p} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for p in paths) +
                  b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        said = ends(s)
    found = [int(line.split()[1]) for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    # An answer's body ends without a line end, so the next status line follows it at once.
    assert said.count(b"HTTP/1.1 200") == 4 and said.count(b"HTTP/1.1 404") == 1, found
    assert said.index(b"HTTP/1.1 404") > said.index(b'"list"')


def test_a_smuggled_request_is_not_answered(daemon):
    with connect(daemon) as s:
        s.sendall(OK)
        assert answer(s)[0] == 200
        s.sendall(b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
                  b"0\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n")
        said = ends(s)
    assert said.startswith(b"HTTP/1.1 400") and said.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("body", [
    b"5\nabcde\r\n0\r\n\r\n", b"5\r\nabcdefg\r\n0\r\n\r\n", b"0x5\r\nabcde\r\n0\r\n\r\n", b"-1\r\n\r\n", b"\r\n",
    b"fffffffffffffffffff\r\n", b"5;" + b"x" * 1000 + b"\r\nabcde\r\n0\r\n\r\n"])
def test_chunks_against_the_rules_are_refused(daemon, body):
    with connect(daemon) as s:
        s.sendall(b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + OK)
        got = answer(s)
        assert got[0] == 400 and got[1]["x-request-id"] and json.loads(got[2])
        assert b"HTTP/1.1" not in ends(s)


@pytest.mark.parametrize("step", [1, 7, 100000])
def test_chunks_may_be_cut_anywhere_and_a_request_may_follow(daemon, clip, step):
    body = form(('name="file"; filename="a.flac"', clip.path.read_bytes()), MODEL)
    if step == 1:
        body = form(('name="file"; filename="a.wav"', harness.wav(bytes(1000))), MODEL)
    sizes = [1, 10, 4096, 3, 70000] * 100
    chunks, at = [], 0
    while at < len(body):
        size = sizes[len(chunks)]
        piece = body[at:at + size]
        chunks.append(b"%X;note=1\r\n%s\r\n" % (len(piece), piece))
        at += size
    sent = (f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: a\r\n{KIND}Transfer-Encoding: chunked\r\n\r\n".encode() +
            b"".join(chunks) + b"0\r\nTrailer: x\r\n\r\n" + OK)
    with connect(daemon) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(0, len(sent), step):
            s.sendall(sent[i:i + step])
        assert next_answer(s)[0] == 200
        assert next_answer(s)[0] == 200


@pytest.mark.parametrize("before", [OK, OK * 2, b"GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n"], ids=["one", "two", "a 404"])
def test_an_upgrade_may_follow_other_requests(daemon, clip, before):
    with connect(daemon) as s:
        s.sendall(before)
        for _ in range(before.count(b"GET")):
            assert next_answer(s)[0] in (200, 404)
        s.sendall(UPGRADE.format(LISTEN, 13).encode())
        assert answer(s)[0] == 101
        s.sendall(frame(2, clip.pcm()[:32000]) + frame(1, b'{"type":"CloseStream"}'))
        assert b'"Metadata"' in ends(s)


def test_an_upgrade_sent_with_the_requests_before_it_is_one(daemon):
    with connect(daemon) as s:
        s.sendall(OK + OK + UPGRADE.format(LISTEN, 13).encode() + frame(2, bytes(32000)) + frame(1, b'{"type":"CloseStream"}'))
        assert [next_answer(s)[0], next_answer(s)[0]] == [200, 200]
        said = ends(s)
    assert said.startswith(b"HTTP/1.1 101") and b'"duration":1.0' in said, "no sound is lost that came with it"


def test_a_refused_upgrade_that_follows_is_told_as_http(daemon):
    with connect(daemon) as s:
        s.sendall(OK)
        answer(s)
        s.sendall(UPGRADE.format("/v1/listen?encoding=nonsense", 13).encode())
        got = answer(s)
        assert got[0] == 400 and "encoding" in json.loads(got[2])["err_msg"]


def test_an_aiohttp_session_may_ask_and_then_listen(daemon, clip):
    async def talk():
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.get(daemon.url + "/v1/models") as got:
                    assert got.status == 200
                    await got.read()
            async with session.ws_connect(daemon.url + LISTEN) as ws:
                await ws.send_bytes(clip.pcm())
                await ws.send_str('{"type":"CloseStream"}')
                return [m.json() async for m in ws if m.type == aiohttp.WSMsgType.TEXT]

    heard = asyncio.run(talk())
    assert heard[-1]["type"] == "Metadata"


@pytest.mark.parametrize("count", [100, 2000])
@pytest.mark.parametrize("path", ["/v1/models", "/v1/listen"])
def test_many_query_arguments_get_an_answer(daemon, path, count):
    query = "&".join(f"a{i % 10}" for i in range(count))
    got = exchange(daemon, f"GET {path}?{query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert got[0] in (200, 405)
    if path == "/v1/listen":
        sent = post(harness.wav(bytes(3200)), "", path=f"{path}?" + "&".join(["keyterm=a"] * min(count, 800)))
        got = exchange(daemon, sent)
        assert got[0] in (200, 400) and json.loads(got[2])


@pytest.mark.parametrize("count", [1, 90, 800, 2000])
def test_many_query_arguments_of_an_upgrade_get_an_answer(daemon, count):
    got = exchange(daemon, UPGRADE.format(LISTEN + "&tag" * count, 13).encode())
    assert got and (got[0] == 101 or json.loads(got[2])), got


def test_a_value_is_never_cut_silently(daemon):
    long = "&keyterm=" + "a" * 600
    live = exchange(daemon, UPGRADE.format(LISTEN + long, 13).encode())
    recorded = exchange(daemon, post(harness.wav(bytes(3200)), "", path="/v1/listen?" + long))
    assert (live[0] == 101) == (recorded[0] == 200), (live, recorded)
    for name in ("tier", "latency_ms"):
        got = exchange(daemon, UPGRADE.format(f"{LISTEN}&{name}=" + "9" * 300, 13).encode())
        assert got[0] == 400 and name in json.loads(got[2])["err_msg"]


@pytest.mark.parametrize("path", [LISTEN, "/v1/realtime", "/"], ids=["deepgram", "realtime", "vosk"])
def test_an_unmasked_frame_is_closed_with_1002(daemon, path):
    with connect(daemon) as s:
        s.sendall(UPGRADE.format(path, 13).encode())
        assert answer(s)[0] == 101
        s.sendall(frame(2, b"abcd", mask=False))
        assert b"\x88" in (said := ends(s)) and b"\x03\xea" in said, said


def test_a_half_closed_upload_is_answered(daemon, clip):
    for sent in (upload(clip), b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"):
        with connect(daemon) as s:
            s.sendall(sent)
            s.shutdown(socket.SHUT_WR)
            got = answer(s)
            assert got and got[0] == 200, got
            assert ends(s) == b""


def test_a_half_closed_body_that_is_too_short_is_told(daemon):
    got = exchange(daemon, post(b"abc", length=1000), close=True)
    error(got, 400)


def test_a_request_behind_an_upload_waits_for_its_answer(daemon, clip):
    with connect(daemon) as s:
        s.sendall(upload(clip, OK))
        first, second = next_answer(s), next_answer(s)
        assert json.loads(first[2])["text"] and second[2] == b"ok\n"


def test_whoever_leaves_later_takes_the_work_along(daemon, clips):
    """A minute of sound; its sender hangs up after two seconds, and the work ends with it."""
    pcm = b"".join(c.pcm() for c in clips) * 6
    with connect(daemon) as s:
        s.sendall(post(form(('name="file"; filename="a.wav"', harness.wav(pcm)), MODEL)))
        time.sleep(2)
    until = time.monotonic() + 10
    while b"active_batch_requests\":0" not in exchange(daemon, b"GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n")[2]:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_clients_that_send_and_leave_hold_nothing(daemon, clip):
    def descriptors():
        return len(list((harness.pathlib.Path("/proc") / str(daemon.process.pid) / "fd").iterdir()))

    before = descriptors()
    senders = [threading.Thread(target=lambda: connect(daemon).sendall(upload(clip)[:n])) for n in (50, 5000, None) * 8]
    for s in senders:
        s.start()
    for s in senders:
        s.join()
    until = time.monotonic() + 15
    while descriptors() > before + 3:
        assert time.monotonic() < until, descriptors()
        time.sleep(0.2)


def deaf(daemon):
    """A connection whose client can hold next to nothing that it does not read."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(5)
    s.connect(("127.0.0.1", daemon.port))
    return s


def is_hung_up(s, seconds):
    """Without reading."""
    poll = select.poll()
    poll.register(s, select.POLLHUP | select.POLLERR | select.POLLRDHUP)
    return bool(poll.poll(seconds * 1000))


def test_a_websocket_that_never_reads_is_ended_by_the_clock():
    with harness.Daemon("--longest-s", 2) as brief, deaf(brief) as s:
        held = lambda: len(os.listdir(f"/proc/{brief.process.pid}/fd"))
        before = held()
        s.sendall(UPGRADE.format("/v1/realtime", 13).encode())
        time.sleep(0.5)
        message = frame(1, json.dumps({"type": "nonsense " + "x" * 60}).encode())
        try:
            for _ in range(300):
                s.sendall(message * 100)
        except OSError:
            pass
        # 2 s of stream, then 60 s at most for what it left unread. What its own kernel has not taken may hide the end from it.
        until = time.monotonic() + 90
        while "stream ended" not in brief.said() or held() > before:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_an_answer_that_is_never_read_is_ended_by_the_clock(daemon):
    with deaf(daemon) as s:
        s.setblocking(False)
        try:
            for _ in range(200):
                s.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
        except BlockingIOError:
            pass
        assert is_hung_up(s, 40)


def test_who_says_nothing_is_asked_whether_it_is_there(daemon):
    """Closed behind its request, or cut off: only its kernel can tell, so it is asked every ten seconds."""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert s.recv(65536).startswith(b"HTTP/1.1 200")
        here, there = (f"0100007F:{port:04X}" for port in (s.getsockname()[1], daemon.port))
        rows = [row.split() for row in open("/proc/net/tcp")]
        timer, when = next(row[5].split(":") for row in rows if row[1] == there and row[2] == here)
        assert timer == "02" and int(when, 16) <= 1000  # keepalive, in hundredths of a second


def test_where_there_is_no_descriptor_newcomers_are_told_so_and_the_log_says_it_once():
    with harness.Daemon() as full:
        taken = len(os.listdir(f"/proc/{full.process.pid}/fd"))
        _, hard = resource.prlimit(full.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(full.process.pid, resource.RLIMIT_NOFILE, (taken + 4, hard))
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", full.port), timeout=5)) for _ in range(30)]
            refused = crowd[-1].recv(65536)
            assert refused.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 1\r\n" in refused
        resource.prlimit(full.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
        assert full.status("/readyz") == 200
        assert full.said().count("no file descriptor") == 1
