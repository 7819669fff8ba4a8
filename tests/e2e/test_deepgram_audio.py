"""What live clients of Deepgram send besides plain samples, and events besides results."""

import asyncio
import array
import json

import pytest

import harness
import live
import opus
from live import RAW, hear

SECOND = 2 * harness.RATE


def is_clip(heard, clip, bound=0.5):
    assert heard.close == (1000, ""), heard.close
    assert harness.word_error_rate([(clip.text, heard.text())]) < bound
    assert heard.metadata()["duration"] == pytest.approx(clip.seconds(), abs=0.05)


def test_a_browsers_media_recorder_needs_no_encoding(daemon, clip):
    is_clip(hear(daemon, opus.media_recorder(opus.encode(clip.pcm())), **RAW), clip)


def test_webm_may_be_cut_anywhere(daemon, clip):
    whole = b"".join(opus.media_recorder(opus.encode(clip.pcm())))
    is_clip(hear(daemon, [whole[at:at + 777] for at in range(0, len(whole), 777)], **RAW), clip)


def test_ogg_opus_is_a_container_with_or_without_its_name(daemon, clip):
    pages = opus.ogg(opus.encode(clip.pcm()))
    is_clip(hear(daemon, pages, **RAW), clip)
    is_clip(hear(daemon, pages, **{**RAW, "encoding": "ogg-opus", "sample_rate": 48000}), clip)


def test_raw_opus_is_a_packet_a_message(daemon, clip):
    is_clip(hear(daemon, opus.encode(clip.pcm()), **{**RAW, "encoding": "opus", "sample_rate": 48000}), clip)


def test_a_wav_file_streams(daemon, clip):
    wav = harness.sox(clip.path, "-r", 48000, "-c", 2, "-t", "wav", "-")
    is_clip(hear(daemon, [wav[at:at + 10000] for at in range(0, len(wav), 10000)], **RAW), clip)


@pytest.mark.parametrize("encoding, sox_options", [
    ("linear32", ["-e", "float", "-b", 32]), ("alaw", ["-e", "a-law"]), ("mulaw", ["-e", "mu-law"]),
    ("linear16", ["-e", "signed", "-b", 16]),
])
def test_raw_encodings_at_other_rates(daemon, clip, encoding, sox_options):
    made = harness.sox(clip.path, "-t", "raw", *sox_options, "-r", 8000, "-c", 1, "-")
    is_clip(hear(daemon, [made], encoding=encoding, sample_rate=8000), clip, 0.7)


@pytest.mark.parametrize("data, word", [
    (b"%PDF-1.7 " * 20, "PDF"), (bytes(1000), "no sound"), (b"ID3\x04" + bytes(500), "no sound"),
    (b"ID3\x04" + bytes(500000), "no sound"),
    (b"fLaC" + bytes(500), "STREAMINFO"),
    (b"".join(opus.media_recorder([b"\xfc\xff\xfe"] * 5)).replace(b"A_OPUS", b"A_AAC!"), "A_AAC"),
], ids=["pdf", "zeros", "mp3", "long mp3", "flac", "aac in webm"])
def test_what_is_no_live_container_is_said_in_the_close_reason(daemon, data, word):
    heard = hear(daemon, [data], **RAW)
    assert heard.close[0] == 1008 and heard.close[1].startswith("DATA-0000"), heard.close
    assert word in heard.close[1] or len(heard.close[1]) > 110


@pytest.mark.parametrize("query", [RAW, {**RAW, "encoding": "flac", "sample_rate": 16000}], ids=["found out", "named"])
def test_flac_needs_no_more_than_its_bytes(daemon, clip, query):
    whole = clip.path.read_bytes()
    assert whole[:4] == b"fLaC"
    is_clip(hear(daemon, [whole[at:at + 777] for at in range(0, len(whole), 777)], **query), clip)


def test_mp3_needs_no_encoding(daemon, clip):
    whole = harness.mp3(clip.pcm())
    heard = hear(daemon, [whole[at:at + 777] for at in range(0, len(whole), 777)], **RAW)
    assert heard.close == (1000, ""), heard.close
    assert harness.word_error_rate([(clip.text, heard.text())]) < 0.5
    assert heard.metadata()["duration"] == pytest.approx(clip.seconds(), abs=0.3)


