"""The official JavaScript clients. NODE_PATH holds what they need (./check)."""

import json
import pathlib
import shutil
import subprocess

import pytest

import harness

HERE = pathlib.Path(__file__).parent


def node(script, *arguments, stdin=b""):
    if not shutil.which("node"):
        pytest.skip("there is no node")
    done = subprocess.run(["node", HERE / script, *map(str, arguments)], input=stdin, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_openai_uploads_a_stream_of_unknown_length(daemon, clip, deepest):
    seen = node("openai_node.cjs", daemon.url, clip.path)
    assert harness.word_error_rate([(clip.text, seen["json"]["text"])]) < 0.5
    assert {"used": deepest, "asked": None, "reason": "tier"}.items() <= seen["json"]["depth"].items()
    assert {"used": 1, "asked": 1, "reason": "asked"}.items() <= seen["shallow"]["depth"].items()
    assert seen["text"] == seen["json"]["text"] + "\n"
    assert [w["word"] for w in seen["verbose"]["words"]] == seen["json"]["text"].split()
    drafts = ["foldscribe.draft"] if deepest > 1 else []
    assert [kind for kind in seen["events"] if kind != "transcript.text.delta"] == drafts + ["transcript.text.done"]
    assert {"foldscribe", "whisper-1"} <= set(seen["models"])
    refused = seen["refused"]
    assert (refused["kind"], refused["status"], refused["code"], refused["param"]) == \
        ("NotFoundError", 404, "model_not_found", "model")
    assert refused["requestID"] and "foldscribe" in refused["message"]


def test_openai_realtime_speaks_through_tls_that_ends_in_front(daemon, clip, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    pcm = harness.sox(clip.path, "-t", "s16", "-r", 24000, "-c", 1, "-")
    heard = node("openai_realtime_node.cjs", daemon.port, key, certificate, stdin=pcm)
    assert heard["url"].startswith("wss://")
    kinds = [e["type"] for e in heard["events"]]
    assert kinds[:2] == ["session.created", "session.updated"] and kinds[-1].endswith(".completed")
    transcription = heard["events"][1]["session"]["audio"]["input"]["transcription"]
    assert transcription == {"model": "foldscribe", "prompt": "A tale of Hawkeye"}
    done = heard["events"][-1]
    assert harness.word_error_rate([(clip.text, done["transcript"])]) < 0.5
    deltas = [e["delta"] for e in heard["events"] if e["type"].endswith("transcription.delta")]
    assert "".join(deltas) == done["transcript"]


def test_deepgram_hears_results_and_metadata(daemon, clip):
    messages = node("deepgram_node.cjs", daemon.ws, daemon.url, stdin=clip.pcm())
    texts = [m["channel"]["alternatives"][0]["transcript"] for m in messages if m["type"] == "Results" and m["is_final"]]
    assert harness.word_error_rate([(clip.text, " ".join(texts))]) < 0.5
    assert messages[-1]["type"] == "Metadata"
