"""Checkpoints of transformers, of random weights: heard as transformers hears them, or refused by name."""

import json
import resource
import signal
import subprocess
import sys

import pytest
import torch

from trainer import TRAINER

from fold import folding, seedfile, text
from fold.checkpoint import Checkpoint, Refused

transformers = pytest.importorskip("transformers")

VOCAB = ["|", "a", "b", "'", "<s>", "<pad>", "<unk>", "c"]
BLANK = VOCAB.index("<pad>")
ORDER = [BLANK, *(i for i in range(len(VOCAB)) if i != BLANK)]
SHAPE = dict(hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, conv_dim=[12] * 7,
             num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, vocab_size=len(VOCAB), pad_token_id=BLANK)
LARGE = dict(do_stable_layer_norm=True, feat_extract_norm="layer", conv_bias=True)
VARIANTS = {"base": {}, "large": LARGE, "layer norm, post": dict(feat_extract_norm="layer"),
            "group norm, pre": dict(do_stable_layer_norm=True), "odd taps": dict(num_conv_pos_embeddings=15),
            "uneven": dict(conv_dim=[4, 6, 8, 10, 12, 14, 16], conv_bias=True)}


def made(folder, kind="HubertForCTC", **settings):
    """Saves a model of random weights, and returns it."""
    torch.manual_seed(5)
    config = getattr(transformers, "HubertConfig" if kind.startswith("Hubert") else "Wav2Vec2Config")
    model = getattr(transformers, kind)(config(**{**SHAPE, **settings})).eval()
    for p in model.parameters():
        p.data += 0.1 * torch.randn_like(p)
    model.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({symbol: i for i, symbol in enumerate(VOCAB)}))
    return model


def sound(seconds=0.7):
    torch.manual_seed(6)
    return 0.1 * torch.randn(1, round(16000 * seconds)) + 0.02


def standard(wave):
    return (wave - wave.mean()) / (wave.var(unbiased=False) + 1e-7).sqrt()


@torch.no_grad()
def ours(folder):
    checkpoint = Checkpoint(folder)
    model = folding.build(checkpoint, folding.whole(checkpoint.layers)).eval()
    return model(sound(), torch.tensor([sound().shape[1]]))[0][-1]


@torch.no_grad()
def theirs(model, wave=None):
    return model(standard(sound()) if wave is None else wave).logits.log_softmax(-1)[..., ORDER]


@pytest.mark.parametrize("kind", ["HubertForCTC", "Wav2Vec2ForCTC"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_heard_as_transformers_hears_it(tmp_path, kind, variant):
    model = made(tmp_path, kind, **VARIANTS[variant])
    assert torch.allclose(ours(tmp_path), theirs(model), atol=1e-4)


@pytest.mark.parametrize("kind", ["HubertModel", "Wav2Vec2Model", "Wav2Vec2ForPreTraining"])
@pytest.mark.parametrize("variant", ["base", "large"])
def test_an_encoder_without_a_head_is_heard_up_to_there(tmp_path, kind, variant):
    model = made(tmp_path, kind, **VARIANTS[variant])
    encoder = getattr(model, "wav2vec2", model)
    checkpoint = Checkpoint(tmp_path)
    mine = folding.build(checkpoint, folding.whole(3)).eval()
    with torch.no_grad():
        x, _, context = mine.features(sound(), torch.tensor([sound().shape[1]]))
        x = mine.exit.norm(mine.unfolds(x, context, 1)[0])
        assert torch.allclose(x, encoder(standard(sound())).last_hidden_state, atol=1e-4)
    assert not checkpoint.has_head and checkpoint.symbols == text.VOCAB


def test_a_pickled_checkpoint_with_weight_norm_of_the_older_names_is_the_same(tmp_path):
    model = made(tmp_path)
    state = {name.replace("parametrizations.weight.original0", "weight_g").replace("parametrizations.weight.original1", "weight_v"):
             value for name, value in model.state_dict().items()}
    assert any(name.endswith("weight_g") for name in state)
    (tmp_path / "model.safetensors").unlink()
    torch.save(state, tmp_path / "pytorch_model.bin")
    assert torch.allclose(ours(tmp_path), theirs(model), atol=1e-4)


def test_weights_in_several_files_and_of_half_precision_are_read(tmp_path):
    model = made(tmp_path)
    model.half().save_pretrained(tmp_path, max_shard_size="20KB")
    (tmp_path / "model.safetensors").unlink()
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert torch.allclose(ours(tmp_path), theirs(model.float()), atol=1e-4)


def test_sound_is_left_as_it_is_where_the_feature_extractor_leaves_it(tmp_path):
    model = made(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"do_normalize": False}))
    assert torch.allclose(ours(tmp_path), theirs(model, sound()), atol=1e-4)


