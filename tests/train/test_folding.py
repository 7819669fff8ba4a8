"""Folding a checkpoint: which layers share a block, what sharing loses and adapters bring back, and the commands."""

import json

import pytest
import torch

from trainer import command

from fold import folding, seedfile, text, wave
from fold.checkpoint import Checkpoint
from fold.encoder import Foldable

transformers = pytest.importorskip("transformers")

D, LAYERS = 32, 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small HuBERT with a CTC head over this project's letters, of random weights; biases of products are zero."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(5)
    letters = {"|": 1, "<pad>": 0, **{s: i for i, s in enumerate(text.VOCAB) if i > 1}}
    model = transformers.HubertForCTC(transformers.HubertConfig(
        hidden_size=D, num_hidden_layers=LAYERS, num_attention_heads=4, intermediate_size=48, conv_dim=[12] * 7,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, vocab_size=len(letters)))
    for name, p in model.named_parameters():
        p.data += 0 if name.endswith(("_proj.bias", "_dense.bias")) else 0.1 * torch.randn_like(p)
    model.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(letters))
    return folder


@pytest.fixture(scope="module")
def checkpoint(folder):
    return Checkpoint(folder)


@torch.no_grad()
def heard(model):
    torch.manual_seed(6)
    return model.eval()(0.1 * torch.randn(1, 9000), torch.tensor([9000]))[0]


def test_by_position_lower_blocks_are_unique_and_the_rest_is_run_again():
    fold = folding.by_position(6, 4, 6)
    assert (fold.blocks, fold.begins, fold.first) == ([0, 1, 2, 3, 2, 3], [0, 1, 2, 3], 4)
    assert folding.by_position(12, 8, 12).blocks == [*range(8), 4, 5, 6, 7]
    assert folding.by_position(6, 2, 6).blocks == [0, 1, 0, 1, 0, 1]


def test_stepwise_begins_as_layers_from_the_lowest_to_the_highest():
    assert folding.by_position(6, 3, 6, stepwise=True).begins == [0, 2, 5]


def test_more_logical_layers_than_the_checkpoint_has_stand_for_its_layers_in_order():
    fold = folding.by_position(6, 4, 8)
    assert fold.blocks == [0, 1, 2, 3, 0, 1, 2, 3] and fold.layers == sorted(fold.layers)
    assert set(fold.layers) == set(range(6))


def test_similarity_runs_a_layer_in_place_of_its_double(checkpoint):
    model = folding.build(checkpoint, folding.whole(LAYERS)).eval()
    model.prelude[4].load_state_dict(model.prelude[1].state_dict())
    missed = folding.imitation(model, [torch.randn(8000)])
    assert float(missed[1][4]) < 1e-9 < float(missed[0][4])
    fold = folding.by_similarity(missed, 5, LAYERS)
    assert fold.blocks == [0, 1, 2, 3, 1, 4] and fold.begins == [0, 1, 2, 3, 5]


@pytest.mark.parametrize("way", [dict(), dict(stepwise=True)])
@pytest.mark.parametrize("count, logical", [(4, 6), (3, 6), (2, 6)])
def test_adapters_of_full_rank_bring_back_all_that_sharing_loses(checkpoint, count, logical, way):
    fold = folding.by_position(LAYERS, count, logical, **way)
    whole = heard(folding.build(checkpoint, folding.whole(LAYERS)))[-1]
    miss = lambda rank: float((heard(folding.build(checkpoint, fold, rank))[-1] - whole).abs().max())
    assert miss(0) > 0.05 and miss(D) < 1e-3


def test_what_a_fold_misses_falls_with_the_rank_of_its_adapters(checkpoint):
    whole, fold = folding.build(checkpoint, folding.whole(LAYERS)).eval(), folding.by_position(LAYERS, 4, 6)
    noise = [torch.randn(8000), torch.randn(9000)]
    missed = [folding.missed_by(folding.build(checkpoint, fold, rank).eval(), whole, noise) for rank in (0, 16, D)]
    assert missed[0] > missed[1] > missed[2] and missed[2] < 1e-6


