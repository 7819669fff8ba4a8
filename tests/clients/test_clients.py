"""Clients that people have, at their defaults, on a real recording: each tells the text that it heard.

A program of python/ or node/ uses one package and prints a line of JSON for every way in which that hears. Packages
are pinned in requirements/ and node/package.json. FOLDSCRIBE_CLIENTS=all runs every program, else a few are run that
between them speak all dialects. Rows of README.md's table are added to build-check/clients.md.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import harness  # noqa: E402

WORST = 0.1  # word errors, of two clips that every depth hears well

# name of the row, what runs it (requirements; e2e: what runs this; node), program, further arguments, is it of the few
PROGRAMS = [
    ("curl", None, "curl.sh", [], True),
    ("openai 0.28", "openai0", "openai_first.py", [], True),
    ("openai 1", "openai1", "openai_client.py", [], False),
    ("openai 3", "openai3", "openai_client.py", [], False),
    ("openai of tests/e2e", "e2e", "openai_client.py", [], True),
    ("deepgram-sdk 3", "deepgram3", "deepgram_early.py", [], True),
    ("deepgram-sdk 4", "deepgram4", "deepgram_early.py", [], False),
    ("deepgram-sdk 5", "deepgram5", "deepgram_client.py", [], False),
    ("deepgram-sdk 6", "deepgram6", "deepgram_client.py", [], False),
    ("deepgram-sdk 7", "e2e", "deepgram_client.py", [], True),
    ("livekit-agents", "livekit", "livekit_client.py", [], True),
    ("pipecat", "pipecat", "pipecat_client.py", [], False),
    ("openai-agents", "agents", "agents_client.py", [], False),
    ("litellm", "litellm", "litellm_client.py", [], False),
    ("langchain", "langchain", "langchain_client.py", [], False),
    ("SpeechRecognition", "speechrecognition", "speechrecognition_client.py", [], False),
    ("wyoming-openai", "wyoming", "wyoming_client.py", [], False),
    ("vosk's protocol", "e2e", "vosk_client.py", [], True),
    ("vosk-transcriber", "vosk", "vosk_transcriber.py", [], False),
    ("openai (js)", "node", "openai.cjs", [], True),
    ("@deepgram/sdk 3", "node", "deepgram_early.cjs", ["deepgram3"], True),
    ("@deepgram/sdk 4", "node", "deepgram_early.cjs", ["deepgram4"], True),
    ("@deepgram/sdk 5", "node", "deepgram.cjs", ["deepgram5"], True),
    ("ai", "node", "ai.mjs", [], True),
]
ALL = os.environ.get("FOLDSCRIBE_CLIENTS") == "all"
CHOSEN = [pytest.param(*row[1:4], id=row[0]) for row in PROGRAMS if ALL or row[4]]


def environment(name):
    """What environments.sh makes of a list of packages: the path of a python, or of node_modules."""
    made = subprocess.run(["bash", "-c", '. tests/environments.sh; "$@"', "-",
                           *(["clients_of_node"] if name == "node" else ["clients_of_python", name])],
                          cwd=harness.ROOT, stdout=subprocess.PIPE, text=True)
    if made.returncode == 3:
        pytest.skip(f"{name} needs a later python than there is here")
    assert made.returncode == 0, f"the packages of {name} cannot be installed"
    return made.stdout.strip()


def command(name, program, arguments, url, recording):
    """(words of it, environment)"""
    if name == "node":
        modules = environment(name)
        return ["node", HERE / "node" / program, url, recording, *arguments], {"NODE_PATH": modules}
    if name is None:
        return [HERE / program, url, recording], {}
    python = sys.executable if name == "e2e" else environment(name)
    return [python, HERE / "python" / program, url, recording, *arguments], {}


@pytest.fixture(scope="session")
def daemon():
    with harness.Daemon("--idle-s", "30") as running:
        yield running


@pytest.fixture(scope="session")
def said():
    """(text, path of a recording of it)"""
    clips = harness.clips()[:2]
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(harness.wav(bytes(harness.RATE).join(clip.pcm() for clip in clips)))
        file.flush()
        yield " ".join(clip.text for clip in clips), file.name


def note(row):
    """Adds a row to the table, which several processes may write."""
    folder = harness.ROOT / "build-check"
    folder.mkdir(exist_ok=True)
    with open(folder / "clients.md", "a") as table:
        table.write(row + "\n")


@pytest.mark.parametrize("name, program, arguments", CHOSEN)
def test_a_client_hears_the_text_at_its_defaults(daemon, said, name, program, arguments):
    if program == "vosk_transcriber.py" and not shutil.which("ffmpeg"):
        pytest.skip("vosk-transcriber needs ffmpeg")
    text, recording = said
    words, more = command(name, program, arguments, daemon.url, recording)
    ran = subprocess.run([str(word) for word in words], env={**os.environ, **more}, capture_output=True, text=True,
                         timeout=300)
    heard = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert heard, ran.stderr[-3000:]
    rates = [harness.word_error_rate([(text, one.get("text") or "")]) for one in heard]
    for one, rate in zip(heard, rates):
        note(f"| {one['client']} | {one['version'].removeprefix('v')} | {one.get('problem') or f'{100 * rate:.0f} %'} |")
    wrong = [one for one, rate in zip(heard, rates) if rate > WORST]
    assert not wrong, f"{wrong}\n{ran.stderr[-3000:]}"
