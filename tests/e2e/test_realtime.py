"""Realtime transcription: OpenAI's own Python client over a plain ws address, and the events byte by byte.

The official JavaScript client always uses wss, so it needs TLS in front: see test_node.py.
"""

import asyncio
import base64
import json
import urllib.error
import urllib.request

import openai
import pytest
import websockets

import harness

SECOND = 2 * harness.RATE
T = "conversation.item.input_audio_transcription."


@pytest.fixture(scope="module")
def client(daemon):
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="any", max_retries=0)


def pcm24(clip):
    return harness.sox(clip.path, "-t", "s16", "-r", 24000, "-c", 1, "-")


def connect(daemon, query="?intent=transcription", **options):
    return websockets.connect(f"{daemon.ws}/v1/realtime{query}", max_size=None, **options)


async def say(socket, kind, **fields):
    await socket.send(json.dumps({"type": kind, **fields}))


async def hear(socket, until):
    """Events up to one of this type."""
    events = []
    while not events or events[-1]["type"] != until:
        events.append(json.loads(await asyncio.wait_for(socket.recv(), 60)))
    return events


async def append(socket, pcm, step=9600):
    for at in range(0, len(pcm), step):
        await say(socket, "input_audio_buffer.append", audio=base64.b64encode(pcm[at:at + step]).decode())


def of(events, kind):
    return [e for e in events if e["type"] == kind]


def session(turns, **input):
    return {"type": "transcription", "audio": {"input": {"turn_detection": turns, **input}}}


def test_the_official_client_commits_and_reads_what_was_said(client, clip):
    with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session={"type": "transcription", "audio": {"input": {
            "format": {"type": "audio/pcm", "rate": 24000}, "transcription": {"model": "whisper-1"},
            "turn_detection": None}}})
        updated = connection.recv()
        assert updated.type == "session.updated" and updated.session.audio.input.turn_detection is None
        pcm = pcm24(clip)
        for at in range(0, len(pcm), 48000):
            connection.input_audio_buffer.append(audio=base64.b64encode(pcm[at:at + 48000]).decode())
        connection.input_audio_buffer.commit()
        seen = {}
        for event in connection:
            seen.setdefault(event.type, []).append(event)
            if event.type == T + "completed":
                break
    done = seen[T + "completed"][0]
    assert harness.word_error_rate([(clip.text, done.transcript)]) < 0.5
    assert "".join(e.delta for e in seen[T + "delta"]) == done.transcript
    assert seen["input_audio_buffer.committed"][0].item_id == done.item_id
    assert done.usage.type == "duration" and done.usage.seconds == pytest.approx(clip.seconds(), abs=0.05)


def test_a_voice_is_told_committed_and_completed_in_order(daemon, clips):
    async def talk():
        async with connect(daemon) as socket:
            created = (await hear(socket, "session.created"))[0]
            await append(socket, pcm24(clips[1]) + bytes(72000) + pcm24(clips[2]) + bytes(72000))
            first = await hear(socket, T + "completed")
            return created, first, await hear(socket, T + "completed")

    created, first, second = asyncio.run(talk())
    assert created["session"]["type"] == "transcription" and created["session"]["id"].startswith("sess_")
    assert created["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    ids = []
    for clip, events in zip(clips[1:3], (first, second)):
        kinds = [e["type"] for e in events if not e["type"].startswith("foldscribe.")]
        core = [k for k in kinds if k != T + "delta"]
        assert core == ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped",
                        "input_audio_buffer.committed", "conversation.item.added", "conversation.item.done",
                        T + "completed"]
        item = events[-1]["item_id"]
        assert all(e.get("item_id", item) == item for e in events)
        assert of(events, "conversation.item.done")[0]["item"]["id"] == item
        assert "".join(e["delta"] for e in of(events, T + "delta")) == events[-1]["transcript"]
        assert harness.word_error_rate([(clip.text, events[-1]["transcript"])]) < 0.5
        assert events[-1]["depth"]["used"] >= 1
        ids.append(item)
    assert of(first, "input_audio_buffer.committed")[0]["previous_item_id"] is None
    assert of(second, "input_audio_buffer.committed")[0]["previous_item_id"] == ids[0]
    assert of(second, "input_audio_buffer.speech_started")[0]["audio_start_ms"] > 1000 * clips[1].seconds()
    events = [e["event_id"] for e in [created, *first, *second]]
    assert len(set(events)) == len(events)


