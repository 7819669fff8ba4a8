"""Keys, tiers and budgets, as official clients meet them."""

import asyncio
import hashlib
import json
import os
import signal
import time
import urllib.error
import urllib.request

import openai
import pytest
import websockets

import harness
import live

TIERS = [{"name": "free", "depth_ceiling": 1, "streams": 1, "requests_per_minute": 600},
         {"name": "rare", "requests_per_minute": 1},
         {"name": "gold", "priority": 3, "depth_floor": 2}]


def write_keys(path, **tiers_of_keys):
    keys = [{"sha256": hashlib.sha256(key.encode()).hexdigest(), "tier": tier}
            for key, tier in tiers_of_keys.items()]
    path.write_text(json.dumps({"tiers": TIERS, "keys": keys}))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    write_keys(path, sk_free="free", sk_rare="rare", sk_gold="gold")
    return path


@pytest.fixture(scope="module")
def guarded(keys):
    with harness.Daemon("--keys", keys) as running:
        yield running


def client(daemon, key):
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key=key, max_retries=0)


def transcribe(daemon, key, clip, **extra):
    return client(daemon, key).audio.transcriptions.create(model="foldscribe", file=clip.path, extra_body=extra)


def connect(daemon, headers=None, subprotocols=None, **query):
    words = "&".join(f"{k}={v}" for k, v in {**live.QUERY, **query}.items())
    return websockets.connect(f"{daemon.ws}/v1/listen?{words}", compression=None, additional_headers=headers,
                              subprotocols=subprotocols)


def refusal(daemon, *args, **query):
    async def attempt():
        async with connect(daemon, *args, **query):
            pass
    with pytest.raises(websockets.InvalidStatus) as caught:
        asyncio.run(attempt())
    response = caught.value.response
    return response.status_code, json.loads(response.body), response.headers


def test_openai_clients_see_a_wrong_key_as_an_authentication_error(guarded, clip):
    with pytest.raises(openai.AuthenticationError) as caught:
        transcribe(guarded, "sk_wrong", clip)
    assert caught.value.code == "invalid_api_key" and "sk_wrong" not in str(caught.value)


def test_a_key_gives_its_tier_and_may_step_down(guarded, clip, deepest):
    free, gold = transcribe(guarded, "sk_free", clip), transcribe(guarded, "sk_gold", clip)
    assert (free.depth["used"], free.depth["reason"]) == (1, "tier")
    assert (gold.depth["used"], gold.depth["reason"]) == (deepest, "tier")
    assert transcribe(guarded, "sk_gold", clip, tier="free").depth["used"] == 1
    assert transcribe(guarded, "sk_gold", clip, depth=1).depth["used"] == 2  # its floor
    with pytest.raises(openai.BadRequestError) as caught:
        transcribe(guarded, "sk_free", clip, tier="gold")
    assert caught.value.param == "tier" and "free" in str(caught.value)


def test_more_requests_than_a_minute_allows_are_told_when_to_come_again(guarded, clip):
    transcribe(guarded, "sk_rare", clip)
    with pytest.raises(openai.RateLimitError) as caught:
        transcribe(guarded, "sk_rare", clip)
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60


def test_live_streams_need_a_key_too_in_a_header_or_a_subprotocol(guarded):
    async def hello(**how):
        async with connect(guarded, **how) as socket:
            await live.say(socket, "CloseStream")
            messages = [json.loads(m) async for m in socket]
            return messages[-1]["type"], socket.subprotocol
    assert refusal(guarded)[0] == 401
    status, body, headers = refusal(guarded, {"Authorization": "Token sk_wrong"})
    assert (status, body["err_code"]) == (401, "INVALID_AUTH") and headers["dg-error"]
    for scheme in ("Token", "Bearer"):
        assert asyncio.run(hello(headers={"Authorization": f"{scheme} sk_gold"})) == ("Metadata", None)
    assert asyncio.run(hello(subprotocols=["token", "sk_gold"])) == ("Metadata", "token")
    assert refusal(guarded, None, ["token", "sk_wrong"])[0] == 401