def test_adapters_begin_as_the_nearest_of_their_rank(checkpoint):
    lost = torch.randn(20, 12)
    up, down = folding.thin(lost, 5)
    values = torch.linalg.svdvals(lost)
    assert up.shape == (20, 5) and down.shape == (5, 12)
    assert torch.isclose((lost - up @ down).norm(), values[5:].norm(), rtol=1e-4)
    assert torch.allclose((lambda u, d: u @ d)(*folding.thin(lost, 16)), lost, atol=1e-5), "and no more than there is"


def test_adapters_begin_where_their_inputs_are_and_meet_lost_biases_as_far_as_they_can():
    x = torch.randn(2000, 12) * torch.linspace(0.01, 2, 12) + 1
    one = torch.nn.functional.pad(x, (0, 1), value=1)
    lost, bias, moment = torch.randn(20, 12), torch.randn(20), one.T @ one / len(x)
    wanted = x @ lost.T + bias
    miss = lambda near: float((x @ near[1].T @ near[0].T - wanted).square().mean())
    plain, there, whole = folding.thin(lost, 3), folding.thin(lost, 3, moment, bias), folding.thin(lost, 12, moment, bias)
    best = torch.linalg.lstsq(x, wanted).solution
    assert miss(there) < miss(plain) and abs(miss(whole) - float((x @ best - wanted).square().mean())) < 1e-3


def test_what_products_get_to_hear_is_taken_from_the_layers_as_they_are(checkpoint):
    whole = folding.build(checkpoint, folding.whole(LAYERS)).eval()
    moments = folding.inputs(whole, [torch.randn(8000)])
    assert set(moments) == {(layer, product) for layer in range(LAYERS) for product in folding.PRODUCTS}
    assert moments[5, "ffn.fc2"].shape == (49, 49) and moments[0, "attn.q"].shape == (D + 1, D + 1)
    fold, other = folding.by_position(LAYERS, 4, 6), [torch.randn(9000)]
    missed = lambda moments: folding.missed_by(folding.build(checkpoint, fold, 8, moments=moments).eval(), whole, other)
    assert missed(moments) < 0.7 * missed(None)


def test_the_first_exit_of_a_fold_is_its_seed_alone_and_the_last_the_deepest_alone(checkpoint):
    for fold in (folding.by_position(LAYERS, 4, 6), folding.by_position(LAYERS, 3, 8, stepwise=True)):
        build = lambda exits: heard(folding.build(checkpoint, fold, 3, exits))
        (seed, deepest), (first,), (last,) = build((1, 2)), build((1,)), build((2,))
        assert torch.allclose(seed, first, atol=1e-5) and torch.allclose(deepest, last, atol=1e-5)


def test_eight_blocks_for_the_twelve_layers_of_base_save_three_tenths():
    base = Checkpoint.__new__(Checkpoint)
    base.d, base.heads, base.ffn, base.norm, base.layers = 768, 12, 3072, "post", 12
    base.frontend, base.symbols = wave.settings(), ["<pad>", " ", *text.VOCAB[2:]]

    def parameters(fold, rank=0):
        with torch.device("meta"):
            return sum(p.numel() for p in Foldable(folding.config(base, fold, rank)).parameters())

    whole = parameters(folding.whole(12))
    assert abs(whole - 94.4e6) < 0.1e6
    assert 0.295 < 1 - parameters(folding.by_position(12, 8, 12)) / whole < 0.305
    assert 0.27 < 1 - parameters(folding.by_position(12, 8, 12), 32) / whole < 0.29


# The commands, on four tones.

@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """train_tones as pack.py leaves it: sentences over noise."""
    data = tmp_path_factory.mktemp("data")
    generator, at, lines = torch.Generator().manual_seed(1), 0, []
    with open(data / "train_tones.i16", "wb") as out:
        for n, words in enumerate(["one fold", "Two folds.", "it's three", "four at last"]):
            clip = (3000 * torch.randn(26000 + 1600 * n, generator=generator)).to(torch.int16).numpy()
            out.write(clip.tobytes())
            lines.append(f"{at}\t{len(clip)}\ttone-{n}\ttone\t{words}\n")
            at += len(clip)
    (data / "train_tones.tsv").write_text("".join(lines))
    return data