def test_the_blank_comes_first_a_delimiter_is_a_space_and_what_is_no_letter_is_never_written(tmp_path):
    made(tmp_path)
    assert Checkpoint(tmp_path).symbols == ["<pad>", " ", "a", "b", "'", "", "", "c"]


def test_tokens_may_be_told_as_objects_and_nonsense_among_them_is_passed_over(tmp_path):
    made(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(
        {"word_delimiter_token": {"content": "a"}, "unk_token": "b", "eos_token": ["c"], "bos_token": {"other": 1}}))
    assert Checkpoint(tmp_path).symbols == ["<pad>", "|", " ", "", "'", "", "", "c"]


def test_tokens_that_were_added_are_never_written(tmp_path):
    made(tmp_path, vocab_size=10)
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<bos>": 8, "<eos>": 9}))
    assert Checkpoint(tmp_path).symbols[8:] == ["", ""]


def rewrite(name, **changes):
    def change(folder):
        path = folder / name
        said = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**said, **changes}))
    return change


def tensors(change):
    def rewritten(folder):
        import safetensors.torch
        state = safetensors.torch.load_file(folder / "model.safetensors")
        change(state)
        safetensors.torch.save_file(state, folder / "model.safetensors")
    return rewritten


def cut(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


QUERY = "hubert.encoder.layers.1.attention.q_proj.weight"
BAD = {
    "another family": (rewrite("config.json", model_type="wavlm"), ["config.json: model_type", "wavlm", "wav2vec2, hubert"]),
    "no family": (rewrite("config.json", model_type=None), ["config.json: model_type", "null"]),
    "another head": (rewrite("config.json", architectures=["HubertForSequenceClassification"]),
                     ["architectures", "HubertForSequenceClassification", "HubertForCTC"]),
    "activation": (rewrite("config.json", hidden_act="relu"), ["config.json: hidden_act", "relu", "gelu"]),
    "activation of the front end": (rewrite("config.json", feat_extract_activation="silu"), ["feat_extract_activation", "silu"]),
    "norm": (rewrite("config.json", feat_extract_norm="batch"), ["feat_extract_norm", "batch", "group, layer"]),
    "epsilon": (rewrite("config.json", layer_norm_eps=1e-6), ["layer_norm_eps", "1e-06", "1e-05"]),
    "adapter": (rewrite("config.json", add_adapter=True), ["add_adapter", "true", "False"]),
    "batch norm": (rewrite("config.json", conv_pos_batch_norm=True), ["conv_pos_batch_norm", "true"]),
    "heads": (rewrite("config.json", num_attention_heads=5), ["num_attention_heads", "5", "divides hidden_size, 32"]),
    "width": (rewrite("config.json", hidden_size="wide"), ["hidden_size", "wide", "whole number"]),
    "flag": (rewrite("config.json", do_stable_layer_norm="yes"), ["do_stable_layer_norm", "yes", "true, false"]),
    "convolutions": (rewrite("config.json", conv_kernel=[10, 3]), ["conv_kernel", "as many as conv_dim"]),
    "layers": (rewrite("config.json", num_hidden_layers=5), ["model.safetensors: lacks 32 of", "encoder.layers.3."]),
    "fewer layers": (rewrite("config.json", num_hidden_layers=2), ["model.safetensors: has encoder.layers.2."]),
    "no norm of each": (rewrite("config.json", feat_extract_norm="layer"), ["lacks 12 of", "conv_layers.1.layer_norm"]),
    "hidden": (rewrite("config.json", intermediate_size=64), ["intermediate_dense.weight shape", "[48, 32]", "[64, 32]"]),
    "too many layers": (rewrite("config.json", num_hidden_layers=10**9), ["num_hidden_layers", "1000000000", "from 1 to 65536"]),
    "layers of text": (rewrite("config.json", num_hidden_layers="12"), ["num_hidden_layers", '"12"', "whole number"]),
    "one architecture": (rewrite("config.json", architectures=7), ["architectures", "7", "a list of HubertForCTC"]),
    "an extractor": (rewrite("preprocessor_config.json", feature_extractor=3), ["feature_extractor", "3", "an object"]),
    "an index": (rewrite("model.safetensors.index.json", weight_map=[1]), ["index.json: weight_map", "[1]", "an object"]),
    "not text": (lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe{"), ["config.json: cannot be read as JSON"]),
    "broken": (lambda folder: (folder / "config.json").write_text("{"), ["config.json: cannot be read as JSON"]),
    "a list": (lambda folder: (folder / "config.json").write_text("[]"), ["config.json: is a list", "an object"]),
    "none": (lambda folder: (folder / "config.json").unlink(), ["no config.json", "save_pretrained"]),
    "rate": (rewrite("preprocessor_config.json", sampling_rate=8000), ["preprocessor_config.json: sampling_rate", "8000", "16000"]),
    "no vocabulary": (lambda folder: (folder / "vocab.json").unlink(), ["vocab.json: is missing"]),
    "languages": (lambda folder: (folder / "vocab.json").write_text('{"eng": {"a": 0}}'), ["vocab.json: eng", "one language"]),
    "symbols": (rewrite("vocab.json", d=8), ["vocab.json: d", "8", "0 to 7"]),
    "twice": (rewrite("vocab.json", d=7), ["vocab.json: d", "one symbol an id"]),
    "too few": (rewrite("config.json", vocab_size=9), ["vocab.json: has no symbol for 8"]),
    "blank": (rewrite("config.json", pad_token_id=8), ["pad_token_id", "8", "0 to 7"]),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), ["no weights", "pytorch_model.bin"]),
    "cut short": (cut, ["model.safetensors: cannot be read"]),
    "a tensor less": (tensors(lambda t: t.pop(QUERY)), ["lacks 1 of", "encoder.layers.1.attention.q_proj.weight"]),
    "a tensor more": (tensors(lambda t: t.update({"hubert.encoder.other": torch.zeros(1)})), ["has encoder.other"]),
    "shape": (tensors(lambda t: t.update({QUERY: torch.zeros(32, 31)})), ["q_proj.weight shape", "[32, 31]", "[32, 32]"]),
    "kind": (tensors(lambda t: t.update({QUERY: torch.zeros(32, 32, dtype=torch.int8)})), ["q_proj.weight dtype", "torch.int8"]),
    "not finite": (tensors(lambda t: t[QUERY].fill_(float("nan"))), ["q_proj.weight has values that are not finite"]),
    "gains": (tensors(lambda t: t.update({"hubert.encoder.pos_conv_embed.conv.parametrizations.weight.original0":
                                          torch.ones(32, 1, 1)})), ["original0 shape", "[32, 1, 1]", "[1, 1, taps]"]),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_supported_is_refused_by_name(tmp_path, what):
    made(tmp_path)
    change, words = BAD[what]
    change(tmp_path)
    with pytest.raises(Refused) as refused:
        Checkpoint(tmp_path)
    assert all(word in str(refused.value) for word in words), refused.value


def test_an_index_that_names_a_file_that_is_not_there_is_refused(tmp_path):
    made(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-2.safetensors"}}))
    with pytest.raises(Refused, match="model-2.safetensors, which is not there"):
        Checkpoint(tmp_path)


def importing(folder, out, **more):
    return subprocess.run([sys.executable, TRAINER / "import_transformers.py", "--from", folder, "--out", out, "--dtype", "f32"],
                          capture_output=True, text=True, timeout=300, **more)


def test_the_command_writes_a_seed_that_hears_the_same(tmp_path):
    model = made(tmp_path)
    done = importing(tmp_path, tmp_path / "seed.safetensors")
    assert done.returncode == 0, done.stderr
    with torch.no_grad():
        heard = seedfile.load(tmp_path / "seed.safetensors")(sound(), torch.tensor([sound().shape[1]]))[0][-1]
    assert torch.allclose(heard, theirs(model), atol=1e-4)


def test_nothing_is_half_written(tmp_path):
    """Neither where a checkpoint is refused nor where the disk is full: what was there stays, and nothing is added."""
    source, out = tmp_path / "checkpoint", tmp_path / "out" / "seed.safetensors"
    source.mkdir(), out.parent.mkdir()
    made(source)
    out.write_text("what was there")
    small = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)))
    full = importing(source, out, preexec_fn=small)
    rewrite("config.json", hidden_act="relu")(source)
    refused = importing(source, out)
    assert full.returncode and "File too large" in full.stderr
    assert refused.returncode == 1 and "hidden_act" in refused.stderr and "Traceback" not in refused.stderr
    assert [path.name for path in out.parent.iterdir()] == [out.name] and out.read_text() == "what was there"
