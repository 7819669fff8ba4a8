"""Every file that people have: made by ffmpeg from a clip, heard as an upload and, where it streams, live."""
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

import harness
from live import RAW, hear

# name: options of ffmpeg behind its input
FORMATS = {
    "m4a": ["-c:a", "aac"], "aac.mov": ["-c:a", "aac", "-f", "mov"], "alac.m4a": ["-c:a", "alac"], "3gp": ["-c:a", "aac"],
    "aac": ["-f", "adts"], "aiff": [], "caf": [], "au": [], "w64": [], "wma": ["-c:a", "wmav2"],
    "float.caf": ["-c:a", "pcm_f32le"], "be.mov": ["-c:a", "pcm_s16be"],
    "ac3": ["-c:a", "ac3"], "ts": ["-c:a", "aac", "-f", "mpegts"], "vorbis.ogg": ["-c:a", "libvorbis"],
    "flac.ogg": ["-c:a", "flac", "-f", "ogg"], "vorbis.webm": ["-c:a", "libvorbis"], "flac.mka": ["-c:a", "flac"],
    "pcm.mka": ["-c:a", "pcm_s16le"], "aac.mkv": ["-c:a", "aac"], "mp3.avi": ["-c:a", "libmp3lame"],
    "adpcm.wav": ["-c:a", "adpcm_ima_wav"], "ms.wav": ["-c:a", "adpcm_ms"], "24.wav": ["-c:a", "pcm_s24le"],
    "u8.wav": ["-c:a", "pcm_u8"], "f64.wav": ["-c:a", "pcm_f64le"], "alaw.wav": ["-c:a", "pcm_alaw"], "wv": [], "tta": [],
    "mp2": [], "rf64.wav": ["-rf64", "always"], "5.1.m4a": ["-ac", "6", "-c:a", "aac"], "48k.m4a": ["-ar", "48000", "-ac", "2"],
    "frag.mp4": ["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+default_base_moof"],
}
VIDEO = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=5"]
LIVE = ["aac", "caf", "au", "ts", "vorbis.ogg", "flac.ogg", "vorbis.webm", "aac.mkv", "frag.mp4", "adpcm.wav", "24.wav"]


def made(clip, name, tmp_path, more=()):
    path = tmp_path / ("made." + name)
    options = FORMATS.get(name, [])
    subprocess.run(["ffmpeg", "-v", "error", "-i", clip.path, *more, *options, "-y", path], check=True)
    return path.read_bytes()


def transcribe(daemon, data, **fields):
    """The verbose answer; urllib.error.HTTPError where there is none."""
    parts = {"model": "foldscribe", "response_format": "verbose_json", **fields}
    body = b"".join(b'--XbX\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (k.encode(), v.encode())
                    for k, v in parts.items())
    body += b'--XbX\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + data + b"\r\n--XbX--\r\n"
    request = urllib.request.Request(daemon.url + "/v1/audio/transcriptions", body,
                                     {"Content-Type": "multipart/form-data; boundary=XbX"})
    return json.load(urllib.request.urlopen(request, timeout=60))


def refusal(daemon, data):
    with pytest.raises(urllib.error.HTTPError) as caught:
        transcribe(daemon, data)
    return caught.value.code, json.loads(caught.value.read())["error"]["message"]


def is_clip(text, clip, most=0.35):
    assert harness.word_error_rate([(clip.text, text)]) <= most, text


@pytest.mark.parametrize("name", FORMATS)
def test_every_container_is_heard(daemon, clip, name, tmp_path):
    answer = transcribe(daemon, made(clip, name, tmp_path))
    is_clip(answer["text"], clip)
    assert answer["duration"] == pytest.approx(clip.seconds(), abs=0.2)
    assert "warnings" not in answer


@pytest.mark.parametrize("codec", ["mpeg4", "h264"])
def test_the_sound_of_a_film_is_heard(daemon, clip, codec, tmp_path):
    encoder = {"mpeg4": "mpeg4", "h264": "libx264"}[codec]
    film = made(clip, "film.mp4", tmp_path, [*VIDEO, "-shortest", "-c:v", encoder, "-c:a", "aac"])
    is_clip(transcribe(daemon, film)["text"], clip)


def test_a_film_without_sound_says_so(daemon, tmp_path):
    path = tmp_path / "silent.mp4"
    subprocess.run(["ffmpeg", "-v", "error", *VIDEO, "-t", "1", "-c:v", "mpeg4", path], check=True)
    code, message = refusal(daemon, path.read_bytes())
    assert code == 400 and "no audio track" in message and "mpeg4" in message


@pytest.mark.parametrize("name", LIVE)
def test_what_streams_is_heard_live(daemon, clip, name, tmp_path):
    data = made(clip, name, tmp_path)
    heard = hear(daemon, [data[at:at + 3000] for at in range(0, len(data), 3000)], **RAW)
    assert heard.close == (1000, ""), heard.close
    is_clip(heard.text(), clip)