def fold_foundation(folder, packed, out, *more, ok=True):
    return command("fold_foundation.py", "--from", folder, "--data", packed, "--sets", "train_tones", "--scored", "train_tones",
                   "--out", out, "--hours", 0.004, "--batch-seconds", 4, "--processes", 1, *more, ok=ok)


def test_rows_are_trained_side_by_side_and_say_what_they_save(folder, packed, tmp_path):
    printed = fold_foundation(folder, packed, tmp_path, "--row", "foldable", "unshared", "--way", "similarity", "--rank", 2)
    lines = {line["row"]: line for line in map(json.loads, (x for x in printed.splitlines() if x.startswith("{")))}
    assert set(lines["foldable"]["train_tones"]) == {"1", "2"} and set(lines["unshared"]["train_tones"]) == {"2"}
    assert float(lines["foldable"]["saved"].split()[0]) > 5 and lines["unshared"]["saved"] == "0.0 %"
    before, after = (seedfile.load(path) for path in exported(folder, tmp_path / "foldable", tmp_path))
    moved = {name for name, p in after.state_dict().items() if not torch.equal(p, before.state_dict().get(name, p + 1))}
    assert any(name.startswith("blocks.") for name in moved) and any(".adapters." in name for name in moved)
    assert not any(name.startswith(("frontend.convs.", "frontend.norms.")) for name in moved)
    compared = command("compare.py", "train_tones", f"{tmp_path}/foldable/texts.json:2", f"{tmp_path}/unshared/texts.json:2")
    assert compared.startswith("CER: the first is better by")


def exported(folder, run, out):
    """Of the checkpoint as it is, and of a run: model files."""
    command("import_transformers.py", "--from", folder, "--out", out / "whole.safetensors", "--dtype", "f32")
    command("export.py", "--run", run, "--out", out / "folded.safetensors", "--dtype", "f32", "--name", "folded")
    return out / "whole.safetensors", out / "folded.safetensors"


def test_what_cannot_be_folded_is_said(folder, packed, tmp_path):
    assert "1 to 6 blocks" in fold_foundation(folder, packed, tmp_path, "--blocks", 7, ok=False)
    assert "at least as many as blocks" in fold_foundation(folder, packed, tmp_path, "--blocks", 4, "--logical", 3, ok=False)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "whisper"}))
    said = fold_foundation(tmp_path, packed, tmp_path / "run", ok=False)
    assert "config.json: model_type" in said and "Traceback" not in said and not (tmp_path / "run").exists()


@pytest.mark.parametrize("family", ["hubert", "wav2vec2"])
def test_a_small_encoder_is_pre_trained_goes_on_where_it_was_left_and_is_read(packed, tmp_path, family):
    def pretrain(*more):
        return command("pretrain.py", "--data", packed, "--sets", "train_tones", "--out", tmp_path, "--family", family, "--hours",
                       0.01, "--layers", 2, "--width", 32, "--channels", *[12] * 7, "--clusters", 8, "--batch-seconds", 4, *more)

    pretrain("--stop-after", 0.001)
    left = torch.load(tmp_path / "last.pt", map_location="cpu")
    assert 0 < left["hours"] < 0.01
    pretrain()
    ended = torch.load(tmp_path / "last.pt", map_location="cpu")
    assert ended["hours"] >= 0.01 and ended["step"] > left["step"]
    assert all(value.isfinite().all() for value in ended["model"].values())
    checkpoint = Checkpoint(tmp_path / "encoder")
    assert (checkpoint.layers, checkpoint.d, checkpoint.has_head) == (2, 32, False)
    assert len(heard(folding.build(checkpoint, folding.whole(2)))) == 1
