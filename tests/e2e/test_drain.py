"""SIGTERM loses nothing: what has begun is finished, and only then does the daemon go."""

import asyncio
import http.client
import json
import socket
import threading
import time

import harness
import live


def parts(clip):
    """A multipart body of the clip's first two seconds as (content type, head, audio, tail)."""
    boundary = "endtoend"
    head = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n"
            "Content-Type: application/octet-stream\r\n\r\n").encode()
    tail = (f"\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nfoldscribe"
            f"\r\n--{boundary}--\r\n").encode()
    return f"multipart/form-data; boundary={boundary}", head, harness.wav(clip.pcm()[:4 * harness.RATE]), tail


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def upload(daemon, clip, meanwhile=lambda: None):
    """A chunked upload; meanwhile() is called when half of the audio is sent. -> (status, answer)."""
    kind, head, audio, tail = parts(clip)
    half = len(audio) // 2
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=300)
    connection.putrequest("POST", "/v1/audio/transcriptions")
    connection.putheader("Content-Type", kind)
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(chunk(head) + chunk(audio[:half]))
    meanwhile()
    connection.send(chunk(audio[half:]) + chunk(tail) + b"0\r\n\r\n")
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def until(daemon, wanted):
    """Asks /readyz until it answers wanted (None: nobody listens) -> the different answers, in order."""
    seen = []
    deadline = time.monotonic() + 300
    while (not seen or seen[-1] != wanted) and time.monotonic() < deadline:
        status = daemon.status("/readyz")
        if not seen or status != seen[-1]:
            seen.append(status)
    return seen


def test_an_upload_that_has_begun_is_transcribed(clip):
    with harness.Daemon("--drain-grace-ms", 600000, "--drain-s", 600) as daemon:
        plain = upload(daemon, clip)
        seen = []

        def drain():
            daemon.terminate()
            seen.append(until(daemon, 503)[-1])
            daemon.terminate()  # a second signal ends the grace
            seen.append(until(daemon, None)[-1])

        drained = upload(daemon, clip, drain)
        assert plain[0] == drained[0] == 200
        assert drained[1]["text"] == plain[1]["text"] != ""
        assert seen == [503, None], "it says that it goes, then the listener closes"
        assert daemon.wait() == 0


def test_uploads_that_wait_their_turn_are_transcribed(clips):
    with harness.Daemon("--workers", 1, "--drain-s", 600) as daemon:
        answers = {}
        begun = threading.Barrier(5)

        def one(clip):
            answers[clip] = upload(daemon, clip, begun.wait)

        threads = [threading.Thread(target=one, args=(c,)) for c in clips[:4]]
        for t in threads:
            t.start()
        begun.wait()
        daemon.terminate()
        for t in threads:
            t.join()
        assert daemon.wait() == 0
        assert all(status == 200 for status, _ in answers.values()), answers
        assert all(answer["text"] for _, answer in answers.values()), answers


def test_a_live_stream_speaks_to_its_end(clip):
    with harness.Daemon("--drain-s", 600) as daemon:
        undisturbed = asyncio.run(live.stream(daemon, clip.pcm(), pace=20))

        async def talk():
            heard = live.Heard()
            async with live.connect(daemon) as socket:
                listening = asyncio.create_task(live.listen(socket, heard))
                pcm = clip.pcm()
                half = len(pcm) // 4 * 2
                await live.speak(socket, pcm[:half])
                daemon.terminate()
                await live.speak(socket, pcm[half:])
                await live.say(socket, "CloseStream")
                await asyncio.wait_for(listening, 300)
            return heard

        heard = asyncio.run(talk())
        assert heard.close[0] == 1000
        assert heard.words() == undisturbed.words() and heard.words()
        assert heard.metadata()["duration"] == undisturbed.metadata()["duration"]
        assert daemon.wait() == 0


def test_nobody_new_is_let_in_after_the_listener_closed(clip):
    with harness.Daemon("--drain-s", 600) as daemon:
        async def talk():
            async with live.connect(daemon) as socket:
                await live.speak(socket, clip.pcm()[:32000])
                daemon.terminate()
                assert until(daemon, None)[-1] is None
                assert daemon.process.poll() is None
                await live.say(socket, "CloseStream")
                await live.listen(socket, live.Heard())

        asyncio.run(talk())
        assert daemon.wait() == 0


def test_an_idle_daemon_says_that_it_goes_before_it_goes():
    with harness.Daemon("--drain-grace-ms", 600000, "--drain-s", 600) as daemon:
        daemon.terminate()
        assert [s for s in until(daemon, 503) if s != 200] == [503], "a balancer does not know that it is idle"
        daemon.terminate()
        assert daemon.wait() == 0


def test_whoever_has_connected_before_the_listener_closes_is_served(clip):
    """A flood of uploads whose sockets stand in the backlog, in the router, at a library: all of them are in hand."""
    kind, head, audio, tail = parts(clip)
    body = head + audio + tail
    request = (f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode()
    with harness.Daemon("--drain-grace-ms", 0, "--drain-s", 600) as daemon:
        sockets = [socket.create_connection(("127.0.0.1", daemon.port), timeout=300) for _ in range(12)]
        for s in sockets:
            s.sendall(request)
        daemon.terminate()
        for s in sockets:
            s.sendall(body)
        answers = []
        for s in sockets:
            answer = http.client.HTTPResponse(s)
            answer.begin()
            answers.append((answer.status, json.loads(answer.read())["text"]))
            s.close()
        assert set(answers) == {(200, answers[0][1])} and answers[0][1]
        assert daemon.wait() == 0


def test_a_connection_that_is_kept_is_given_up_when_draining(clip):
    with harness.Daemon("--drain-grace-ms", 600000, "--drain-s", 600) as daemon:
        kept = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=20)
        kept.request("GET", "/healthz")
        assert kept.getresponse().read() == b"ok\n" and kept.sock
        daemon.terminate()
        until(daemon, 503)
        kept.request("GET", "/healthz")
        answer = kept.getresponse()
        assert answer.status == 200 and answer.getheader("Connection") == "close"
        kept.close()
        daemon.terminate()
        assert daemon.wait() == 0