def test_settled_words_are_told_while_somebody_speaks_and_never_taken_back(daemon, clips):
    pcm = clips[1].pcm() + clips[2].pcm()

    async def talk():
        async with connect(daemon) as socket:
            await say(socket, "session.update", session=session(None, format={"type": "audio/pcm", "rate": 16000}))
            for at in range(0, len(pcm), 3200):
                await append(socket, pcm[at:at + 3200])
                await asyncio.sleep(0.05)
            await say(socket, "input_audio_buffer.commit")
            return await hear(socket, T + "completed")

    events = asyncio.run(talk())
    kinds = [e["type"] for e in events]
    early = of(events[:kinds.index("input_audio_buffer.committed")], T + "delta")
    assert len(early) >= 2, kinds
    text, item = "".join(e["delta"] for e in of(events, T + "delta")), events[-1]["item_id"]
    assert all(e["item_id"] == item for e in of(events, T + "delta"))
    assert harness.word_error_rate([(events[-1]["transcript"], text)]) < 0.1
    assert events[-1]["transcript"].startswith(early[0]["delta"])


def test_two_commits_in_a_row_are_two_items(daemon, clips):
    async def talk():
        async with connect(daemon) as socket:
            await say(socket, "session.update", session=session(None, format={"type": "audio/pcm", "rate": 16000}))
            for clip in clips[:2]:
                await append(socket, clip.pcm())
                await say(socket, "input_audio_buffer.commit")
            return await hear(socket, T + "completed") + await hear(socket, T + "completed")

    events = asyncio.run(talk())
    done = of(events, T + "completed")
    assert [e["item_id"] for e in done] == [e["item_id"] for e in of(events, "input_audio_buffer.committed")]
    for clip, event in zip(clips, done):
        assert harness.word_error_rate([(clip.text, event["transcript"])]) < 0.6


def test_what_is_cleared_is_not_told(daemon, clips):
    async def talk():
        async with connect(daemon) as socket:
            await say(socket, "session.update", session=session(None, format={"type": "audio/pcm", "rate": 16000}))
            await append(socket, clips[0].pcm())
            await say(socket, "input_audio_buffer.clear")
            await append(socket, clips[1].pcm())
            await say(socket, "input_audio_buffer.commit")
            events = await hear(socket, T + "completed")
            await say(socket, "conversation.item.retrieve", item_id=events[-1]["item_id"])
            events += await hear(socket, "conversation.item.retrieved")
            await say(socket, "conversation.item.delete", item_id=events[-1]["item"]["id"])
            return events + await hear(socket, "conversation.item.deleted")

    events = asyncio.run(talk())
    assert len(of(events, "input_audio_buffer.cleared")) == 1 and len(of(events, T + "completed")) == 1
    done = of(events, T + "completed")[0]
    assert harness.word_error_rate([(clips[1].text, done["transcript"])]) < 0.6
    assert events[-2]["item"]["content"][0]["transcript"] == done["transcript"]


def test_settings_may_change_in_the_middle_of_everything(daemon, clips):
    async def talk():
        async with connect(daemon, "?model=foldscribe@1") as socket:
            await append(socket, pcm24(clips[1]) + bytes(72000))
            first = await hear(socket, T + "completed")
            await say(socket, "session.update", session=session(None, format={"type": "audio/pcmu"}, transcription={
                "model": "foldscribe", "delay": "xhigh", "keywords": ["Hawkeye"]}))
            telephone = harness.sox(clips[2].path, "-t", "raw", "-e", "mu-law", "-r", 8000, "-c", 1, "-")
            await append(socket, telephone, 8000)
            await say(socket, "input_audio_buffer.commit")
            return first, await hear(socket, T + "completed")

    first, second = asyncio.run(talk())
    assert first[-1]["depth"]["used"] == 1 and second[-1]["depth"]["used"] > 1
    assert harness.word_error_rate([(clips[2].text, second[-1]["transcript"])]) < 0.7
    input = of(second, "session.updated")[0]["session"]["audio"]["input"]
    assert input["format"] == {"type": "audio/pcmu"} and input["turn_detection"] is None
    assert input["transcription"] == {"model": "foldscribe", "delay": "xhigh", "keywords": ["Hawkeye"]}


def test_keywords_are_favoured_and_a_prompt_does_no_harm(daemon, clips):
    """A prompt's words count for less than keywords do (OPENAI_PROMPT_WEIGHT): whether one changes depends on the CPU."""
    clips = [c for c in clips if any(word in c.text for word in ("PRECIEUSES", "THEE", "BOOLOOROO"))]

    async def transcribe(**transcription):
        async with connect(daemon) as socket:
            await say(socket, "session.update", session=session(None, format={"type": "audio/pcm", "rate": 16000},
                                                                transcription=transcription))
            for clip in clips:
                await append(socket, clip.pcm())
                await say(socket, "input_audio_buffer.commit")
            return [(await hear(socket, T + "completed"))[-1]["transcript"] for _ in clips]

    def errors(texts):
        return harness.word_error_rate(list(zip([c.text for c in clips], texts)))

    plain = errors(asyncio.run(transcribe(prompt="")))
    assert errors(asyncio.run(transcribe(prompt="Trot met the Boolooroo."))) <= plain < 0.5
    assert errors(asyncio.run(transcribe(keywords=["Trot", "thee"]))) < plain


