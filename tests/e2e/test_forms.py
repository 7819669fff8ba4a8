"""Forms and bodies as programs write them: .NET, Apache, Go, curl and others, byte by byte."""
import gzip
import json
import socket

import pytest

import harness

NL = b"\r\n"


def post(daemon, body, *headers, path="/v1/audio/transcriptions", expect=False):
    """-> (status, answer)"""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=60) as s:
        head = [b"POST %s HTTP/1.1" % path.encode(), b"Host: localhost", b"Connection: close",
                b"Content-Length: %d" % len(body), *headers]
        s.sendall(NL.join(head) + NL + NL)
        if expect:
            assert s.recv(100).startswith(b"HTTP/1.1 100"), "no 100 Continue"
        s.sendall(body)
        got = b""
        while piece := s.recv(65536):
            got += piece
    head, _, body = got.partition(NL + NL)
    return int(head.split()[1]), json.loads(body)


@pytest.fixture(scope="module")
def mp3(clip):
    return harness.mp3(clip.pcm())


def form(mp3, boundary=b"XbX", file=b'name="file"; filename="a.mp3"', nl=NL):
    delimiter = b"--" + boundary
    return nl.join([delimiter, b'Content-Disposition: form-data; name="model"', b"", b"whisper-1",
                    delimiter, b"Content-Disposition: form-data; " + file, b"Content-Type: audio/mpeg", b"", mp3,
                    delimiter + b"--", b""])


def is_clip(got, clip):
    status, answer = got
    assert status == 200, answer
    assert harness.word_error_rate([(clip.text, answer["text"])]) < 0.5


TYPE = b"Content-Type: multipart/form-data; boundary="


@pytest.mark.parametrize("file", [
    b"name=file; filename=a.mp3; filename*=utf-8''a.mp3", b'filename="a.mp3"; name="file"', b'name="file"',
    b"name*=UTF-8''file; filename*=UTF-8'en'%e2%82%ac.mp3", b'name="file"; filename="C:\\talk\\a \\"b\\".mp3"',
], ids=["dotnet", "turned round", "no filename", "rfc 5987", "windows path"])
def test_the_file_is_found_by_its_name_however_it_is_written(daemon, clip, mp3, file):
    is_clip(post(daemon, form(mp3, file=file), TYPE + b"XbX"), clip)


@pytest.mark.parametrize("boundary, value", [
    (b"XbX", b"XbX; charset=UTF-8"), (b"XbX", b"XbX;"), (b"XbX", b'"XbX"'), (b"X", b"X"), (b"-" * 70, b"-" * 70),
    (b"a b'()+_,-./:=?", b"\"a b'()+_,-./:=?\""),
], ids=["apache", "semicolon", "quoted", "one character", "dashes", "all that is legal"])
def test_any_legal_boundary_is_understood(daemon, clip, mp3, boundary, value):
    is_clip(post(daemon, form(mp3, boundary), TYPE + value), clip)


def test_lines_may_end_with_lf(daemon, clip, mp3):
    is_clip(post(daemon, form(mp3, nl=b"\n"), TYPE + b"XbX"), clip)


def test_a_client_that_waits_for_100_continue_gets_it(daemon, clip, mp3):
    is_clip(post(daemon, form(mp3), TYPE + b"XbX", b"Expect: 100-continue", expect=True), clip)


@pytest.mark.parametrize("coding", [b"gzip", b"x-gzip", b"GZIP"])
def test_a_compressed_body_is_unpacked(daemon, clip, mp3, coding):
    packed = gzip.compress(form(mp3))
    is_clip(post(daemon, packed, TYPE + b"XbX", b"Content-Encoding: " + coding), clip)
    status, answer = post(daemon, gzip.compress(mp3), b"Content-Encoding: " + coding, path="/v1/listen")
    assert status == 200 and answer["metadata"]["duration"] == pytest.approx(clip.seconds(), abs=0.1)


@pytest.mark.parametrize("path, message", [("/v1/listen", "err_msg"), ("/v1/audio/transcriptions", "error")])
@pytest.mark.parametrize("body, coding, status, word", [
    (b"whatever", b"br", 415, "gzip, deflate"), (b"whatever", b"gzip", 400, "damaged"),
    (gzip.compress(b"RIFF" * 5000)[:-9], b"gzip", 400, "cut short"),
    (gzip.compress(bytes(100_000_000)), b"gzip", 400, "hundred times"),
], ids=["brotli", "damaged", "cut", "bomb"])
def test_what_cannot_be_unpacked_is_refused_in_the_dialects_shape(daemon, path, message, body, coding, status, word):
    got, answer = post(daemon, body, TYPE + b"XbX", b"Content-Encoding: " + coding, path=path)
    said = answer[message] if message == "err_msg" else answer[message]["message"]
    assert got == status and word in said


def test_a_text_where_the_file_should_be_is_explained(daemon, mp3):
    status, answer = post(daemon, form(b"talk.mp3", file=b'name="file"'), TYPE + b"XbX")
    assert status == 400 and "file=@PATH" in answer["error"]["message"]


@pytest.mark.parametrize("encoding, sox_options, rate", [
    ("linear16", ["-e", "signed", "-b", 16], 8000), ("linear32", ["-e", "float", "-b", 32], 48000),
    ("mulaw", ["-e", "mu-law"], 8000), ("alaw", ["-e", "a-law"], 16000),
])
def test_a_raw_body_is_heard_where_the_query_says_how_it_is(daemon, clip, encoding, sox_options, rate):
    raw = harness.sox(clip.path, "-t", "raw", *sox_options, "-r", rate, "-c", 1, "-")
    status, answer = post(daemon, raw, path=f"/v1/listen?encoding={encoding}&sample_rate={rate}")
    assert status == 200 and answer["metadata"]["duration"] == pytest.approx(clip.seconds(), abs=0.05)
    is_clip((status, {"text": answer["results"]["channels"][0]["alternatives"][0]["transcript"]}), clip)


def test_a_raw_body_of_two_channels_is_heard_by_channel(daemon, clip):
    raw = harness.sox(clip.path, "-t", "raw", "-e", "signed", "-b", 16, "-r", 16000, "-c", 2, "-")
    status, answer = post(daemon, raw, path="/v1/listen?encoding=linear16&sample_rate=16000&channels=2&multichannel=true")
    assert status == 200 and len(answer["results"]["channels"]) == 2


def test_a_container_is_one_whatever_the_query_says(daemon, clip):
    status, answer = post(daemon, clip.path.read_bytes(), path="/v1/listen?encoding=linear16&sample_rate=8000")
    assert status == 200 and answer["metadata"]["duration"] == pytest.approx(clip.seconds(), abs=0.05)


def test_a_cut_file_is_warned_of_in_deepgrams_metadata(daemon, clip):
    whole = harness.sox(clip.path, "-t", "wav", "-")
    status, answer = post(daemon, whole[:len(whole) // 2], path="/v1/listen")
    assert status == 200 and "cut short" in answer["metadata"]["warnings"][0]["message"]
