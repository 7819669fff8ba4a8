"""The reference of the foundation families: what the configuration of the one network says, PyTorch does."""

import json

import pytest
import torch

from trainer import ROOT

import golden
from fold import seedfile, wave
from fold.encoder import Config, Foldable

TINY = ROOT / "tests" / "golden"
NARROW = {"channels": [12] * 7, "positions": [16, 4]}


def small(**settings):
    torch.manual_seed(3)
    shape = dict(d=32, heads=4, ffn=48, prelude=0, blocks=3, unfolds=2, conv_kernel=0, rope_dims=0, biases=True, norm="post",
                 frontend=wave.settings(**NARROW))
    model = Foldable(Config(**{**shape, **settings})).eval()
    for p in model.parameters():
        p.data += 0.1 * torch.randn_like(p)
    return model


@torch.no_grad()
def heard(model, wave, samples):
    exits, frames = model(wave, torch.tensor(samples))
    return [[x[i, :n] for i, n in enumerate(frames)] for x in exits]


@pytest.mark.parametrize("norm, front", [("post", dict(norm="group")), ("pre", dict(norm="layer", bias=True, normalise=True, norm_last=False))])
def test_an_utterance_is_heard_in_a_padded_batch_as_alone(norm, front):
    model = small(norm=norm, frontend=wave.settings(**NARROW, **front))
    sound = 0.1 * torch.randn(2, 9000)
    sound[1, 7000:] = 0
    together, alone = heard(model, sound, [9000, 7000]), heard(model, sound[1:, :7000], [7000])
    for both, one in zip(together, alone):
        assert torch.allclose(both[1], one[0], atol=1e-5)


@pytest.mark.parametrize("name", ["base", "large", "mixed", "mel"])
def test_the_committed_small_models_give_the_committed_activations(name):
    blob = (TINY / f"tiny-{name}.golden").read_bytes()
    begin = 8 + int.from_bytes(blob[:8], "little")
    kept, data, model = json.loads(blob[8:begin]), blob[begin:], seedfile.load(TINY / f"tiny-{name}.safetensors")
    read = {key: torch.frombuffer(bytearray(data[slice(*e["data_offsets"])]), dtype=torch.float32).reshape(e["shape"])
            for key, e in kept.items()}
    for key, value in golden.activations(model, read["pcm"]).items():
        assert torch.allclose(value, read[key], atol=1e-4), key


def test_chained_paths_go_on_where_the_unfold_before_ended():
    chained = small(paths=[[0, 1, 2], [1, 2]], chained=True, rows=1)
    plain = small(unfolds=1, blocks=5)
    state = chained.state_dict()
    for name, value in list(state.items()):
        if name.startswith(("blocks.1.", "blocks.2.")):
            state[name.replace("blocks.1.", "blocks.3.").replace("blocks.2.", "blocks.4.")] = value
    plain.load_state_dict(state)
    sound = 0.1 * torch.randn(1, 6000)
    assert torch.allclose(heard(chained, sound, [6000])[1][0], heard(plain, sound, [6000])[0][0], atol=1e-5)


def test_a_row_of_its_own_tells_two_runs_of_a_block_apart_by_norms_scales_and_adapters():
    model, sound = small(blocks=1, unfolds=1, paths=[[[0, 0], [0, 1]]], rows=2, adapters=[0, 2]), 0.1 * torch.randn(1, 6000)
    before = heard(model, sound, [6000])[0][0]
    model.blocks[0].norm_attn.gain.data[0] += 0.5
    other = heard(model, sound, [6000])[0][0]
    model.blocks[0].attn.q.adapters["1"].up.weight.data += 1
    third = heard(model, sound, [6000])[0][0]
    assert not torch.allclose(before, other, atol=1e-3) and not torch.allclose(other, third, atol=1e-3)


@pytest.mark.parametrize("dtype", ["f32", "f16", "i8"])
def test_a_seed_of_a_family_is_read_as_it_was_written(tmp_path, dtype):
    model = small(adapters=[0, 2], symbols=["<pad>", " ", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'"], vocab=29)
    seedfile.save(tmp_path / "seed.safetensors", model, "family", dtype)
    again, sound = seedfile.load(tmp_path / "seed.safetensors"), 0.1 * torch.randn(1, 6000)
    assert again.config == model.config
    for one, other in zip(heard(model, sound, [6000]), heard(again, sound, [6000])):
        assert torch.allclose(one[0], other[0], atol={"f32": 1e-6, "f16": 2e-2, "i8": 0.6}[dtype])
