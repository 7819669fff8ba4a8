"""One rule for names, languages and parameters in every dialect: what a request asks for is done, refused by name,
or answered with a warning that names it."""

import asyncio
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request

import pytest
import websockets

import harness
import live

NAMES = ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper-large-v3", "nova-3", "nova-2-general"]
UNTOLD = "diarize: speakers are not told apart"


def get(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def post(url, body, **headers):
    """(status, headers, text)"""
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read().decode()


def transcribe(daemon, clip, path="/v1/audio/transcriptions", **fields):
    head = "".join(f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                   for name, value in {"model": "foldscribe", **fields}.items())
    body = (head + '--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n').encode()
    return post(daemon.url + path, body + clip.path.read_bytes() + b"\r\n--B--\r\n",
                **{"Content-Type": "multipart/form-data; boundary=B"})


def listen(daemon, clip, path="/v1/listen", **query):
    return post(f"{daemon.url}{path}?{urllib.parse.urlencode(query)}", clip.path.read_bytes(),
                **{"Content-Type": "audio/flac"})


def upgrade(daemon, path):
    """Status and body of the answer to an upgrade request."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)
    connection.request("GET", path, headers={
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
    answer = connection.getresponse()
    try:
        return answer.status, answer.read().decode() if answer.status != 101 else ""
    finally:
        connection.close()


async def talk(daemon, path, *messages):
    """What is said back to each message -> list of JSON."""
    async with websockets.connect(daemon.ws + path) as socket:
        said = [json.loads(await socket.recv())] if path.startswith("/v1/realtime") else []
        for message in messages:
            await socket.send(message if isinstance(message, bytes) else json.dumps(message))
            said.append(json.loads(await asyncio.wait_for(socket.recv(), 20)))
        return said


@pytest.mark.parametrize("name", NAMES)
def test_names_of_stock_clients_are_aliases_everywhere(daemon, clip, name):
    assert transcribe(daemon, clip, model=name)[0] == 200
    assert listen(daemon, clip, model=name)[0] == 200
    assert upgrade(daemon, f"/v1/listen?model={name}")[0] == 101
    assert upgrade(daemon, f"/v1/realtime?model={name}")[0] == 101
    config = {"config": {"sample_rate": harness.RATE, "model": name}}
    assert asyncio.run(vosk_reply(daemon, config)) == {"partial": ""}


async def vosk_reply(daemon, config):
    async with websockets.connect(daemon.ws + "/") as socket:
        await socket.send(json.dumps(config))
        await socket.send(bytes(3200))
        return json.loads(await asyncio.wait_for(socket.recv(), 20))


def test_unknown_names_are_refused_with_the_list_everywhere(daemon, clip):
    status, _, body = transcribe(daemon, clip, model="gpt-9")
    assert status == 404 and json.loads(body)["error"]["code"] == "model_not_found" and "nova*" in body
    status, headers, body = listen(daemon, clip, model="gpt-9")
    assert status == 400 and "nova*" in json.loads(body)["err_msg"] and "nova*" in headers["dg-error"]
    for path in ("/v1/listen", "/v1/realtime"):
        status, body = upgrade(daemon, path + "?model=gpt-9")
        assert status == (400 if path == "/v1/listen" else 404) and "nova*" in body
    update = {"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "gpt-9"}}}}}
    error = asyncio.run(talk(daemon, "/v1/realtime", update))[1]["error"]
    assert error["code"] == "model_not_found" and "nova*" in error["message"]
    with pytest.raises(websockets.ConnectionClosed) as closed:
        asyncio.run(vosk_reply(daemon, {"config": {"model": "gpt-9"}}))
    assert closed.value.rcvd.reason.startswith("the model 'gpt-9' does not exist: use foldscribe")


def test_an_alias_of_the_operator_has_its_depth_and_is_listed(clip, deepest):
    with harness.Daemon("--alias", "quick=foldscribe@1", "--alias", "best=quick@2,whisper-1=quick") as daemon:
        models = {m["id"]: m for m in get(daemon.url + "/v1/models")["data"]}
        assert models["quick"]["depth"] == {"min": 1, "max": deepest, "default": 1}
        assert models["best"]["depth"]["default"] == 2 and models["nova-3"]["alias_of"] == harness.seed().stem
        assert get(daemon.url + "/v1/models/best/")["id"] == "best"
        for name, depth in (("quick", 1), ("best", 2), ("whisper-1", 1), (f"quick@{deepest}", deepest)):
            assert json.loads(transcribe(daemon, clip, model=name)[2])["depth"]["used"] == depth
            answer = json.loads(listen(daemon, clip, model=name)[2])
            assert answer["metadata"]["depth"]["used"] == depth


@pytest.mark.parametrize("aliases, says", [
    ("a=b,b=a", "circle"), ("a=gpt-9", "there is no model of that name: there are foldscribe"),
    ("a=foldscribe@9", "depths 1 to"), ("a", "expected NAME=MODEL")])
def test_an_alias_that_leads_nowhere_ends_the_start(aliases, says):
    ended = harness.run("--model", harness.seed(), "--alias", aliases)
    assert ended.returncode != 0 and says in ended.stderr


@pytest.mark.parametrize("name, value", [
    ("redact", "pci"), ("detect_language", "true"), ("language", "de"), ("language", "multi"), ("languages[]", "fr")])
def test_what_protects_or_chooses_is_refused_by_name(daemon, clip, name, value):
    status, _, body = transcribe(daemon, clip, **{name: value})
    assert status == 400 and json.loads(body)["error"]["param"] == name.removesuffix("[]")
    if name != "languages[]":
        for status, body in (listen(daemon, clip, **{name: value})[::2],
                             upgrade(daemon, f"/v1/listen?{name}={value}")):
            assert status == 400 and name in json.loads(body)["err_msg"]


def test_what_would_enrich_is_answered_with_warnings_that_name_it(daemon, clip):
    status, headers, body = transcribe(daemon, clip, diarize="true", summarize="v2", colour="blue", language="auto")
    assert status == 200 and UNTOLD in headers["x-warnings"]
    assert [w.split(":")[0] for w in json.loads(body)["warnings"]] == ["diarize", "summarize", "colour", "language"]
    for form in ("text", "srt", "vtt"):
        status, headers, body = transcribe(daemon, clip, diarize="true", response_format=form)
        assert status == 200 and headers["x-warnings"] == UNTOLD and "diarize" not in body
    status, _, body = listen(daemon, clip, diarize="True", topics="1", sentiment="false", interim_results="true")
    assert status == 200
    assert [w["parameter"] for w in json.loads(body)["metadata"]["warnings"]] == ["diarize", "topics", "interim_results"]
    assert transcribe(daemon, clip)[1]["x-warnings"] is None


def test_live_streams_are_told_too(daemon, clip):
    heard = asyncio.run(live.stream(daemon, clip.pcm(), pace=20, diarize="true", utterances="true", tag="mine"))
    first, last = heard.results()[0]["metadata"], heard.metadata()
    for metadata in (first, last):
        assert [w["parameter"] for w in metadata["warnings"]] == ["diarize", "utterances"]
        assert metadata["tags"] == ["mine"]
    assert "warnings" not in heard.results()[1]["metadata"]
    update = {"type": "session.update", "session": {"type": "transcription", "colour": "blue"}}
    said = asyncio.run(talk(daemon, "/v1/realtime?model=gpt-realtime", update))
    assert said[0]["session"]["warnings"] == ["model: what is heard is transcribed, not answered"]
    assert said[1]["session"]["warnings"] == ["session.colour: this server knows no such parameter"]
    refused = asyncio.run(talk(daemon, "/v1/realtime", {"type": "session.update", "session": {"type": "realtime"}}))
    assert refused[1]["error"]["param"] == "session.type"
    reply = asyncio.run(vosk_reply(daemon, {"config": {"sample_rate": harness.RATE, "diarize": True}}))
    assert reply == {"partial": "", "warnings": ["config." + UNTOLD]}


def test_programs_write_booleans_numbers_and_languages_in_their_own_way(daemon, clip):
    assert json.loads(transcribe(daemon, clip, language="eng")[2])["text"]
    assert "transcript.text.done" in transcribe(daemon, clip, stream="True", language="null")[2]
    status, _, body = listen(daemon, clip, punctuate="True", utterances="1", language="en-GB")
    assert status == 200 and json.loads(body)["results"]["utterances"]
    assert upgrade(daemon, "/v1/listen?endpointing=0&interim_results=1&utterance_end_ms=0")[0] == 101
    body = post(f"{daemon.url}/v1/listen?tag=one&tag=two&extra=order:7", clip.path.read_bytes())[2]
    metadata = json.loads(body)["metadata"]
    assert metadata["tags"] == ["one", "two"] and metadata["extra"] == {"order": "7"}


def test_slashes_that_a_program_doubled_lead_to_the_same_place(daemon, clip):
    assert transcribe(daemon, clip, path="//v1/audio//transcriptions/")[0] == 200
    assert listen(daemon, clip, path="/v1/listen/")[0] == 200
    assert get(daemon.url + "//v1/models/")["object"] == "list"
    for path in ("//v1/listen/?model=nova-3", "/v1//realtime/", "//", "/vosk/"):
        assert upgrade(daemon, path)[0] == 101


def test_english_is_translated_into_itself(daemon, clip):
    status, _, body = transcribe(daemon, clip, path="/v1/audio/translations", response_format="verbose_json")
    answer = json.loads(body)
    assert status == 200 and answer["task"] == "translate"
    assert answer["text"] == json.loads(transcribe(daemon, clip)[2])["text"]
