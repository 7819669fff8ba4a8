"""A checkpoint of wav2vec 2.0 or HuBERT, as `transformers` saves one to a folder, read and judged.

    Checkpoint(folder)      config.json, preprocessor_config.json, vocab.json, model.safetensors or pytorch_model.bin

Whatever would make another function than the one that is here is refused, by the name of the file and the field, and with what
is supported (Refused). Weight norm is folded into plain weights. `state` has the names of encoder.Foldable, a layer's
beginning with layers.i. (from 0); fold/folding.py makes blocks of them.
"""

import json
import pathlib

import torch

from . import data, text, wave

FAMILIES = {"wav2vec2": ("Wav2Vec2ForCTC", "Wav2Vec2Model", "Wav2Vec2ForPreTraining"),
            "hubert": ("HubertForCTC", "HubertModel")}
EPSILON = 1e-5  # of every norm here
# What config.json says where it says nothing, and what of it is supported, where that is a choice.
DEFAULTS = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
            "conv_dim": [512] * 7, "conv_kernel": [10, 3, 3, 3, 3, 2, 2], "conv_stride": [5, 2, 2, 2, 2, 2, 2],
            "num_conv_pos_embeddings": 128, "num_conv_pos_embedding_groups": 16, "vocab_size": 32, "pad_token_id": 0,
            "conv_bias": False, "do_stable_layer_norm": False, "feat_proj_layer_norm": True}
SUPPORTED = {"hidden_act": ("gelu", "gelu_python"), "feat_extract_activation": ("gelu", "gelu_python"),
             "feat_extract_norm": ("group", "layer"), "layer_norm_eps": (EPSILON,), "add_adapter": (False,),
             "adapter_attn_dim": (None,), "conv_pos_batch_norm": (False,)}
IGNORED = ("masked_spec_embed", "quantizer.", "project_q.", "project_hid.")  # pre-training alone needs them
MOST = 1 << 16  # of anything that is counted
UNWRITTEN = ("<s>", "</s>", "<unk>", "<pad>", "[UNK]", "[PAD]", "<blank>")


class Refused(Exception):
    """Says which file and field, and what is supported."""


def _json(folder, name):
    """What a file of the folder says, {} where there is none."""
    path = folder / name
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as why:
        raise Refused(f"{name}: cannot be read as JSON: {why}") from None
    if not isinstance(value, dict):
        raise Refused(f"{name}: is a {type(value).__name__}; supported: an object")
    return value


def _listed(values):
    return ", ".join("none" if v is None else str(v) for v in values)


def _refuse(name, field, value, supported):
    raise Refused(f"{name}: {field} is {json.dumps(value)}; supported: {supported}")


