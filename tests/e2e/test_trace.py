"""Whoever follows a request through their systems finds it in the log, and what it makes others do bears its trace."""

import asyncio
import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import openai
import websockets

import harness

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


class Other(BaseHTTPRequestHandler):
    """Has a recording, and takes a callback."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.seen.append(self.headers["traceparent"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.recording)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(self.headers["traceparent"])
        self.send_response(204)
        self.end_headers()
        self.server.called.set()


def test_every_log_line_of_a_request_and_all_that_it_asks_of_others_bear_its_trace(clip):
    other = HTTPServer(("127.0.0.1", 0), Other)
    other.seen, other.called, other.recording = [], threading.Event(), clip.path.read_bytes()
    threading.Thread(target=other.serve_forever, daemon=True).start()
    there = f"http://127.0.0.1:{other.server_address[1]}"

    async def stream(daemon):
        query = f"encoding=linear16&sample_rate={harness.RATE}"
        async with websockets.connect(f"{daemon.ws}/v1/listen?{query}", additional_headers=HEADER) as socket:
            await socket.send(json.dumps({"type": "CloseStream"}))
            async for _ in socket:
                pass

    with harness.Daemon("--log-format", "json", "--fetch", "127.0.0.1") as daemon:
        client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="any")
        client.audio.transcriptions.create(model="foldscribe", file=clip.path, extra_headers=HEADER)
        list(client.audio.transcriptions.create(model="foldscribe", file=clip.path, stream=True, extra_headers=HEADER))
        client.audio.transcriptions.create(model="foldscribe", file=clip.path)
        asked = urllib.request.Request(f"{daemon.url}/v1/listen?callback={there}/", json.dumps({"url": there}).encode(),
                                       {"Content-Type": "application/json", **HEADER})
        name = json.load(urllib.request.urlopen(asked))["request_id"]
        assert other.called.wait(60)
        asyncio.run(stream(daemon))
        daemon.terminate()
        daemon.wait()
        lines = [json.loads(line) for line in daemon.said().splitlines()]
    other.shutdown()
    traced = [line["event"] for line in lines if line.get("trace") == TRACE]
    assert sorted(traced) == sorted(["transcribed"] * 3 + ["called back", "stream opened", "stream ended"])
    assert sum(line["event"] == "transcribed" for line in lines) == 4, "one had no trace"
    assert other.seen == [f"00-{TRACE}-{name.replace('-', '')[:16]}-01"] * 2