def test_a_keys_streams_are_counted_while_they_last(guarded):
    async def two():
        async with connect(guarded, {"Authorization": "Token sk_free"}):
            return await asyncio.to_thread(refusal, guarded, {"Authorization": "Token sk_free"})
    status, body, _ = asyncio.run(two())
    assert status == 429 and "1 live streams" in body["err_msg"]

    async def again():
        for _ in range(1000):
            try:
                async with connect(guarded, {"Authorization": "Token sk_free"}):
                    return True
            except websockets.InvalidStatus:
                await asyncio.sleep(0.05)
        return False
    assert asyncio.run(again())


def test_a_budget_takes_what_fits_and_every_answer_says_what_it_took(daemon, clip, deepest):
    key = "any"
    roomy = transcribe(daemon, key, clip, latency_ms=3600000).depth
    tight = transcribe(daemon, key, clip, latency_ms=1).depth
    assert (roomy["used"], roomy["budget_ms"]) == (deepest, 3600000)
    assert (tight["used"], tight["reason"], tight["budget_ms"]) == (1, "budget", 1)
    assert tight["actual_ms"] > 1 and tight["predicted_ms"] > 1
    for absurd in ("0", "-1", "1e3", "1e300", "999999999999", "soon", ""):
        with pytest.raises(openai.BadRequestError) as caught:
            transcribe(daemon, key, clip, latency_ms=absurd)
        assert caught.value.param == "latency_ms"
    assert refusal(daemon, latency_ms="soon")[0] == 400
    assert refusal(daemon, tier="gold")[0] == 400
    heard = asyncio.run(live.stream(daemon, clip.pcm(), latency_ms=1))
    assert {(m["depth"]["used"], m["depth"]["reason"]) for m in heard.results(final=True)} <= {(1, "budget")}


def test_the_file_is_read_again_and_a_broken_one_is_not(tmp_path, clip):
    path = tmp_path / "keys.json"
    write_keys(path, sk_one="free")
    with harness.Daemon("--keys", path) as running:
        write_keys(path, sk_two="free")
        running.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 60
        while "keys=1" not in running.said().split("keys file read")[-1] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert transcribe(running, "sk_two", clip).text
        with pytest.raises(openai.AuthenticationError):
            transcribe(running, "sk_one", clip)
        path.write_text("{")
        running.process.send_signal(signal.SIGHUP)
        while "keys file refused" not in running.said() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "keys file refused" in running.said()
        path.unlink()
        assert transcribe(running, "sk_two", clip).text


def test_nobody_is_served_beyond_this_machine_without_keys_or_a_word(tmp_path):
    where = f"0.0.0.0:{harness.free_port()}"
    start = ["--listen", where, "--model", harness.seed()]
    done = harness.run(*start)
    assert done.returncode == 1 and "--open 1" in done.stderr and "--keys" in done.stderr
    broken = tmp_path / "keys.json"
    broken.write_text('{"tiers": [{"name": "a", "depth_floor": 99}], "keys": []}')
    done = harness.run(*start, "--keys", broken)
    assert done.returncode == 1 and "depth_floor" in done.stderr


def test_what_fits_is_said(deepest):
    # A daemon that has heard nothing: writing is learned by depth, and a few sentences give it no order.
    with harness.Daemon() as fresh, urllib.request.urlopen(fresh.url + "/v1/capacity") as answer:
        said = json.load(answer)
    assert [d["depth"] for d in said["depths"]] == list(range(1, deepest + 1))
    costs = [d["compute_ms_per_audio_second"] for d in said["depths"]]
    assert costs == sorted(costs) and costs[0] > 0
    assert said["load"]["policy"] == "fixed" and said["load"]["level"] == 0


def test_realtime_sessions_need_a_key_and_an_ephemeral_one_stands_for_its_owner(guarded):
    async def first(key):
        async with websockets.connect(f"{guarded.ws}/v1/realtime?intent=transcription", compression=None,
                                      subprotocols=["realtime", f"openai-insecure-api-key.{key}"]) as socket:
            return json.loads(await socket.recv())["type"]
    for wrong in ("sk_wrong", "ek_0123456789abcdef0123456789abcdef"):
        with pytest.raises(websockets.InvalidStatus) as caught:
            asyncio.run(first(wrong))
        assert caught.value.response.status_code == 401
    assert asyncio.run(first("sk_gold")) == "session.created"
    secret = client(guarded, "sk_gold").realtime.client_secrets.create(session={"type": "transcription"}).value
    assert secret.startswith("ek_") and asyncio.run(first(secret)) == "session.created"
    with pytest.raises(openai.AuthenticationError):
        client(guarded, "sk_wrong").realtime.client_secrets.create(session={"type": "transcription"})


