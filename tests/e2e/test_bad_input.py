"""Requests that no honest client sends, byte by byte. Each gets an error; the daemon lives on."""

import json
import select
import socket
import urllib.parse

import pytest

import harness

BOUNDARY = "edge"
KIND = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"


@pytest.fixture(autouse=True)
def lives_on(daemon):
    yield
    assert daemon.process.poll() is None and daemon.status("/readyz") == 200


def exchange(daemon, data, close=False, timeout=20):
    """Sends bytes; -> (status, headers, body) of the first answer, or None when the peer just closes."""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=timeout) as s:
        s.sendall(data)
        if close:
            s.shutdown(socket.SHUT_WR)
        return answer(s)


def answer(s):
    got = b""
    while b"\r\n\r\n" not in got:
        piece = s.recv(65536)
        if not piece:
            return None
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        body += s.recv(65536)
    return int(lines[0].split()[1]), headers, body


def error(got, status):
    """The error object of an OpenAI-shaped answer."""
    assert got and got[0] == status, got
    assert got[1]["content-type"].startswith("application/json") and got[1]["x-request-id"]
    body = json.loads(got[2])["error"]
    assert body["message"] and {"message", "type", "param", "code"} <= body.keys()
    return body


def form(*parts, end=True):
    """parts: (head fields of the part, bytes)."""
    out = b"".join(f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
                   for head, data in parts)
    return out + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


def post(body, extra=KIND, length=None, path="/v1/audio/transcriptions"):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\n{extra}"
            f"Content-Length: {len(body) if length is None else length}\r\n\r\n").encode() + body


MODEL = ('name="model"', b"foldscribe")


@pytest.mark.parametrize("head", [
    "GET /healthz HTTP/1.1\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "POST /v1/models HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /v1/models HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "GET /healthz HTTP/3.0\r\nHost: a\r\n\r\n",
    "nonsense\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
])
def test_a_head_that_libraries_would_misread_is_refused(daemon, head):
    error(exchange(daemon, head.encode("latin1")), 400)


def test_a_head_too_long_is_refused(daemon):
    error(exchange(daemon, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 4000), 431)


def test_a_target_too_long_is_refused(daemon):
    error(exchange(daemon, b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"), 414)


def test_heads_that_come_slowly_hold_nobody_up(daemon, clip):
    slow = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(20)]
    for s in slow:
        s.sendall(b"GET /heal")
    assert daemon.status("/healthz") == 200
    # It did not wait until these were given up:
    slow[0].sendall(b"thz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer(slow[0])[0] == 200
    for s in slow:
        s.close()


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/v1/audio/transcriptions", 405), ("DELETE", "/v1/models", 405), ("PUT", "/healthz", 405),
    ("GET", "/v1/nothing", 404), ("POST", "/v1/chat/completions", 404),
    ("GET", "/v1/models/../../etc/passwd", 404), ("GET", "/v1/models/%00", 404),
])
def test_unknown_routes_and_methods_are_told(daemon, method, path, status):
    error(exchange(daemon, f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode()), status)


def test_browsers_may_ask_what_is_allowed(daemon):
    got = exchange(daemon, b"OPTIONS /v1/audio/transcriptions HTTP/1.1\r\nHost: a\r\nOrigin: http://localhost:3000\r\n"
                           b"Access-Control-Request-Method: POST\r\n\r\n")
    assert got[0] == 204 and got[1]["access-control-allow-origin"] == "http://localhost:3000"
    assert "authorization" in got[1]["access-control-allow-headers"].lower() or \
        got[1]["access-control-allow-headers"] == "*"


@pytest.mark.parametrize("parts, param", [
    ((MODEL,), "file"),
    ((MODEL, ('name="file"', b"a text field named file")), "file"),
    ((('name="file"; filename="a.wav"', b"RIFF"),), "model"),
    ((('name="file"; filename="a.wav"', b""), MODEL), "file"),
    ((), "file"),
], ids=["no file", "file without a name", "no model", "empty file", "no parts"])
def test_a_form_with_something_missing_names_it(daemon, parts, param):
    assert error(exchange(daemon, post(form(*parts))), 400)["param"] == param


@pytest.mark.parametrize("kind", ["", "Content-Type: application/json\r\n",
                                  "Content-Type: multipart/form-data\r\n",
                                  "Content-Type: multipart/form-data; boundary=\r\n",
                                  "Content-Type: multipart/form-data; boundary=a\r\n"])
def test_a_body_that_is_no_form_is_told_what_to_send(daemon, kind):
    error(exchange(daemon, post(form(MODEL), extra=kind)), 400)


def test_a_form_cut_short_is_an_error(daemon, clip):
    whole = form(('name="file"; filename="a.flac"', clip.path.read_bytes()), end=False)
    error(exchange(daemon, post(whole[:-1000])), 400)