def test_a_damaged_frame_of_flac_costs_its_words_only(daemon, clip):
    whole = bytearray(clip.path.read_bytes())
    whole[len(whole) // 2] ^= 0x10
    heard = hear(daemon, [bytes(whole)], **RAW)
    assert heard.close == (1000, ""), heard.close
    assert harness.word_error_rate([(clip.text, heard.text())]) < 0.5


def silent_flac(frames):
    """So many frames of 16,384 samples at 8 kHz, 14 bytes each."""
    def crc(data, start, polynomial, bits):
        for byte in data:
            start ^= byte << (bits - 8)
            for _ in range(8):
                start = (start << 1 ^ (polynomial if start >> (bits - 1) else 0)) & ((1 << bits) - 1)
        return start

    def number(n):  # as UTF-8 has it
        return bytes([n] if n < 0x80 else [0xc0 | n >> 6, 0x80 | n & 63] if n < 0x800 else
                     [0xe0 | n >> 12, 0x80 | n >> 6 & 63, 0x80 | n & 63])

    info = (16384).to_bytes(2, "big") * 2 + bytes(6) + bytes([8000 >> 12, 8000 >> 4 & 255, (8000 & 15) << 4, 0xf0]) + bytes(20)
    made = [b"fLaC\x80\0\0\x22" + info]
    for i in range(frames):
        head = b"\xff\xf8\xe0\0" + number(i)
        frame = head + bytes([crc(head, 0, 7, 8)]) + bytes(3)
        made.append(frame + crc(frame, 0, 0x8005, 16).to_bytes(2, "big"))
    return b"".join(made)


def test_hours_of_silence_at_once_let_an_upload_go_first(clip):
    import urllib.request

    with harness.Daemon("--workers", 1) as daemon:
        async def talk():
            async with live.connect(daemon, **RAW) as socket:
                await socket.send(silent_flac(10000))
                await live.say(socket, "CloseStream")
                request = urllib.request.Request(daemon.url + "/v1/listen", clip.path.read_bytes())
                upload = asyncio.create_task(asyncio.to_thread(lambda: urllib.request.urlopen(request).read()))
                ended = asyncio.create_task(socket.wait_closed())
                first, _ = await asyncio.wait([upload, ended], return_when=asyncio.FIRST_COMPLETED)
                assert upload in first
                async for message in socket:
                    assert json.loads(message)["type"] == "Metadata"
                assert socket.close_code == 1000

        asyncio.run(talk())


def two_channels(left, right):
    a, b = array.array("h", left), array.array("h", right)
    count = max(len(a), len(b))
    a.extend([0] * (count - len(a)))
    b.extend([0] * (count - len(b)))
    both = array.array("h", bytes(4 * count))
    both[::2], both[1::2] = a, b
    return both.tobytes()


def channel_text(heard, channel):
    return " ".join(m["channel"]["alternatives"][0]["transcript"] for m in heard.results(final=True)
                    if m["channel_index"] == [channel, 2] and m["channel"]["alternatives"][0]["transcript"])


@pytest.mark.parametrize("form", ["linear16", "webm"])
def test_each_channel_is_heard_by_itself(daemon, clips, form):
    left, right = clips[3], clips[5]
    pcm = two_channels(left.pcm(), right.pcm())
    if form == "webm":
        messages, query = opus.media_recorder(opus.encode(pcm, 2), 2), RAW
    else:
        messages, query = [pcm[at:at + 6400] for at in range(0, len(pcm), 6400)], {}
    heard = hear(daemon, messages, **{**query, "channels": 2, "multichannel": "true"})
    assert heard.close[0] == 1000 and heard.metadata()["channels"] == 2
    for channel, clip in enumerate((left, right)):
        assert harness.word_error_rate([(clip.text, channel_text(heard, channel))]) < 0.5


def test_voices_and_gaps_are_told(daemon, clips):
    first, second = clips[1], clips[2]
    pcm = bytes(SECOND) + first.pcm() + bytes(3 * SECOND) + second.pcm() + bytes(3 * SECOND)
    heard = hear(daemon, [pcm[at:at + 3200] for at in range(0, len(pcm), 3200)], 0.02,
                 vad_events="true", utterance_end_ms=1000)
    started = [m for m in heard.messages if m["type"] == "SpeechStarted"]
    ended = [m for m in heard.messages if m["type"] == "UtteranceEnd"]
    assert all(m["channel"] == [0, 1] for m in started + ended)
    assert 0.5 <= started[0]["timestamp"] <= 1.6
    assert any(1 + first.seconds() + 2 < m["timestamp"] < 1 + first.seconds() + 4 for m in started)
    assert len(ended) >= 2
    words = [w["end"] for w in heard.words()]
    assert {m["last_word_end"] for m in ended} <= set(words) and ended[-1]["last_word_end"] == words[-1]


def test_no_voice_is_told_unless_asked_for(daemon, clip):
    heard = hear(daemon, [clip.pcm() + bytes(2 * SECOND)])
    assert {m["type"] for m in heard.messages} == {"Results", "Metadata"}


def test_finalize_may_name_a_channel(daemon, clips):
    async def talk():
        heard = live.Heard()
        async with live.connect(daemon, channels=2, multichannel="true", endpointing="false") as socket:
            listening = asyncio.create_task(live.listen(socket, heard))
            await socket.send(two_channels(clips[3].pcm(), clips[5].pcm()))
            await socket.send(json.dumps({"type": "Finalize", "channel": 1}))
            for _ in range(1000):
                await asyncio.sleep(0.05)
                if any(m["from_finalize"] for m in heard.results()):
                    break
            await live.say(socket, "CloseStream")
            await asyncio.wait_for(listening, 60)
        return heard

    heard = asyncio.run(talk())
    assert {m["channel_index"][0] for m in heard.results() if m["from_finalize"]} == {1}
    assert channel_text(heard, 0) and channel_text(heard, 1)
