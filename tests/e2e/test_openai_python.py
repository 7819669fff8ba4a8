"""Batch transcription by the official Python client of OpenAI."""

import io
import re

import openai
import pytest

import harness
import opus

FORMATS_OF_TEXT = ["text", "srt", "vtt"]


@pytest.fixture(scope="module")
def client(daemon):
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="any", max_retries=0)


def transcribe(client, file, model="foldscribe", **options):
    return client.audio.transcriptions.create(model=model, file=file, **options)


def wav(pcm, rate=harness.RATE):
    return ("clip.wav", harness.wav(pcm, rate))


def test_json_holds_the_text_and_the_depth_that_made_it(client, clip, deepest):
    answer = transcribe(client, clip.path)
    assert harness.word_error_rate([(clip.text, answer.text)]) < 0.5
    assert {"used": deepest, "asked": None, "reason": "tier"}.items() <= answer.depth.items()
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == pytest.approx(clip.seconds(), abs=1)


def test_depth_is_asked_for_in_the_name_of_the_model(client, clip, deepest):
    for depth in range(1, deepest + 1):
        answer = transcribe(client, clip.path, model=f"foldscribe@{depth}")
        assert {"used": depth, "asked": depth, "reason": "asked"}.items() <= answer.depth.items()
        assert answer.text


def test_depth_is_asked_for_by_a_form_field(client, clip):
    answer = transcribe(client, clip.path, extra_body={"depth": 1})
    assert {"used": 1, "asked": 1, "reason": "asked"}.items() <= answer.depth.items()
    assert answer.text == transcribe(client, clip.path, model="foldscribe@1").text


def test_the_same_recording_gives_the_same_text_under_every_name(client, clip):
    names = [m.id for m in client.models.list()]
    assert {"foldscribe", "whisper-1"} <= set(names) and len(names) == len(set(names))
    assert len({transcribe(client, clip.path, model=name).text for name in names}) == 1
    for name in names:
        assert client.models.retrieve(name).id == name


def test_verbose_json_tells_words_with_times(client, clip):
    answer = transcribe(client, clip.path, response_format="verbose_json",
                        timestamp_granularities=["word", "segment"])
    assert answer.task == "transcribe" and answer.language == "english"
    assert answer.duration == pytest.approx(clip.seconds(), abs=0.01)
    assert [w.word for w in answer.words] == answer.text.split()
    times = [t for w in answer.words for t in (w.start, w.end)]
    assert times == sorted(times) and 0 <= times[0] and times[-1] <= answer.duration
    assert all(w.end - w.start < 2 for w in answer.words)
    assert [s.id for s in answer.segments] == list(range(len(answer.segments)))
    assert " ".join(s.text.strip() for s in answer.segments) == answer.text
    for segment in answer.segments:
        assert 0 <= segment.start < segment.end <= answer.duration
        assert segment.avg_logprob <= 0 and 0 <= segment.no_speech_prob <= 1
        assert segment.tokens is not None and segment.temperature == 0 and segment.seek == 0
        assert segment.compression_ratio > 0
    assert answer.depth["reason"] == "tier"


@pytest.mark.parametrize("name", FORMATS_OF_TEXT)
def test_formats_of_plain_text_carry_the_depth_in_a_header(client, clip, deepest, name):
    raw = client.audio.transcriptions.with_raw_response.create(
        model="foldscribe", file=clip.path, response_format=name)
    assert raw.headers["x-depth"] == f"used={deepest} asked=- reason=tier"
    assert "json" not in raw.headers["content-type"] and raw.headers["x-request-id"]
    words = transcribe(client, clip.path).text
    shown = raw.text
    if name == "text":
        assert shown == words + "\n"
    else:
        assert shown.startswith("WEBVTT\n\n" if name == "vtt" else "1\n")
        assert ("," in shown.split("-->")[1].split("\n")[0]) == (name == "srt")
        lines = [line for line in shown.splitlines()
                 if line and "-->" not in line and line != "WEBVTT" and not line.isdigit()]
        assert " ".join(lines) == words


@pytest.mark.parametrize("sox_options", [
    ["-r", 44100, "-c", 2, "-t", "wav"], ["-r", 8000, "-t", "wav"], ["-b", 24, "-r", 48000, "-t", "flac"],
    ["-e", "float", "-b", 32, "-t", "wav"], ["-r", 48000, "-c", 3, "-t", "wav"], ["-t", "ogg"],
], ids=lambda o: " ".join(map(str, o)))
def test_any_rate_and_channel_count_gives_about_the_same_words(client, clip, sox_options):
    made = harness.sox(clip.path, *sox_options, "-")
    answer = transcribe(client, ("upload.bin", made))
    plain = transcribe(client, clip.path).text
    assert harness.word_error_rate([(plain, answer.text)]) < 0.35


def test_a_wav_written_without_knowing_its_length_is_read_to_its_end(client, clip):
    name, whole = wav(clip.pcm())
    streamed = whole[:4] + b"\xff" * 4 + whole[8:40] + b"\xff" * 4 + whole[44:]
    assert transcribe(client, (name, streamed)).text == transcribe(client, (name, whole)).text


