"""The five commands of model/train/FOLDING.md, from a checkpoint to a served seed, on a small one of random weights."""

import json
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
import soundfile
import torch

from trainer import BUILD, DATA, TRAINER

import golden
from fold import folding, seedfile, text
from fold.checkpoint import Checkpoint

transformers = pytest.importorskip("transformers")

CLIP = DATA / "4970-29095-0006.flac"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """CHECKPOINT, and SPEECH with one set of a recording."""
    folder = tmp_path_factory.mktemp("own")
    torch.manual_seed(5)
    letters = {"|": 1, "<pad>": 0, **{symbol: i for i, symbol in enumerate(text.VOCAB) if i > 1}}
    model = transformers.Wav2Vec2ForCTC(transformers.Wav2Vec2Config(
        hidden_size=32, num_hidden_layers=6, num_attention_heads=4, intermediate_size=48, conv_dim=[12] * 7,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, vocab_size=len(letters)))
    for p in model.parameters():
        p.data += 0.1 * torch.randn_like(p)
    model.lm_head.weight.data *= 4  # else it hears nothing but the blank
    model.save_pretrained(folder / "CHECKPOINT")
    (folder / "CHECKPOINT" / "vocab.json").write_text(json.dumps(letters))
    speech = folder / "SPEECH" / "train_own"
    speech.mkdir(parents=True)
    wave, rate = soundfile.read(CLIP)
    soundfile.write(speech / "000.flac", wave, rate)
    (speech / "manifest.tsv").write_text("shard\tstart_s\tdur_s\tid\tspeaker\ttext\n" + "".join(
        f"000.flac\t{at}\t2.0\t{at}\tone\tone or two\n" for at in (0, 1)))
    return folder


def page():
    """The page's commands, as lists of words."""
    block = re.search(r"<!--[^>]*test_fold_your_own.py[^>]*-->\n```sh\n(.*?)```", (TRAINER / "FOLDING.md").read_text(), re.S)
    return [shlex.split(line) for line in block[1].splitlines()]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def commands(folder):
    """The page's, with this folder's places, and a budget of seconds."""
    places = {"SPEECH": folder / "SPEECH", "DATA": folder / "DATA", "CHECKPOINT": folder / "CHECKPOINT", "RUN": folder / "RUN",
              "my.safetensors": folder / "my.safetensors", "127.0.0.1:8080": f"127.0.0.1:{free_port()}", "32": 4, "100": 0.002}
    small = ["--sets", "train_own", "--scored", "train_own", "--batch-seconds", "4", "--processes", "1"]
    lines = [[str(places.get(word, word)) for word in line] for line in page()]
    return [line + small if "fold_foundation" in line[0] else line for line in lines]


@pytest.fixture(scope="module")
def made(commands):
    """What the second to the fourth print; the seed's file is there afterwards."""
    assert len(commands) == 5 and commands[0][:3] == ["pip", "install", "-r"] and (TRAINER / commands[0][3]).exists()
    printed = []
    for line in commands[1:4]:
        done = subprocess.run([sys.executable, *line], cwd=TRAINER, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        printed.append(done.stdout)
        print(f"\n$ {shlex.join(line)}\n{done.stdout}", end="")
    return printed


@pytest.fixture(scope="module")
def served(made, commands):
    """The address of the daemon that the last command starts."""
    binary = BUILD / "server" / commands[4][0]
    if not binary.exists():
        pytest.skip(f"there is no {binary}: ./check builds it")
    url = "http://" + commands[4][commands[4].index("--listen") + 1]
    with subprocess.Popen([binary, *commands[4][1:]], stderr=subprocess.PIPE, text=True) as daemon:
        try:
            for _ in range(600):
                try:
                    assert daemon.poll() is None, daemon.stderr.read()
                    urllib.request.urlopen(url + "/readyz", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield url
        finally:
            daemon.terminate()


def transcribe(url, depth):
    """A clip at a depth, by OpenAI's form."""
    field = lambda name, value: f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    body = (field("model", f"my-model@{depth}") + field("response_format", "verbose_json")
            + b'--x\r\nContent-Disposition: form-data; name="file"; filename="clip.flac"\r\n\r\n' + CLIP.read_bytes()
            + b"\r\n--x--\r\n")
    asked = urllib.request.Request(f"{url}/v1/audio/transcriptions", body, {"Content-Type": "multipart/form-data; boundary=x"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


def test_the_commands_fold_a_checkpoint_and_say_what_that_saves(made):
    said, line = made[1].splitlines()[0], json.loads(made[1].splitlines()[-1])
    assert said.startswith("6 layers in 4 blocks: x1 runs [0,") and "misses what the checkpoint makes by 0." in said
    assert line["way"] == "similarity" and len(line["runs"]) == 6 and line["row"] == "foldable" and set(line["train_own"]) == {"1", "2"} and line["saved"].endswith(" %")


def test_the_seed_is_served_at_both_depths_under_its_name(served):
    with urllib.request.urlopen(f"{served}/v1/models", timeout=10) as answer:
        assert any(model["id"] == "my-model" for model in json.load(answer)["data"])
    answers = [transcribe(served, depth) for depth in (1, 2)]
    print(f"\n$ curl ... -F model=my-model@2\n{json.dumps(answers[1])[:400]}")
    assert [answer["depth"]["used"] for answer in answers] == [1, 2]
    assert all(answer["text"] for answer in answers)


def compare(seed, kept):
    """The engine's activations against kept ones, at every stage and depth."""
    binary = BUILD / "tests" / "golden" / "test_golden"
    if not binary.exists():
        pytest.skip(f"there is no {binary}: ./check builds it")
    done = subprocess.run([binary, seed, kept, "fp32"], capture_output=True, text=True, timeout=300)
    print(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_engine_computes_what_pytorch_computes_of_it(made, folder):
    kept = folder / "kept.golden"
    subprocess.run([sys.executable, TRAINER / "golden.py", "--seed", folder / "my.safetensors", "--clip", CLIP, "--out", kept],
                   check=True, timeout=300)
    compare(folder / "my.safetensors", kept)


@pytest.mark.parametrize("fold", [folding.by_position(6, 3, 8, stepwise=True), folding.by_position(6, 2, 6),
                                  folding.Fold([0, 0, 1, 0, 2, 1], [0, 1, 2, 3, 4, 5], [0, 2, 4], 3)],
                         ids=["stepwise, more layers", "run thrice", "out of order"])
def test_the_engine_runs_every_kind_of_fold(folder, tmp_path, fold):
    """With adapters, and norms and scales that differ in every row."""
    model = folding.build(Checkpoint(folder / "CHECKPOINT"), fold, 3).eval()
    for p in model.parameters():
        p.data += 0.05 * torch.randn_like(p)
    seedfile.save(tmp_path / "seed.safetensors", model, "fold", "f32")
    golden.save(tmp_path / "kept.golden", golden.activations(seedfile.load(tmp_path / "seed.safetensors"),
                                                             torch.from_numpy(soundfile.read(CLIP, dtype="float32")[0])))
    compare(tmp_path / "seed.safetensors", tmp_path / "kept.golden")
