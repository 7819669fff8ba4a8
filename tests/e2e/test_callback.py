"""Recordings whose answer goes to a url: sent, sent again, and to nowhere else than what --fetch allows."""

import http.server
import json
import queue
import threading
import time

import pytest
from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment

import harness
from test_deepgram_recording import post
from test_fetch import site  # noqa: F401  (a fixture)


@pytest.fixture(scope="module")
def desk():
    """Takes letters: /STATUS answers that, /STATUS/N does so N times and then 204. The clock of each is kept."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def take(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, _, times = self.path[1:].partition("/")
            self.server.seen[self.path] = seen = self.server.seen.get(self.path, 0) + 1
            self.server.letters.put((self.command, self.path, dict(self.headers), json.loads(body), time.monotonic()))
            self.send_response(int(status) if seen <= int(times or 1e9) else 204)
            if status == "302":
                self.send_header("Location", "/200")
            self.end_headers()

        do_POST = do_PUT = do_GET = take

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.letters, server.seen, server.daemon_threads = queue.Queue(), {}, True
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def caller():
    with harness.Daemon("--fetch", "public,127.0.0.1", "--max-upload-mb", 2) as running:
        yield running


def ask(daemon, clip, callback, more=""):
    return post(daemon, clip.path.read_bytes(), f"?callback={callback}{more}", "audio/wav")


def said_soon(daemon, words, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not any(all(w in line for w in words) for line in daemon.said().splitlines()):
        time.sleep(0.05)
    return [line for line in daemon.said().splitlines() if all(w in line for w in words)]


def test_the_official_client_is_answered_at_once_and_called_back(caller, desk, clip):
    client = DeepgramClient(api_key="any", environment=DeepgramClientEnvironment(
        base=caller.url, production=caller.ws, agent=caller.ws, agent_rest=caller.url))
    accepted = client.listen.v1.media.transcribe_file(
        request=clip.path.read_bytes(), callback=desk.url + "/200", callback_method="PUT", utterances=True)
    assert accepted.request_id and not hasattr(accepted, "results")
    command, _, headers, answer, _ = desk.letters.get(timeout=60)
    assert command == "PUT" and headers["Content-Type"] == "application/json"
    assert headers["dg-request-id"] == answer["metadata"]["request_id"] == accepted.request_id
    best = answer["results"]["channels"][0]["alternatives"][0]
    assert harness.word_error_rate([(clip.text, best["transcript"])]) < 0.5
    assert answer["results"]["utterances"]
    assert len(said_soon(caller, ["called back", accepted.request_id])) == 1


def test_a_recording_by_url_is_called_back_as_well(caller, desk, site, clip):  # noqa: F811
    body = json.dumps({"url": f"http://127.0.0.1:{site.server_address[1]}/clip"}).encode()
    status, headers, accepted = post(caller, body, f"?callback={desk.url}/200", "application/json")
    assert status == 200 and list(accepted) == ["request_id"] and headers["dg-request-id"] == accepted["request_id"]
    command, _, _, answer, _ = desk.letters.get(timeout=60)
    assert command == "POST" and answer["metadata"]["request_id"] == accepted["request_id"]


def test_a_refusal_is_called_back_too(caller, desk):
    status, _, accepted = post(caller, b"no sound at all", f"?callback={desk.url}/200", "audio/wav")
    assert status == 200
    letter = desk.letters.get(timeout=60)[3]
    assert letter["request_id"] == accepted["request_id"] and "not audio" in letter["err_msg"]


def test_a_letter_is_sent_again_after_longer_and_longer_waits(caller, desk, clip):
    assert ask(caller, clip, desk.url + "/503/2")[0] == 200
    letters = [desk.letters.get(timeout=60) for _ in range(3)]
    assert letters[0][3] == letters[1][3] == letters[2][3]
    waits = [b[4] - a[4] for a, b in zip(letters, letters[1:])]
    assert 0.9 < waits[0] < 2.9 < waits[1]
    with pytest.raises(queue.Empty):
        desk.letters.get(timeout=2)


@pytest.mark.parametrize("answer", ["410", "302"])
def test_what_will_not_get_better_is_not_tried_again(caller, desk, clip, answer):
    request = ask(caller, clip, f"{desk.url}/{answer}")[2]["request_id"]
    assert desk.letters.get(timeout=60)[1] == "/" + answer
    assert said_soon(caller, ["not called back", request, f"answered {answer}"])
    with pytest.raises(queue.Empty):
        desk.letters.get(timeout=2)


@pytest.mark.parametrize("callback, more, word", [
    ("http://127.0.0.2/", "", "does not call"), ("http://[::1]/", "", "does not call"),
    ("http://2130706434/", "", "does not call"),
    ("http://0x7f.2:99/", "", "does not call"), ("http://[::ffff:127.0.0.2]/", "", "does not call"),
    ("http://a:b:c/", "", "no url"), ("file:///etc/passwd", "", "http or https"), ("", "", "http or https"),
    ("http://127.0.0.1/", "&callback_method=patch", "post or put"),
])
def test_what_may_not_be_called_is_refused_at_once(caller, desk, clip, callback, more, word):
    status, headers, answer = ask(caller, clip, callback, more)
    assert status == 400 and word in answer["err_msg"] and word in headers["dg-error"]
    assert desk.letters.empty()


def test_a_name_that_leads_astray_is_not_called(desk, clip):
    with harness.Daemon("--fetch", "public") as public:
        status, _, accepted = ask(public, clip, desk.url.replace("127.0.0.1", "localhost") + "/200")
        assert status == 200
        assert said_soon(public, ["not called back", accepted["request_id"], "does not fetch from"])
    assert desk.letters.empty(), "nobody has even knocked"


def test_without_fetch_there_are_no_callbacks(daemon, desk, clip):
    status, _, answer = ask(daemon, clip, desk.url + "/200")
    assert status == 400 and "callback is off" in answer["err_msg"] and desk.letters.empty()


def test_a_drain_waits_for_callbacks_and_then_gives_them_up(desk, clip):
    with harness.Daemon("--fetch", "127.0.0.1", "--drain-s", 30) as leaving:
        assert ask(leaving, clip, desk.url + "/503/1")[0] == 200
        leaving.terminate()
        assert leaving.wait() == 0
        assert "not called back" not in leaving.said() and "Z called back" in leaving.said()
    assert [desk.letters.get(timeout=1)[3] for _ in range(2)]
    with harness.Daemon("--fetch", "127.0.0.1", "--drain-s", 2) as leaving:
        request = ask(leaving, clip, desk.url + "/503")[2]["request_id"]
        desk.letters.get(timeout=60)
        leaving.terminate()
        began = time.monotonic()
        assert leaving.wait() == 0 and time.monotonic() - began < 15
        assert [line for line in leaving.said().splitlines()
                if "not called back" in line and request in line and "shutting down" in line]