def test_silence_is_an_empty_text(client):
    answer = transcribe(client, wav(bytes(2 * 3 * harness.RATE)), response_format="verbose_json")
    assert answer.text == "" and answer.duration == pytest.approx(3)
    assert not answer.segments


def test_a_long_recording_keeps_every_utterance(client, clips, bounds):
    gap = bytes(2 * int(0.7 * harness.RATE))
    chosen = clips[:6]
    answer = transcribe(client, wav(gap.join(c.pcm() for c in chosen)), response_format="verbose_json")
    reference = " ".join(c.text for c in chosen)
    alone = max(bounds["batch_wer_percent"].values())
    assert 100 * harness.word_error_rate([(reference, answer.text)]) <= alone + 5
    assert answer.duration == pytest.approx(sum(c.seconds() for c in chosen) + 0.7 * 5, abs=0.01)
    starts = [s.start for s in answer.segments]
    assert len(starts) >= len(chosen) - 1 and starts == sorted(starts)


def refused(client, error, param, *words, file=None, model="foldscribe", clip=None, **options):
    with pytest.raises(error) as caught:
        transcribe(client, file if file is not None else clip.path, model=model, **options)
    body = caught.value.body
    assert body["type"] == "invalid_request_error" and body["param"] == param, body
    for word in words:
        assert word in body["message"], body["message"]
    assert caught.value.request_id
    return body


def test_an_unknown_model_is_not_found_and_the_known_ones_are_named(client, clip):
    body = refused(client, openai.NotFoundError, "model", "no-such-model", "foldscribe", "whisper-*", "nova*",
                   clip=clip, model="no-such-model")
    assert body["code"] == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


@pytest.mark.parametrize("depth", [0, 99, -1, "deep", "1.5", ""])
def test_a_depth_out_of_range_names_the_range(client, clip, deepest, depth):
    refused(client, openai.BadRequestError, "depth", "1", str(deepest), clip=clip, extra_body={"depth": depth})
    refused(client, openai.BadRequestError, "model", "1", str(deepest), clip=clip, model=f"foldscribe@{depth}")


def test_an_unknown_format_names_those_that_exist(client, clip):
    refused(client, openai.BadRequestError, "response_format", "json", "verbose_json", "text", "srt", "vtt",
            clip=clip, response_format="yaml")


def test_an_unknown_granularity_names_those_that_exist(client, clip):
    refused(client, openai.BadRequestError, "timestamp_granularities", "word", "segment", clip=clip,
            response_format="verbose_json", timestamp_granularities=["letter"])


@pytest.mark.parametrize("file, words", [
    (("empty.wav", b""), ["empty"]),
    (("page.pdf", b"%PDF-1.7 " + bytes(4000)), ["wav", "flac"]),
    (("text.wav", b"not audio at all, whatever its name says " * 50), ["wav", "flac"]),
    (("header.wav", wav(b"")[1][:20]), []),
    (("nothing.wav", wav(b"")[1]), []),
], ids=["empty", "pdf", "text", "cut header", "no samples"])
def test_what_is_not_audio_is_refused_by_name(client, file, words):
    refused(client, openai.BadRequestError, "file", *words, file=file)


def events(client, file, **options):
    return list(transcribe(client, file, stream=True, **options))


def test_a_stream_of_events_appends_to_the_whole_text(client, clips):
    gap = bytes(2 * 2 * harness.RATE)
    file = wav(gap.join(c.pcm() for c in clips[:3]))
    got = events(client, file)
    deltas = [e for e in got if e.type == "transcript.text.delta"]
    assert len(deltas) >= 3 and got[-1].type == "transcript.text.done"
    assert "".join(e.delta for e in deltas) == got[-1].text == transcribe(client, file).text
    assert got[-1].usage.type == "duration"


def test_a_draft_of_the_whole_comes_before_the_deltas(client, clips):
    gap = bytes(2 * 2 * harness.RATE)
    file = wav(gap.join(c.pcm() for c in clips[:3]))
    plain, got = events(client, file), events(client, file, extra_body={"draft": "true"})
    draft, rest = got[0], got[1:]
    assert draft.type == "foldscribe.draft" and draft.depth["used"] == 1
    assert harness.word_error_rate([(plain[-1].text, draft.text)]) < 0.5
    assert [e.type for e in rest] == [e.type for e in plain] and rest[-1].text == plain[-1].text
    assert [e.type for e in events(client, file, extra_body={"draft": "true", "depth": 1})] == \
        [e.type for e in rest]  # no shallower than the answer


def test_a_draft_needs_a_stream(client, clip):
    with pytest.raises(openai.BadRequestError) as caught:
        transcribe(client, clip.path, extra_body={"draft": "true"})
    assert caught.value.body["param"] == "draft"