def test_channels_of_their_own_are_streams_of_their_own(guarded):
    status, body, _ = refusal(guarded, {"Authorization": "Token sk_free"}, channels=8, multichannel="true")
    assert status == 429 and "each channel is one" in body["err_msg"]

    async def together():
        async with connect(guarded, {"Authorization": "Token sk_gold"}, channels=8, multichannel="true") as s:
            await live.say(s, "CloseStream")
            async for _ in s:
                pass
            return s.close_code

    assert asyncio.run(together()) == 1000


def test_one_key_does_not_take_all_ephemeral_keys(guarded):
    def issue(key):
        request = urllib.request.Request(guarded.url + "/v1/realtime/client_secrets", data=b"{}",
                                         headers={"Authorization": f"Bearer {key}"})
        try:
            with urllib.request.urlopen(request) as got:
                return got.status
        except urllib.error.HTTPError as error:
            return error.code

    given = [issue("sk_gold") for _ in range(120)]
    assert given.count(200) <= 100 and given[-1] == 429
    assert issue("sk_free") == 200


def test_a_key_that_is_taken_out_ends_its_streams(tmp_path, clip):
    path = tmp_path / "keys.json"
    write_keys(path, sk_stays="gold", sk_goes="gold")
    with harness.Daemon("--keys", path) as daemon:
        async def talk():
            async with connect(daemon, {"Authorization": "Token sk_goes"}) as goes, \
                    connect(daemon, {"Authorization": "Token sk_stays"}) as stays:
                write_keys(path, sk_stays="gold")
                began = time.monotonic()
                with pytest.raises(websockets.ConnectionClosed):
                    while True:
                        await asyncio.wait_for(goes.recv(), 10)
                assert goes.close_code == 1008 and "key" in goes.close_reason and time.monotonic() - began < 8
                heard = live.Heard()
                listening = asyncio.create_task(live.listen(stays, heard))
                await live.speak(stays, clip.pcm(), pace=20)
                await live.say(stays, "CloseStream")
                await listening
                return heard

        assert asyncio.run(talk()).text()


@pytest.mark.parametrize("path", ["/metrics", "/v1/models", "/v1/models/foldscribe", "/v1/capacity", "/v1/status"])
def test_pages_that_tell_something_need_a_key(guarded, path):
    def get(daemon, **headers):
        try:
            with urllib.request.urlopen(urllib.request.Request(daemon.url + path, headers=headers)) as got:
                return got.status, got.headers
        except urllib.error.HTTPError as error:
            assert json.load(error)["error"]["code"] == "invalid_api_key"
            return error.code, error.headers

    status, headers = get(guarded)
    assert status == 401 and headers["WWW-Authenticate"] and headers["x-request-id"]
    assert get(guarded, Authorization="Bearer sk_wrong")[0] == 401
    assert get(guarded, Authorization="Bearer sk_rare")[0] == 200
    assert [guarded.status(open_to_all) for open_to_all in ("/healthz", "/readyz", "/")] == [200, 200, 200]


def test_public_says_what_needs_no_key(keys):
    with harness.Daemon("--keys", keys, "--public", "metrics,models") as daemon:
        assert [daemon.status(p) for p in ("/metrics", "/v1/models", "/v1/capacity")] == [200, 200, 401]


def test_many_keys_and_a_pipe_hold_nobody_up(tmp_path, clip):
    path = tmp_path / "keys.json"
    write_keys(path, sk_one="gold")
    with harness.Daemon("--keys", path) as daemon:
        for round_ in range(2):
            new = tmp_path / "new.json"
            write_keys(new, sk_one="gold", **{f"k{round_}-{i}": "gold" for i in range(60000)})
            new.replace(path)
            worst, until = 0.0, time.monotonic() + 4
            while time.monotonic() < until:
                began = time.monotonic()
                assert daemon.status("/healthz") == 200
                worst = max(worst, time.monotonic() - began)
            assert worst < 1.5, "nobody waits for the file"
        path.unlink()
        os.mkfifo(path)
        time.sleep(2)
        assert daemon.status("/healthz") == 200 and transcribe(daemon, "sk_one", clip).text