def test_an_upload_whose_sender_leaves_is_forgotten(daemon, clip):
    body = form(('name="file"; filename="a.flac"', clip.path.read_bytes()), MODEL)
    for cut in (200, len(body) // 2, len(body) - 3):
        with socket.create_connection(("127.0.0.1", daemon.port)) as s:
            s.sendall(post(body[:cut], length=len(body)))


def test_a_sender_who_leaves_while_work_is_done_is_forgotten(daemon, clip):
    body = form(('name="file"; filename="a.flac"', clip.path.read_bytes()), MODEL)
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", daemon.port)) as s:
            s.sendall(post(body))


def test_a_field_too_long_is_refused(daemon):
    got = exchange(daemon, post(form(('name="prompt"', b"a" * 100000), MODEL)))
    assert error(got, 400)["param"] == "prompt"


def test_an_upload_too_large_is_refused_before_it_is_whole(clip):
    with harness.Daemon("--max-upload-mb", 1) as small:
        claimed = exchange(small, post(b"", length=10 ** 9))
        assert error(claimed, 413)["param"] == "file"
        with socket.create_connection(("127.0.0.1", small.port), timeout=20) as s:
            s.sendall(f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\n{KIND}"
                      "Transfer-Encoding: chunked\r\n\r\n".encode())
            head = form(('name="file"; filename="a.wav"', b""), end=False)[:-2]
            s.sendall(b"%x\r\n%s\r\n" % (len(head), head))
            try:
                for _ in range(40):
                    s.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                s.sendall(b"0\r\n\r\n")
                got = answer(s)
            except OSError:
                got = None  # it hung up on us, which ends the upload as well
            if got:
                assert error(got, 413)["param"] == "file"


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/listen"])
def test_an_upload_too_large_by_far_is_told_so_while_it_is_sent(path):
    """No length is claimed, and the sender would go on for ever: nothing but the answer ends it."""
    with harness.Daemon("--max-upload-mb", 1) as small, \
            socket.create_connection(("127.0.0.1", small.port), timeout=20) as s:
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{KIND}Transfer-Encoding: chunked\r\n\r\n".encode())
        with pytest.raises(OSError):
            for _ in range(4000):
                s.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                if select.select([s], [], [], 0)[0]:
                    raise OSError
        status, headers, body = answer(s)
        assert status == 413 and "larger than 1 MB" in body.decode()
        assert ("err_msg" in json.loads(body)) == (path == "/v1/listen")


def test_a_recording_too_long_is_refused(clip):
    with harness.Daemon("--max-audio-s", 3) as brief:
        body = form(('name="file"; filename="a.flac"', clip.path.read_bytes()), MODEL)
        assert error(exchange(brief, post(body)), 413)["param"] == "file"


SOUND = ('name="file"; filename="a.wav"', harness.wav(bytes(2 * harness.RATE)))


@pytest.mark.parametrize("field, value", [
    ("latency_ms", b"0"), ("latency_ms", b"-5"), ("latency_ms", b"3600001"), ("latency_ms", b"99999999999999999999"),
    ("latency_ms", b"1e3"), ("latency_ms", b"0x10"), ("latency_ms", b"soon"), ("latency_ms", b" 5"), ("latency_ms", b"nan"),
    ("tier", b"platinum"), ("tier", b"x" * 5000), ("tier", b"'; --"), ("depth", b"-1"), ("depth", b"99"), ("draft", b"2"),
])
def test_absurd_budgets_and_unknown_tiers_are_named(daemon, field, value):
    got = error(exchange(daemon, post(form(SOUND, MODEL, (f'name="{field}"', value)))), 400)
    assert got["param"] == field and got["type"] == "invalid_request_error"
    recording = exchange(daemon, post(harness.wav(bytes(3200)), "Content-Type: audio/wav\r\n", path="/v1/listen?" +
                                      urllib.parse.urlencode({field: value.decode()})))
    if field != "draft" and len(value) < 1000:  # Deepgram's dialect has none; and a target has a greatest length
        assert recording[0] == 400 and field in json.loads(recording[2])["err_msg"]


@pytest.mark.parametrize("value", ["1", "3600000"])
def test_extreme_budgets_that_are_allowed_are_answered(daemon, value):
    got = exchange(daemon, post(form(SOUND, MODEL, ('name="latency_ms"', value.encode()))))
    depth = json.loads(got[2])["depth"]
    assert got[0] == 200 and depth["budget_ms"] == int(value) and depth["used"] >= 1


UPGRADE = ("GET {} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: {}\r\n\r\n")
LISTEN = "/v1/listen?encoding=linear16&sample_rate=16000"


@pytest.mark.parametrize("path, version, status", [
    (LISTEN, 8, 426), (LISTEN + "&latency_ms=0", 13, 400), (LISTEN + "&latency_ms=1e9", 13, 400),
    (LISTEN + "&tier=platinum", 13, 400), (LISTEN + "&depth=99", 13, 400), ("/v1/nothing", 13, 404), ("/v1/listen?encoding=linear16", 13, 400), ("/v1/audio/transcriptions", 13, 404),
])
def test_a_bad_upgrade_is_refused_as_http(daemon, path, version, status):
    got = exchange(daemon, UPGRADE.format(path, version).encode())
    assert got[0] == status and json.loads(got[2])


def test_a_good_upgrade_with_a_body_of_rubbish_is_closed(daemon):
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=20) as s:
        s.sendall(UPGRADE.format(LISTEN, 13).encode())
        assert answer(s)[0] == 101
        s.sendall(bytes(range(256)) * 40)
        while s.recv(65536):
            pass


def frame(opcode, payload):
    assert len(payload) < 126
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"type":"Nonsense"}', b'{"type":7}', b'"CloseStream"'])
def test_control_messages_that_are_none_end_in_an_orderly_way(daemon, text):
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=20) as s:
        s.sendall(UPGRADE.format(LISTEN, 13).encode())
        assert answer(s)[0] == 101
        s.sendall(frame(1, text) + frame(2, bytes(100)) + frame(1, b'{"type":"CloseStream"}'))
        got = b""
        while piece := s.recv(65536):
            got += piece
            if b"\x88" in got:
                s.sendall(frame(8, b"\x03\xe8"))
        assert b"\x88" in got, "a close frame came"