def test_a_stream_of_silence_is_just_done(client):
    got = events(client, wav(bytes(2 * 3 * harness.RATE)))
    assert [e.type for e in got] == ["transcript.text.done"] and got[0].text == ""


def test_a_stream_that_cannot_begin_is_an_ordinary_error(client):
    with pytest.raises(openai.BadRequestError) as caught:
        events(client, ("page.pdf", b"%PDF-1.7 " + bytes(4000)))
    assert caught.value.body["param"] == "file"


def test_a_stream_that_is_left_ends_its_work(daemon, client, clips):
    file = wav((bytes(2 * 2 * harness.RATE)).join(c.pcm() for c in clips))
    for _ in range(3):
        stream = transcribe(client, file, stream=True)
        assert next(iter(stream)).type == "transcript.text.delta"
        stream.close()
    assert transcribe(client, clips[0].path).text
    assert daemon.status("/readyz") == 200


def test_a_file_cut_in_the_middle_gives_its_text_and_a_warning(client, clips):
    whole = wav((bytes(2 * 2 * harness.RATE)).join(c.pcm() for c in clips[:3]))[1]
    flac = harness.sox("-t", "wav", "-", "-t", "flac", "-", stdin=whole)
    done = events(client, ("cut.flac", flac[:len(flac) * 3 // 4]))[-1]
    assert harness.word_error_rate([(clips[0].text, done.text[:len(clips[0].text)])]) < 0.5
    assert "cut short" in done.warnings[0]


def test_what_is_wanted_besides_text(client, clip):
    answer = transcribe(client, clip.path, include=["logprobs"], language="en", temperature=0,
                        prompt="A talk. Names: " + clip.text, chunking_strategy={"type": "server_vad", "silence_duration_ms": 400})
    assert harness.word_error_rate([(clip.text, answer.text)]) < 0.5
    assert "".join(p.token for p in answer.logprobs) == answer.text
    assert all(p.logprob <= 0 for p in answer.logprobs)


def test_a_browsers_recording_is_heard(client, clip):
    made = b"".join(opus.media_recorder(opus.encode(clip.pcm())))
    answer = transcribe(client, ("blob", made))
    assert harness.word_error_rate([(clip.text, answer.text)]) < 0.5
    answer = transcribe(client, ("blob", made[:-7]))
    assert harness.word_error_rate([(clip.text, answer.text)]) < 0.5
    assert "cut short" in answer.warnings[0]


def test_four_at_once_give_what_each_gives_alone(client, clips):
    from concurrent.futures import ThreadPoolExecutor

    alone = [transcribe(client, c.path).text for c in clips[:4]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda c: transcribe(client, c.path).text, clips[:4]))
    assert together == alone


def test_who_asks_for_words_alone_gets_no_segments(client, clip):
    answer = transcribe(client, clip.path, response_format="verbose_json", timestamp_granularities=["word"])
    assert answer.words and answer.segments is None
    plain = transcribe(client, clip.path, response_format="verbose_json")
    assert plain.segments and plain.words is None


def test_segments_are_sentences_and_clear_words_are_speech(client, clips):
    pcm = b"".join(clip.pcm() + bytes(9600) for clip in clips[:4])
    answer = transcribe(client, wav(pcm), response_format="verbose_json")
    assert len(answer.segments) >= 3
    assert " ".join(segment.text for segment in answer.segments) == answer.text
    for segment in answer.segments:
        assert segment.no_speech_prob < 0.1
        assert not re.search(r"[a-z][.?!] [A-Z]", segment.text)


def test_tokens_of_log_probabilities_join_to_the_text(client, clip):
    answer = transcribe(client, clip.path, include=["logprobs"])
    assert "".join(t.token for t in answer.logprobs) == answer.text
    assert all(bytes(map(int, t.bytes)).decode() == t.token for t in answer.logprobs)


def test_cues_last_a_second_and_hold_more_than_a_word(client, clips):
    pcm = b"".join(clip.pcm() for clip in clips[:6])
    srt = transcribe(client, wav(pcm), response_format="srt")
    previous_end = 0
    for cue in srt.strip().split("\n\n"):
        _, times, *lines = cue.split("\n")
        start, end = (sum(float(part) * scale for part, scale in zip(time.replace(",", ".").split(":"), (3600, 60, 1)))
                      for time in times.split(" --> "))
        assert end - start >= 0.999 and start >= previous_end
        assert len(lines) <= 2 and all(len(line) <= 42 for line in lines)
        assert len(" ".join(lines).split()) > 1 or lines[0][-1] in ".?!"
        previous_end = end


def test_the_time_that_is_predicted_is_that_of_the_whole(client, clips):
    short, long = ("clip.mp3", harness.mp3(clips[0].pcm())), ("long.mp3", harness.mp3(clips[0].pcm() * 40))
    predicted = [transcribe(client, file).depth["predicted_ms"] for file in (short, long)]
    assert predicted[1] > 4 * predicted[0]


def test_the_client_translates_english(client, clip):
    assert client.audio.translations.create(model="whisper-1", file=clip.path).text == transcribe(client, clip.path).text
