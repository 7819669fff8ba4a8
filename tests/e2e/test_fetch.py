"""Recordings that are named by a url: fetched where that is allowed, and from nowhere else."""

import http.server
import json
import threading
import time

import pytest
from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment

import harness
from test_deepgram_recording import post


@pytest.fixture(scope="module")
def site(clips):
    """A web server of files, and of tricks; says what was asked of it."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.server.asked.append((self.path, dict(self.headers)))
            kind, _, rest = self.path[1:].partition("/")
            port = self.server.server_address[1]
            if kind == "to":  # to/HOST/PATH
                self.send_response(302)
                self.send_header("Location", f"http://{rest.partition('/')[0]}:{port}/{rest.partition('/')[2]}")
            elif kind == "away":
                self.send_response(302)
                self.send_header("Location", "file:///etc/passwd")
            elif kind == "clip":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(clips[0].path.read_bytes())
                return
            elif kind == "endless":
                self.send_response(200)
                self.end_headers()
                try:
                    while True:
                        self.wfile.write(bytes(65536))
                except OSError:
                    self.server.hung_up.set()
                return
            elif kind in ("text", "empty"):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"no sound at all" if kind == "text" else b"")
                return
            else:
                self.send_response(404)
            self.end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.hung_up, server.daemon_threads = [], threading.Event(), True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def fetcher():
    with harness.Daemon("--fetch", "public,127.0.0.1", "--max-upload-mb", 2) as running:
        yield running


def ask(daemon, site, path, host="127.0.0.1", query=""):
    body = json.dumps({"url": f"http://{host}:{site.server_address[1]}/{path}"}).encode()
    return post(daemon, body, query, "application/json")


def test_the_official_client_names_a_recording(fetcher, site, clip):
    client = DeepgramClient(api_key="any", environment=DeepgramClientEnvironment(
        base=fetcher.url, production=fetcher.ws, agent=fetcher.ws, agent_rest=fetcher.url))
    answer = client.listen.v1.media.transcribe_url(url=f"http://127.0.0.1:{site.server_address[1]}/clip", utterances=True)
    assert harness.word_error_rate([(clip.text, answer.results.channels[0].alternatives[0].transcript)]) < 0.5
    assert answer.results.utterances and len(answer.metadata.sha256) == 64
    headers = site.asked[-1][1]
    assert headers["User-Agent"].startswith("foldscribe/") and "Authorization" not in headers


def test_redirects_are_followed_where_they_may_lead(fetcher, site):
    status, _, answer = ask(fetcher, site, "to/127.0.0.1/clip")
    assert status == 200 and answer["results"]["channels"][0]["alternatives"][0]["transcript"]


@pytest.mark.parametrize("path, host, status, word", [
    ("clip", "127.0.0.2", 400, "does not fetch from"), ("clip", "[::1]", 400, "does not fetch from"),
    ("clip", "0.0.0.0", 400, "does not fetch from"), ("clip", "2130706434", 400, "does not fetch from"),
    ("clip", "0x7f.2", 400, "does not fetch from"), ("clip", "[::ffff:127.0.0.2]", 400, "does not fetch from"),
    ("to/127.0.0.2/clip", "127.0.0.1", 400, "does not fetch from"), ("to/localhost.invalid/x", "127.0.0.1", 400, "resolve"),
    ("away", "127.0.0.1", 400, "rotocol"), ("none", "127.0.0.1", 400, "answered 404"),
    ("text", "127.0.0.1", 400, "not audio"), ("empty", "127.0.0.1", 400, "nothing at that url"),
    ("endless", "127.0.0.1", 413, "2 MB"),
])
def test_what_cannot_or_may_not_be_fetched_is_said(fetcher, site, path, host, status, word):
    got, headers, answer = ask(fetcher, site, path, host)
    assert got == status and word in answer["err_msg"] and word in headers["dg-error"]
    if path == "endless":
        assert site.hung_up.wait(60)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"url":7}', b'{"url":"file:///etc/passwd"}', b'{"url":"gopher://a/"}',
                                  b'{"url":""}', b'{"urls":"http://a/"}'])
def test_a_body_that_names_no_url_is_refused(fetcher, body):
    status, _, answer = post(fetcher, body, "", "application/json")
    assert status == 400 and '{"url"' in answer["err_msg"]


def test_only_what_is_public_is_fetched_unless_more_is_said(site):
    with harness.Daemon("--fetch", "public") as public:
        before = len(site.asked)
        for host in ("127.0.0.1", "localhost"):
            assert ask(public, site, "clip", host)[0] == 400
        assert len(site.asked) == before, "nobody has even knocked"


def test_a_list_that_is_none_is_refused_at_the_start():
    done = harness.run("--model", harness.seed(), "--fetch", "public,intranet")
    assert done.returncode == 1 and "--fetch intranet" in done.stderr and "10.0.0.0/8" in done.stderr


def test_slow_servers_hold_nobody_else_up(clip):
    """Servers that give two bytes at a time: another host's recording and a callback go past them, and they are given up
    long before a quarter of an hour."""
    class Slow(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            if self.path == "/clip":
                self.wfile.write(clip.path.read_bytes())
                return
            try:
                while True:
                    self.wfile.write(b"ab")
                    time.sleep(0.2)
            except OSError:
                pass

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.server.called.set()

    servers = [http.server.ThreadingHTTPServer((host, 0), Slow) for host in ("127.0.0.1", "127.0.0.2")]
    for s in servers:
        s.daemon_threads, s.called = True, threading.Event()
        threading.Thread(target=s.serve_forever, daemon=True).start()
    slow, quick = servers
    with harness.Daemon("--fetch", "127.0.0.1,127.0.0.2", "--max-batch", 4) as daemon:
        answers = []
        many = [threading.Thread(target=lambda: answers.append(ask(daemon, slow, "drip"))) for _ in range(8)]
        for m in many:
            m.start()
        time.sleep(1)
        began = time.monotonic()
        assert ask(daemon, quick, "clip", "127.0.0.2")[0] == 200
        callback = f"?callback=http://127.0.0.2:{quick.server_address[1]}/here"
        assert post(daemon, clip.path.read_bytes(), callback, "audio/flac")[0] == 200
        assert quick.called.wait(15) and time.monotonic() - began < 15
        for m in many:
            m.join(100)
        assert len(answers) == 8 and all(status == 400 for status, _, _ in answers)
    for s in servers:
        s.shutdown()
