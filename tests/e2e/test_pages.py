"""Pages for people: the captions in the browser, and numbers for operators."""

import json
import re
import urllib.error
import urllib.request

import openai
import pytest

import harness


def get(daemon, path):
    with urllib.request.urlopen(daemon.url + path, timeout=20) as answer:
        return answer.headers, answer.read().decode()


def test_the_captions_page_is_there_and_needs_nothing_else(daemon):
    folder = harness.ROOT / "clients/captions"
    headers, page = get(daemon, "/")
    assert headers["content-type"].startswith("text/html") and headers["x-request-id"]
    assert page == (folder / "index.html").read_text()
    files = {f.name for f in folder.iterdir() if f.is_file()} - {"index.html", "README.md"}
    for name in files:
        headers, text = get(daemon, f"/captions/{name}")
        assert text == (folder / name).read_text()
        assert headers["content-type"].startswith("text/css" if name.endswith(".css") else "text/javascript")
    everything = page + "".join((folder / name).read_text() for name in files)
    asked = set(re.findall(r"""(?:src|href)="([^"#]+)"|from "\./([^"]+)"|addModule\("([^"]+)"\)""", everything))
    asked = {name.removeprefix("captions/") for name in map("".join, asked) if not name.startswith("data:")}
    assert asked == files, "each is used, and no other file is loaded"
    assert "//" not in re.sub(r"https?://(www\.w3\.org|)|\s//.*", "", page)
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(daemon, "/captions/../index.htm")
    assert refused.value.code == 404 and "no file" in refused.value.read().decode()


def test_numbers_tell_depths_delays_and_dialects(daemon, clip):
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="any")
    client.audio.transcriptions.create(model="foldscribe@1", file=clip.path)
    _, page = get(daemon, "/metrics")
    assert 'foldscribe_texts_total{kind="recording",depth="1",reason="asked"}' in page
    for name in ("foldscribe_partial_seconds", "foldscribe_final_seconds", "foldscribe_batch_queue_seconds"):
        assert f'{name}_bucket{{le="+Inf"}}' in page and f"{name}_count" in page
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
    assert float(values["foldscribe_real_time_factor"]) > 0 and float(values["process_resident_memory_bytes"]) > 1e6


def test_the_log_is_json_when_asked_and_never_tells_what_was_said(clip):
    with harness.Daemon("--log-format", "json") as daemon:
        client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="any")
        text = client.audio.transcriptions.create(model="foldscribe", file=clip.path).text
        daemon.terminate()
        daemon.wait()
        lines = [json.loads(line) for line in daemon.said().splitlines()]
    said = next(line for line in lines if line["event"] == "transcribed")
    assert said["id"] and said["audio_s"] > 1 and said["depth"] >= 1 and said["total_ms"] > 0 and said["reason"]
    assert text and text not in json.dumps(lines)