def test_an_mp4_with_its_index_at_the_end_cannot_be_sent_live(daemon, clip, tmp_path):
    data = made(clip, "m4a", tmp_path)
    heard = hear(daemon, [data], **RAW)
    assert heard.close[0] == 1008 and "moov" in heard.close[1], heard.close


@pytest.mark.parametrize("name", ["m4a", "aiff", "caf", "vorbis.ogg", "aac.mkv", "w64", "wv"])
def test_a_file_cut_short_gives_what_is_there_and_says_so(daemon, clip, name, tmp_path):
    options = FORMATS[name] + (["-movflags", "faststart"] if name == "m4a" else [])
    path = tmp_path / ("cut." + name)
    subprocess.run(["ffmpeg", "-v", "error", "-i", clip.path, *options, path], check=True)
    data = path.read_bytes()
    answer = transcribe(daemon, data[:len(data) * 2 // 3])
    assert clip.seconds() / 3 < answer["duration"] < clip.seconds() * 0.8
    assert any("cut short" in w or "damaged" in w for w in answer["warnings"])


def decoders():
    """Process ids of the forks of foldscribe-decode, the parent of each left out."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, name, state, parent = path.read_text().split()[:4]
        except (OSError, ValueError):
            continue
        if name == "(foldscribe-deco)" and state != "Z":
            found[int(pid)] = int(parent)
    return [pid for pid, parent in found.items() if parent in found]


@pytest.mark.parametrize("how, word", [(signal.SIGKILL, "ended without an answer"), (signal.SIGSTOP, "made no progress")])
def test_a_decoder_that_ends_or_hangs_costs_its_stream_alone(clip, how, word, tmp_path):
    from websockets.sync.client import connect

    data = made(clip, "frag.mp4", tmp_path)
    with harness.Daemon("--decode-stall-ms", 1000) as daemon:
        with connect(daemon.ws + "/v1/listen") as ws, connect(daemon.ws + "/v1/listen") as other:
            ws.send(data[:len(data) // 2])
            time.sleep(1)
            mine, = decoders()
            other.send(data[:len(data) // 2])
            time.sleep(0.5)
            os.kill(mine, how)
            try:
                for _ in range(100):
                    ws.send(data[len(data) // 2:][:100])
                    ws.recv(timeout=0.1)
            except TimeoutError:
                pass
            except Exception:
                pass
            began = time.monotonic()
            while ws.close_code is None and time.monotonic() - began < 10:
                try:
                    ws.recv(timeout=0.2)
                except TimeoutError:
                    pass
                except Exception:
                    break
            assert ws.close_code == 1008 and word in ws.close_reason, (ws.close_code, ws.close_reason)
            other.send(data[len(data) // 2:])
            other.send('{"type": "CloseStream"}')
            texts = []
            for message in other:
                message = json.loads(message)
                if message["type"] == "Results":
                    texts.append(message["channel"]["alternatives"][0]["transcript"] if message["is_final"] else "")
            is_clip(" ".join(texts), clip)
        is_clip(transcribe(daemon, data)["text"], clip)
        assert decoders() == []


GARBAGE = """#!/usr/bin/env python3
import array, os, socket
s = socket.socket(fileno=0)
while True:
    order, fds, _, _ = socket.recv_fds(s, 64, 2)
    if not order:
        break
    {what}
    socket.send_fds(s, [order], [os.pidfd_open(os.getpid())])
    for fd in fds:
        os.close(fd)
"""


@pytest.mark.parametrize("what, word", [
    ("os.write(fds[1], b'x' * 100)", "nonsense"),
    ("os.write(fds[1], bytes([0x43, 0x44, 0x53, 0x46, 2, 1, 0, 0, 255, 255, 255, 255]) + b'x' * 100)", "nonsense"),
    ("pass", "ended without an answer"),
    ("os._exit(1)", "cannot be started"),
])
def test_a_decoder_that_writes_nonsense_costs_its_request_alone(clip, what, word, tmp_path):
    program = tmp_path / "decode"
    # A pidfd of its own would end it with its first request.
    program.write_text(GARBAGE.format(what=what).replace("os.pidfd_open(os.getpid())", "os.open('/dev/null', 0)"))
    program.chmod(0o755)
    data = made(clip, "m4a", tmp_path)
    with harness.Daemon("--decode-helper", program) as daemon:
        for _ in range(3):
            code, message = refusal(daemon, data)
            assert code in (400, 500) and word in message, message
        is_clip(transcribe(daemon, clip.path.read_bytes())["text"], clip)


def test_without_a_decoder_an_error_names_what_is_accepted(clip, tmp_path):
    data = made(clip, "m4a", tmp_path)
    with harness.Daemon("--decode-helper", "none") as daemon:
        code, message = refusal(daemon, data)
        assert code == 400 and "MP4" in message and "wav, flac, mp3, ogg (Opus), webm (Opus)" in message
        is_clip(transcribe(daemon, clip.path.read_bytes())["text"], clip)
    with harness.Daemon("--decode-helper", tmp_path / "nothing") as daemon:
        assert refusal(daemon, data)[0] == 400
        assert "there is no decoder" in daemon.said()