class Checkpoint:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        if not (self.folder / "config.json").is_file():
            raise Refused(f"{folder}: there is no config.json; supported: a folder that save_pretrained of transformers made")
        self.facts = self._facts(_json(self.folder, "config.json"))
        f = self.facts
        self.d, self.heads, self.ffn = f["hidden_size"], f["num_attention_heads"], f["intermediate_size"]
        self.layers, self.norm = f["num_hidden_layers"], "pre" if f["do_stable_layer_norm"] else "post"
        self.frontend = wave.settings(
            f["conv_dim"], f["conv_kernel"], f["conv_stride"], f["feat_extract_norm"], f["conv_bias"], self._normalised(),
            f["feat_proj_layer_norm"], (f["num_conv_pos_embeddings"], f["num_conv_pos_embedding_groups"]), self.norm == "post")
        raw, self.file = self._tensors()
        self.has_head = "lm_head.weight" in raw
        self.symbols, order = self._symbols() if self.has_head else (text.VOCAB, None)
        self.state = self._mapped(raw, order)

    def _facts(self, config):
        """config.json with what it leaves out, all checked."""
        kind = config.get("model_type")
        if kind not in FAMILIES:
            _refuse("config.json", "model_type", kind, _listed(FAMILIES))
        made_as = config.get("architectures") or []
        if not isinstance(made_as, list):
            _refuse("config.json", "architectures", made_as, "a list of " + _listed(FAMILIES[kind]))
        for made in made_as:
            if made not in FAMILIES[kind]:
                _refuse("config.json", "architectures", made, _listed(FAMILIES[kind]))
        facts = {**DEFAULTS, **{name: allowed[0] for name, allowed in SUPPORTED.items()}, **config}
        for name, allowed in SUPPORTED.items():
            if facts[name] not in allowed:
                _refuse("config.json", name, facts[name], _listed(allowed))
        for name, default in DEFAULTS.items():
            value, least = facts[name], 0 if name == "pad_token_id" else 1
            if isinstance(default, bool):
                if not isinstance(value, bool):
                    _refuse("config.json", name, value, "true, false")
            elif isinstance(default, list):
                if not (isinstance(value, list) and 0 < len(value) <= 64 and all(type(v) is int and 0 < v <= MOST for v in value)
                        and len(value) == len(facts["conv_dim"])):
                    _refuse("config.json", name, value, f"a list of whole numbers from 1 to {MOST}, as many as conv_dim has, 64 at most")
            elif type(value) is not int or not least <= value <= MOST:
                _refuse("config.json", name, value, f"a whole number from {least} to {MOST}")
        for name in ("num_attention_heads", "num_conv_pos_embedding_groups"):
            if facts["hidden_size"] % facts[name]:
                _refuse("config.json", name, facts[name], f"what divides hidden_size, {facts['hidden_size']}")
        return facts

    def _normalised(self):
        """Whether the wave is brought to zero mean and unit variance; a feature extractor does unless told otherwise."""
        said = _json(self.folder, "preprocessor_config.json")
        said = said.get("feature_extractor", said)
        if not isinstance(said, dict):
            _refuse("preprocessor_config.json", "feature_extractor", said, "an object")
        for name, only in (("sampling_rate", data.RATE), ("feature_size", 1)):
            if said.get(name, only) != only:
                _refuse("preprocessor_config.json", name, said[name], only)
        if not isinstance(said.get("do_normalize", True), bool):
            _refuse("preprocessor_config.json", "do_normalize", said["do_normalize"], "true, false")
        return said.get("do_normalize", True)

    def _symbols(self):
        """-> what the exit tells apart, the blank first; ids of the checkpoint in that order."""
        vocab, size, blank = _json(self.folder, "vocab.json"), self.facts["vocab_size"], self.facts["pad_token_id"]
        if not vocab:
            raise Refused("vocab.json: is missing or empty, and lm_head.weight needs it; supported: an object of symbols and ids")
        if not all(type(i) is int for i in vocab.values()):
            _refuse("vocab.json", *next((s, i) for s, i in vocab.items() if type(i) is not int),
                    "one object of symbols and ids, for one language")
        added = {s: i for s, i in _json(self.folder, "added_tokens.json").items() if s not in vocab}
        of = {}
        for symbol, i in {**vocab, **added}.items():
            if not 0 <= i < size:
                _refuse("vocab.json", symbol, i, f"ids from 0 to {size - 1} (vocab_size of config.json)")
            if i in of:
                _refuse("vocab.json", symbol, i, f"one symbol an id; {of[i]!r} has it, too")
            of[i] = symbol
        missing = [i for i in range(size) if i not in of]
        if missing:
            raise Refused(f"vocab.json: has no symbol for {_listed(missing[:5])}; supported: one for each of the {size} rows of "
                          "lm_head.weight (vocab_size of config.json)")
        if blank >= size:
            _refuse("config.json", "pad_token_id", blank, f"the blank's id, 0 to {size - 1}")
        said = {**_json(self.folder, "special_tokens_map.json"), **_json(self.folder, "tokenizer_config.json")}
        told = lambda value: value.get("content") if isinstance(value, dict) else value
        names = lambda *keys: [v for v in map(told, map(said.get, keys)) if isinstance(v, str)]
        silent = {*UNWRITTEN, *added, *names("pad_token", "unk_token", "bos_token", "eos_token"), of[blank]}
        space = next(iter(names("word_delimiter_token")), "|")
        order = [blank, *(i for i in range(size) if i != blank)]
        return [of[blank], *(" " if of[i] == space else "" if of[i] in silent else of[i] for i in order[1:])], order

    def _tensors(self):
        """-> {name: tensor}, the file they are from, where it is one."""
        for name, read in (("model.safetensors", _safetensors), ("pytorch_model.bin", _pickled)):
            path, index = self.folder / name, _json(self.folder, name + ".index.json")
            parts = index.get("weight_map", {})
            if not (isinstance(parts, dict) and all(isinstance(part, str) for part in parts.values())):
                _refuse(name + ".index.json", "weight_map", parts, "an object of tensors and their files")
            parts = sorted(set(parts.values())) or [name]
            if not (path.exists() or index):
                continue
            raw = {}
            for part in parts:
                if not (self.folder / part).is_file():
                    raise Refused(f"{name}.index.json: names {part}, which is not there")
                raw.update(read(self.folder / part))
            return raw, name
        raise Refused(f"{self.folder}: there are no weights; supported: model.safetensors, pytorch_model.bin")

    def _mapped(self, raw, order):
        """raw: the file's tensors -> the like by this project's names and shapes. order: of the head's rows."""
        kind, f = self.facts["model_type"], self.facts
        raw = {name.removeprefix(kind + "."): value for name, value in raw.items()}
        raw = {name: value for name, value in raw.items() if not name.startswith(IGNORED)}
        wanted, d = {}, self.d
        channels = [1, *f["conv_dim"]]
        pairs = [("weight", "weight"), ("bias", "bias")]
        normed = [("weight", "gain"), ("bias", "bias")]

        def want(theirs, mine, shape, names=pairs):
            for theirs_end, mine_end in names:
                wanted[f"{theirs}.{theirs_end}"] = (f"{mine}.{mine_end}", shape if theirs_end == "weight" else shape[:1])

        for i, kernel in enumerate(f["conv_kernel"]):
            at = f"feature_extractor.conv_layers.{i}"
            want(f"{at}.conv", f"frontend.convs.{i}", (channels[i + 1], channels[i], kernel), pairs[:1 + f["conv_bias"]])
            if f["feat_extract_norm"] == "layer" or i == 0:
                want(f"{at}.layer_norm", f"frontend.norms.{i}", channels[i + 1:i + 2])
        if f["feat_proj_layer_norm"]:
            want("feature_projection.layer_norm", "frontend.project_norm", channels[-1:])
        want("feature_projection.projection", "frontend.project", (d, channels[-1]))
        taps, groups = f["num_conv_pos_embeddings"], f["num_conv_pos_embedding_groups"]
        _fold_weight_norm(raw, "encoder.pos_conv_embed.conv", self.file)
        want("encoder.pos_conv_embed.conv", "frontend.positions", (d, d // groups, taps))
        if self.norm == "post":
            want("encoder.layer_norm", "frontend.last_norm", (d,))
        else:
            want("encoder.layer_norm", "exit.norm", (d,), normed)
        for i in range(self.layers):
            theirs, mine = f"encoder.layers.{i}.", f"layers.{i}."
            for a, b in (("q_proj", "q"), ("k_proj", "k"), ("v_proj", "v"), ("out_proj", "o")):
                want(f"{theirs}attention.{a}", f"{mine}attn.{b}", (d, d))
            want(theirs + "layer_norm", mine + "norm_attn", (d,), normed)
            want(theirs + "final_layer_norm", mine + "norm_ffn", (d,), normed)
            want(theirs + "feed_forward.intermediate_dense", mine + "ffn.fc1", (self.ffn, d))
            want(theirs + "feed_forward.output_dense", mine + "ffn.fc2", (d, self.ffn))
        if self.has_head:
            want("lm_head", "exit.head", (f["vocab_size"], d))
        return self._checked(raw, wanted, order)

    def _checked(self, raw, wanted, order):
        missing = [name for name in wanted if name not in raw]
        if missing:
            raise Refused(f"{self.file}: lacks {len(missing)} of {len(wanted)} tensors that a {self.facts['model_type']} of "
                          f"{self.layers} layers (config.json) has: {_listed(missing[:3])}{' ...' if missing[3:] else ''}")
        extra = sorted(set(raw) - set(wanted))
        if extra:
            raise Refused(f"{self.file}: has {_listed(extra[:3])}{' ...' if extra[3:] else ''}, which no supported "
                          f"{self.facts['model_type']} of {self.layers} layers (config.json) has")
        state = {}
        for theirs, (mine, shape) in wanted.items():
            value = raw[theirs]
            if not value.is_floating_point():
                _refuse(self.file, f"{theirs} dtype", str(value.dtype), "float32, float16, bfloat16")
            if list(value.shape) != list(shape):
                _refuse(self.file, f"{theirs} shape", list(value.shape), f"{list(shape)}, as config.json says")
            if not bool(value.isfinite().all()):
                raise Refused(f"{self.file}: {theirs} has values that are not finite")
            state[mine] = value.float()
            if theirs.startswith("lm_head.") and order:
                state[mine] = state[mine][order]
        return state


def _safetensors(path):
    import safetensors.torch
    try:
        return safetensors.torch.load_file(path)
    except Exception as why:  # its errors have no common class but this
        raise Refused(f"{path.name}: cannot be read: {why}") from None


def _pickled(path):
    try:
        raw = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as why:  # likewise
        raise Refused(f"{path.name}: cannot be read as tensors alone: {str(why).splitlines()[0]}") from None
    if not (isinstance(raw, dict) and all(torch.is_tensor(v) for v in raw.values())):
        raise Refused(f"{path.name}: holds other things than tensors by name")
    return raw


def _fold_weight_norm(raw, name, file):
    """weight = g * v / |v|, the norm over all but taps; under the names of either way to say so, or as it is."""
    for g, v in ((f"{name}.weight_g", f"{name}.weight_v"),
                 (f"{name}.parametrizations.weight.original0", f"{name}.parametrizations.weight.original1")):
        if g in raw and v in raw:
            gain, value = raw.pop(g), raw.pop(v)
            if value.ndim != 3 or list(gain.shape) != [1, 1, value.shape[2]]:
                _refuse(file, f"{g} shape", list(gain.shape), f"[1, 1, taps] beside {v} of [out, in, taps]; that has "
                        f"{list(value.shape)}")
            value = value.double()
            raw[f"{name}.weight"] = (gain.double() * value / value.norm(dim=(0, 1), keepdim=True)).float()
