"""What a page in a browser may do to a daemon on this machine: its own pages and those of this machine everything,
others nothing. Whoever is no page sends no Origin, and notices nothing of it."""

import json

import pytest

import harness
from test_bad_input import UPGRADE, exchange

PAGES = ["/metrics", "/v1/models", "/v1/capacity", "/v1/status", "/healthz", "/"]
PLACES = ["/v1/listen?encoding=linear16&sample_rate=16000", "/v1/realtime", "/"]


def ask(daemon, path, host="127.0.0.1", origin=None, method="GET"):
    line = f"Origin: {origin}\r\n" if origin else ""
    return exchange(daemon, f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{line}Content-Length: 0\r\n\r\n".encode())


def knock(daemon, path, host="127.0.0.1", origin=None):
    request = UPGRADE.format(path, 13).replace("Host: a", f"Host: {host}" + (f"\r\nOrigin: {origin}" if origin else ""))
    return exchange(daemon, request.encode())


@pytest.mark.parametrize("host, origin", [
    ("127.0.0.1", "https://evil.example"), ("localhost", "http://localhost.evil.example"), ("127.0.0.1", "null"),
    ("evil.example", None), ("evil.example:8080", "http://evil.example:8080")])
def test_other_pages_get_nothing(daemon, host, origin):
    for path in PAGES:
        got = ask(daemon, path, host, origin)
        assert got[0] == 403 and json.loads(got[2]) and "access-control-allow-origin" not in got[1]
    for path in PLACES:
        assert knock(daemon, path, host, origin)[0] == 403
    for path in ("/v1/audio/transcriptions", "/v1/listen", "/v1/realtime/client_secrets"):
        assert ask(daemon, path, host, origin, "POST")[0] == 403
    assert ask(daemon, "/v1/audio/transcriptions", host, origin, "OPTIONS")[0] == 403


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:5173", None])
def test_pages_of_this_machine_and_programs_get_everything(daemon, origin):
    host = f"127.0.0.1:{daemon.port}"
    for path in PAGES:
        got = ask(daemon, path, host, origin)
        assert got[0] == 200 and got[1].get("access-control-allow-origin") == origin
    for path in PLACES:
        assert knock(daemon, path, host, origin)[0] == 101


def test_the_captions_page_is_served_and_may_listen(daemon):
    host = f"localhost:{daemon.port}"
    assert b"<html" in ask(daemon, "/", host)[2].lower()
    assert knock(daemon, PLACES[0], host, f"http://{host}")[0] == 101


def test_origins_widens_it():
    with harness.Daemon("--origins", "https://app.example.com,scribe.example.org") as wide:
        for origin in ("https://app.example.com", "http://scribe.example.org"):
            got = ask(wide, "/v1/models", "scribe.example.org", origin)
            assert got[0] == 200 and got[1]["access-control-allow-origin"] == origin
        assert ask(wide, "/v1/models", "scribe.example.org", "https://evil.example")[0] == 403
        assert knock(wide, PLACES[0], "scribe.example.org", "https://app.example.com")[0] == 101
    with harness.Daemon("--origins", "*") as open_to_all:
        got = ask(open_to_all, "/v1/models", "evil.example", "https://evil.example")
        assert got[0] == 200 and got[1]["access-control-allow-origin"] == "*"


def test_a_wrong_list_of_origins_is_named():
    said = harness.run("--model", harness.seed(), "--listen", "127.0.0.1:0", "--origins", "https://a/b")
    assert said.returncode != 0 and "--origins https://a/b" in said.stderr
