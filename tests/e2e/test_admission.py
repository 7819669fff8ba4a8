"""What a full server promises: who comes when it is idle is never refused, and Retry-After is what the queue takes."""

import asyncio
import http.client
import threading
import time

import pytest
import websockets

import harness
import live


def post(daemon, data):
    """(status, Retry-After)"""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=120)
    connection.request("POST", "/v1/listen?depth=1", data)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("Retry-After")


def test_a_burst_leaves_no_refusals_behind(clip):
    data = clip.path.read_bytes()
    with harness.Daemon("--max-batch", 8, "--workers", 2) as daemon:
        answers = []
        burst = [threading.Thread(target=lambda: answers.append(post(daemon, data))) for _ in range(60)]
        for b in burst:
            b.start()
        for b in burst:
            b.join()
        refused = [retry for status, retry in answers if status == 429]
        assert refused and all(1 <= int(retry) <= 120 for retry in refused)
        assert [post(daemon, data)[0] for _ in range(25)] == [200] * 25


def test_retry_after_is_when_a_place_is_free(clips):
    data = harness.wav(b"".join(c.pcm() for c in clips) * 2)
    with harness.Daemon("--max-batch", 1, "--workers", 1) as daemon:
        post(daemon, data)  # it learns how long one takes
        ratios = []
        for _ in range(3):
            holder = threading.Thread(target=post, args=(daemon, data))
            holder.start()
            time.sleep(0.2)
            began = time.monotonic()
            status, retry = post(daemon, data[:44])
            assert status == 429
            holder.join()
            ratios.append(float(retry) / max(time.monotonic() - began, 1))
        assert 0.5 <= sorted(ratios)[1] <= 2, ratios


def test_a_live_place_that_is_free_is_given(clip):
    with harness.Daemon("--max-live", 2) as daemon:
        async def talk():
            held = [await live.connect(daemon) for _ in range(2)]
            for _ in range(10):
                with pytest.raises(websockets.InvalidStatus) as caught:
                    await live.connect(daemon)
                assert caught.value.response.status_code == 429 and int(caught.value.response.headers["Retry-After"]) >= 1
            for s in held:
                await s.close()
            await asyncio.sleep(0.3)
            for _ in range(10):
                async with live.connect(daemon):
                    pass
                await asyncio.sleep(0.1)

        asyncio.run(talk())