def test_the_beta_speaks_flat(daemon, clip):
    async def talk():
        async with connect(daemon, additional_headers={"OpenAI-Beta": "realtime=v1"}) as socket:
            events = await hear(socket, "transcription_session.created")
            await say(socket, "transcription_session.update", session={
                "input_audio_format": "pcm16", "input_audio_transcription": {"model": "whisper-1", "language": "en"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
                "include": ["item.input_audio_transcription.logprobs"]})
            events += await hear(socket, "transcription_session.updated")
            await append(socket, pcm24(clip) + bytes(72000))
            return events + await hear(socket, T + "completed")

    events = asyncio.run(talk())
    updated = of(events, "transcription_session.updated")[0]["session"]
    assert updated["input_audio_format"] == "pcm16" and updated["turn_detection"]["silence_duration_ms"] == 400
    assert of(events, "conversation.item.created")
    assert "".join(p["token"] for p in events[-1]["logprobs"]) == events[-1]["transcript"]


@pytest.mark.parametrize("message, code, param", [
    ("{", "invalid_json", None), ("[]", "invalid_json", None), ("{}", "missing_required_parameter", "type"),
    ('{"type":"response.create"}', "unknown_event", "type"),
    ('{"type":"input_audio_buffer.append"}', "missing_required_parameter", "audio"),
    ('{"type":"input_audio_buffer.append","audio":"=x=="}', "invalid_value", "audio"),
    ('{"type":"input_audio_buffer.append","audio":7}', "missing_required_parameter", "audio"),
    ('{"type":"input_audio_buffer.commit"}', "input_audio_buffer_commit_empty", None),
    ('{"type":"session.update"}', "invalid_type", "session"),
    ('{"type":"session.update","session":{"audio":{"input":{"format":{"type":"audio/mp3"}}}}}', "invalid_value",
     "session.audio.input.format"),
    ('{"type":"session.update","session":{"audio":{"input":{"turn_detection":{"threshold":7}}}}}', "invalid_value",
     "session.audio.input.turn_detection"),
    ('{"type":"conversation.item.retrieve","item_id":"x"}', "item_not_found", None),
    (json.dumps({"type": "session.update", "session": {f"k{i}": i for i in range(10000)}}), None, None),
    (b"\x00\x01", "invalid_message", None),
])
def test_a_wrong_event_is_an_error_and_the_session_goes_on(daemon, message, code, param):
    async def talk():
        async with connect(daemon) as socket:
            await hear(socket, "session.created")
            await socket.send(message)
            got = json.loads(await asyncio.wait_for(socket.recv(), 20))
            await say(socket, "input_audio_buffer.clear", event_id="mine")
            assert (await hear(socket, "input_audio_buffer.cleared"))
            return got

    got = asyncio.run(talk())
    if code is None:
        assert got["type"] == "session.updated"
    else:
        assert got["type"] == "error" and got["error"]["message"], got
        assert (got["error"]["code"], got["error"]["param"]) == (code, param)


def test_an_error_names_the_event_that_was_wrong(daemon):
    async def talk():
        async with connect(daemon) as socket:
            await hear(socket, "session.created")
            await say(socket, "input_audio_buffer.commit", event_id="mine")
            return json.loads(await socket.recv())

    assert asyncio.run(talk())["error"]["event_id"] == "mine"


def post(daemon, path, body):
    request = urllib.request.Request(daemon.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def test_a_browser_opens_a_session_with_an_ephemeral_key(daemon, client):
    secret = client.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 60},
        session={"type": "transcription", "audio": {"input": {"turn_detection": None}}})
    assert secret.value.startswith("ek_") and secret.session.type == "transcription"

    async def talk(value):
        async with connect(daemon, subprotocols=["realtime", f"openai-insecure-api-key.{value}"]) as socket:
            assert socket.subprotocol == "realtime"
            return (await hear(socket, "session.created"))[0]["session"]

    assert asyncio.run(talk(secret.value))["audio"]["input"]["turn_detection"] is None
    beta = post(daemon, "/v1/realtime/transcription_sessions", {"input_audio_format": "g711_ulaw"})
    assert beta["client_secret"]["value"].startswith("ek_") and beta["input_audio_format"] == "g711_ulaw"
    with pytest.raises(websockets.InvalidStatus) as caught:
        asyncio.run(talk("ek_nonsense"))
    assert caught.value.response.status_code == 401
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(daemon, "/v1/realtime/client_secrets", {"session": {"audio": {"input": {"format": {"type": "x"}}}}})
    assert refused.value.code == 400


def test_silence_is_never_an_item(daemon):
    async def talk():
        async with connect(daemon) as socket:
            await hear(socket, "session.created")
            await append(socket, bytes(48000 * 4), 48000)
            await say(socket, "input_audio_buffer.clear")
            return await hear(socket, "input_audio_buffer.cleared")

    assert [e["type"] for e in asyncio.run(talk())] == ["input_audio_buffer.cleared"]
