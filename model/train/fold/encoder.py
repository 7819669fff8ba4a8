"""The foldable encoder: wave stem, P unique lower blocks, K shared blocks unfolded r times.

    x = stem(wave)              # [B, T, d], 41.67 frames a second
    for p in prelude: x = p(x)  # unique blocks, run once
    for r in 1..R:
        for b in blocks: x = b(x, r)   # the same weights every time
        exit_r = log_softmax(head(norm(x)))   # or head(letters(x)), where the seed has that block
        x = x + feedback(exp(exit_r))  # before another unfold, where the seed has it

The feedback is self-conditioning (Nozaki and Komatsu, arXiv 2104.02724): the next pass through the
blocks sees what the pass before would have written, and can mend it. Its matrix starts at zero.

A stream is heard in chunks of C frames: what a frame hears ends with its chunk and begins L frames before it
(Chunks). Then a chunk's frames are final when its samples have come, at every depth, and a stream keeps the
last L keys and values of every logical layer. The same weights serve both ways.

A seed may have *paths*: which of its blocks each unfold runs. Every unfold then begins anew from the prelude, with one
matrix of what the unfold before made of it (recall), and a shallow unfold leaves blocks out that a deep one runs: x1 is
a pretrained stack without some of its layers, and the last unfold is all of them.

What differs between unfolds is small: norm gains and biases and residual scales, [R, d] each.
Later unfolds start with residual scales near zero, so growing R leaves the function as it was.

The same network is wav2vec 2.0, HuBERT or a Conformer, as its configuration says: another front end (wave.py, logmel.py),
biases and norms before or behind (biases, norm), and paths whose unfolds go on from the one before (chained). A path may
say which row of norms, scales and adapters a block uses ([block, row]); an adapter adds up(down(x)) to a product, so that
a block that is run again may differ by a few more numbers.

Names of parameters are the names of tensors in the model file; seedfile.py has the table.
"""

import dataclasses
import json
import typing

import torch
import torch.nn.functional as F
from torch import nn

from . import logmel, wave
from .aed import AttentionDecoder, attend


@dataclasses.dataclass
class Config:
    d: int = 416
    heads: int = 8
    ffn: int = 1664
    prelude: int = 4
    blocks: int = 4
    unfolds: int = 3
    conv_kernel: int = 15       # 0: no conv module in the shared blocks
    rope_dims: int = 32
    rope_base: float = 10000.0
    feedback: bool = False      # an exit's probabilities flow into the next unfold
    decoder: dict | None = None  # of the attention decoder: layers, ffn, pieces; None: CTC alone
    bridge: bool = False        # unfolds 2.. begin anew from the prelude, through one block of their own
    letters: bool = False       # the letter head has a block of its own, behind every exit
    paths: list | None = None   # which blocks each unfold runs, in order, from the prelude; None: all, each from the last
    stem_rank: int | None = None  # the stem's second convolution as two factors of this rank; None: whole
    stream: dict | None = None  # chunk and left frames of a live stream, where the seed was taught so (Chunks)
    vocab: int = 29
    grow: float = 0.3           # residual scale at which unfolds 2.. start
    frontend: dict | None = None  # of wave.py ("wave") or logmel.py ("mel"); None: WaveStem
    norm: str = "pre"           # or "post": norms stand behind the residual sums, and an exit has none
    biases: bool = False        # of queries, keys, values and outputs, of all norms
    chained: bool = False       # with paths: unfolds 2.. go on from where the one before ended
    rows: int | None = None     # of a shared block's norms, scales and adapters; later unfolds use the last; None: one an unfold
    adapters: list | None = None  # ranks by row; None: none
    symbols: list | None = None  # what the exit tells apart, blank first, " " between words; None: text.VOCAB

    @property
    def block_rows(self):
        return self.rows or self.unfolds

    @property
    def chunks(self):
        """As a live stream is heard."""
        return Chunks(self.stream["chunk"], self.stream["left"])

    @property
    def anew(self):
        """Unfolds 2.. begin from the prelude's output, with one matrix of what the unfold before made of it."""
        return bool(self.paths) and self.unfolds > 1 and not self.chained

    def to_json(self):
        return json.dumps(dataclasses.asdict(self))


def stem_frames(samples):
    """Frames the stem makes of so many samples (three convolutions without padding)."""
    return stem_frames_of((samples - 127) // 64 + 1)


def stem_frames_of(n):
    """Of so many frames of the first convolution."""
    n = (n - 7) // 3 + 1
    return (n - 3) // 2 + 1


class Chunks(typing.NamedTuple):
    """How a stream is heard: frames a chunk, and frames before its chunk that a frame hears too."""
    size: int
    left: int


class Context(typing.NamedTuple):
    """What blocks need besides x [B, T, d]."""
    rope: tuple          # cos, sin [T, rope_dims / 2]
    mask: torch.Tensor | None   # which frames hear which, [B, 1, 1 or T, T]
    valid: torch.Tensor  # frames that are none of a batch's padding, [B, T, 1]
    chunks: Chunks | None       # None: every frame hears all

    @property
    def memory_mask(self):
        """Frames that the attention decoder may read, [B, 1, 1, T]; None: all."""
        return None if bool(self.valid.all()) else self.valid[:, None, None, :, 0]


STEM_AHEAD = 7  # frames of the first convolution that a frame needs beyond its own six
STEM_EACH = 6


class WaveStem(nn.Module):
    """Moonshine's stem: conv k127 s64, tanh, GroupNorm(1), conv k7 s3, gelu, conv k3 s2, gelu. With a rank the
    second convolution has so many channels, no bias, and a pointwise one (mix) behind it (factor_stem of moonshine.py).

    The group norm is over the whole utterance; with a padded batch its sums run over valid
    frames only, so that an utterance's features do not depend on its batch mates. In chunks it is
    over what has been heard by the end of the chunk.
    """

    def __init__(self, d, rank=None):
        super().__init__()
        self.conv1 = nn.Conv1d(1, d, 127, 64, bias=False)
        self.norm = nn.GroupNorm(1, d)
        self.conv2 = nn.Conv1d(d, rank or 2 * d, 7, 3, bias=not rank)
        self.mix = nn.Conv1d(rank, 2 * d, 1) if rank else nn.Identity()
        self.conv3 = nn.Conv1d(2 * d, d, 3, 2)

    def forward(self, wave, samples, chunk=None):
        """wave [B, N], samples [B] -> x [B, T, d], frames [B]. chunk: frames of one, or None."""
        frames1 = (samples - 127) // 64 + 1
        # conv1 as a matrix product over windows: [B, T1, 127] x [127, d]
        h = torch.tanh(F.linear(wave.unfold(1, 127, 64), self.conv1.weight[:, 0]))
        with torch.autocast(h.device.type, enabled=False):
            inside = torch.arange(h.shape[1], device=h.device)[None] < frames1[:, None]
            h = h.float() * inside[..., None]
            if chunk:
                h = self.normed_chunks(h, frames1, chunk)
            else:
                n = frames1[:, None, None] * h.shape[2]
                mean = h.sum((1, 2), keepdim=True) / n
                var = h.square().sum((1, 2), keepdim=True) / n - mean ** 2
                h = self.normed(h, mean, var)
        h = F.gelu(self.mix(self.conv2(h.transpose(-1, -2).flatten(0, -3))))
        h = F.gelu(self.conv3(h)).transpose(1, 2)
        frames = stem_frames(samples)
        return h.reshape(len(wave), -1, h.shape[-1])[:, :int(frames.max())], frames

    def normed(self, h, mean, var):
        gain = torch.rsqrt(var + self.norm.eps) * self.norm.weight
        return torch.addcmul(self.norm.bias - mean * gain, h, gain)

    def normed_chunks(self, h, frames1, chunk):
        """h [B, T1, d] -> [B, chunks, STEM_EACH * chunk + STEM_AHEAD, d]: every chunk by the mean and variance of all
        up to its end, with what its last frame needs beyond."""
        step, d = STEM_EACH * chunk, h.shape[2]
        count = -(-int(stem_frames_of(frames1).max()) // chunk)
        h = F.pad(h, (0, 0, 0, max(0, count * step + STEM_AHEAD - h.shape[1])))
        ends = (torch.arange(1, count + 1, device=h.device) * step + STEM_AHEAD)[None].minimum(frames1[:, None])
        n = (ends * d)[..., None, None]
        upto = lambda sums: sums.cumsum(1).gather(1, ends - 1)[..., None, None]
        mean = upto(h.sum(2)) / n
        var = upto(h.square().sum(2)) / n - mean ** 2
        windows = h.unfold(1, step + STEM_AHEAD, step)[:, :count].transpose(2, 3)
        return self.normed(windows, mean, var)


class Norm(nn.Module):
    """LayerNorm with a gain and a bias per row: [R, d]; R None: one gain [d], and a bias [d] if bias."""

    def __init__(self, d, unfolds=None, bias=False):
        super().__init__()
        shape = (d,) if unfolds is None else (unfolds, d)
        self.gain = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape)) if bias or unfolds else None

    def forward(self, x, r=None):
        gain = self.gain if self.gain.ndim == 1 else self.gain[r]
        bias = self.bias if self.bias is None or self.bias.ndim == 1 else self.bias[r]
        return F.layer_norm(x, x.shape[-1:], gain, bias, 1e-5)


class LowRank(nn.Module):
    """up(down(x)), zero at first."""

    def __init__(self, wide, out, rank):
        super().__init__()
        self.down, self.up = nn.Linear(wide, rank, bias=False), nn.Linear(rank, out, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.up(self.down(x))


class Product(nn.Linear):
    """A matrix, and what row r adds to it: adapters, by row; a rank of 0 is none."""

    def __init__(self, wide, out, bias, ranks=None):
        super().__init__(wide, out, bias)
        self.adapters = nn.ModuleDict({str(r): LowRank(wide, out, n) for r, n in enumerate(ranks or []) if n})

    def forward(self, x, r=None):
        y = super().forward(x)
        return y + self.adapters[str(r)](x) if str(r) in self.adapters else y


class Attention(nn.Module):
    def __init__(self, d, heads, bias=False, ranks=None):
        super().__init__()
        self.heads = heads
        for name in "qkvo":
            setattr(self, name, Product(d, d, bias, ranks))

    def forward(self, x, rope, mask, r=None):
        B, T, d = x.shape
        q, k, v = (p(x, r).view(B, T, self.heads, -1).transpose(1, 2) for p in (self.q, self.k, self.v))
        q, k = rotate(q, rope), rotate(k, rope)
        return self.o(attend(q, k, v, mask).transpose(1, 2).reshape(B, T, d), r)


def rope_table(T, dims, base, device):
    """cos, sin [T, dims/2]."""
    freq = base ** (-torch.arange(0, dims, 2, device=device).float() / dims)
    angle = torch.arange(T, device=device).float()[:, None] * freq[None]
    return angle.cos(), angle.sin()


def rotate(x, rope):
    """Rotary embedding on halves of the first dims: x [B, H, T, d/H]."""
    cos, sin = rope
    n = cos.shape[-1]
    a, b, rest = x[..., :n], x[..., n:2 * n], x[..., 2 * n:]
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)


class FeedForward(nn.Module):
    def __init__(self, d, hidden, ranks=None):
        super().__init__()
        self.fc1 = Product(d, hidden, True, ranks)
        self.fc2 = Product(hidden, d, True, ranks)

    def forward(self, x, r=None):
        return self.fc2(F.gelu(self.fc1(x, r)), r)


class ConvModule(nn.Module):
    """Conformer's: pointwise, GLU, depthwise, norm, SiLU, pointwise; the output starts at zero."""

    def __init__(self, d, kernel):
        super().__init__()
        self.pw1 = nn.Linear(d, 2 * d)
        self.dw = nn.Conv1d(d, d, kernel, padding=kernel // 2, groups=d)
        self.norm = nn.LayerNorm(d)
        self.pw2 = nn.Linear(d, d)
        nn.init.zeros_(self.pw2.weight)
        nn.init.zeros_(self.pw2.bias)

    def forward(self, x, valid, chunks=None):
        h = F.glu(self.pw1(x), -1) * valid
        h = self.within(h, chunks.size) if chunks else self.dw(h.transpose(1, 2)).transpose(1, 2)
        return self.pw2(F.silu(self.norm(h)))

    def within(self, h, chunk):
        """dw of h [B, T, d] that hears nothing beyond each frame's chunk."""
        B, T, d = h.shape
        left, count = self.dw.kernel_size[0] // 2, -(-T // chunk)
        h = F.pad(h, (0, 0, left, count * chunk - T))
        windows = F.pad(h.unfold(1, chunk + left, chunk), (0, left))  # [B, chunks, d, left + chunk + left]
        y = F.conv1d(windows.flatten(0, 1), self.dw.weight, self.dw.bias, groups=d)
        return y.transpose(1, 2).reshape(B, count * chunk, d)[:, :T]


class Block(nn.Module):
    """attention -> conv? -> ffn, norms before them or behind. unfolds None: a unique block without scales; else as many
    rows of what is its own."""

    def __init__(self, c, unfolds=None):
        super().__init__()
        kernel, ranks = c.conv_kernel if unfolds else 0, c.adapters if unfolds else None
        self.post = c.norm == "post"
        self.norm_attn, self.attn = Norm(c.d, unfolds, c.biases), Attention(c.d, c.heads, c.biases, ranks)
        if kernel:
            self.norm_conv, self.conv = Norm(c.d, unfolds), ConvModule(c.d, kernel)
        self.norm_ffn, self.ffn = Norm(c.d, unfolds, c.biases), FeedForward(c.d, c.ffn, ranks)
        self.scale = None
        if unfolds:  # [R, 3, d]: attention, conv, ffn
            scale = torch.full((unfolds, 3, c.d), float(c.grow))
            scale[0] = 1
            self.scale = nn.Parameter(scale)

    def forward(self, x, rope, mask, valid, chunks, r=None):
        s = (1, 1, 1) if self.scale is None else self.scale[r]
        if self.post:
            x = self.norm_attn(x + s[0] * self.attn(x, rope, mask, r), r)
            if hasattr(self, "conv"):
                x = self.norm_conv(x + s[1] * self.conv(x, valid, chunks), r)
            return self.norm_ffn(x + s[2] * self.ffn(x, r), r)
        x = x + s[0] * self.attn(self.norm_attn(x, r), rope, mask, r)
        if hasattr(self, "conv"):
            x = x + s[1] * self.conv(self.norm_conv(x, r), valid, chunks)
        return x + s[2] * self.ffn(self.norm_ffn(x, r), r)


class Exit(nn.Module):
    """bias: of the norm. post: there is none, as the last block ends with its own."""

    def __init__(self, d, vocab, bias=False, post=False):
        super().__init__()
        self.norm, self.head = nn.Identity() if post else Norm(d, bias=bias), nn.Linear(d, vocab)

    def forward(self, x):
        with torch.autocast(x.device.type, enabled=False):
            return F.log_softmax(self.head(self.norm(x.float())), -1)


class Bridge(nn.Module):
    """What unfold r + 1 begins with: the prelude's output again, and what unfold r made of it, through a block.

    So the first unfold is a shallow model that skips a layer, and a deeper one can be just what was pretrained: a
    chain of unfolds alone would have to mend what the skip broke."""

    def __init__(self, c):
        super().__init__()
        self.block, self.recall = Block(c), nn.Linear(c.d, c.d, bias=False)
        nn.init.zeros_(self.recall.weight)

    def forward(self, start, memory, context):
        return self.block(start + self.recall(memory.to(start.dtype)), *context)


class Letters(nn.Module):
    """One more block, for CTC alone: what the attention decoder reads need not be spelled by sound."""

    def __init__(self, c):
        super().__init__()
        self.block, self.norm = Block(dataclasses.replace(c, adapters=None), 1), Norm(c.d)

    def forward(self, x, context):
        return self.norm(self.block(x, *context, 0))


class Foldable(nn.Module):
    # What a pretrained encoder need not have; it starts as it was made.
    NEW = (".scale", ".bias", ".adapters.", "conv.", "norm_conv.", "exit.head.", "feedback.", "decoder.", "letters.", "recall")

    def __init__(self, config):
        super().__init__()
        c = self.config = config
        made = {None: WaveStem, wave.KIND: wave.WaveFrontend, logmel.KIND: logmel.LogMel}[(c.frontend or {}).get("kind")]
        self.frontend = made(c.d, **c.frontend) if c.frontend else WaveStem(c.d, c.stem_rank)
        self.prelude = nn.ModuleList(Block(c) for _ in range(c.prelude))
        self.blocks = nn.ModuleList(Block(c, c.block_rows) for _ in range(c.blocks))
        self.exit = Exit(c.d, c.vocab, c.biases, c.norm == "post")
        if c.feedback:
            self.feedback = nn.Linear(c.vocab, c.d, bias=False)
            nn.init.zeros_(self.feedback.weight)
        if c.bridge:
            self.bridge = Bridge(c)
        if c.anew:
            self.recall = nn.Linear(c.d, c.d, bias=False)
            nn.init.zeros_(self.recall.weight)
        if c.letters:
            self.letters = Letters(c)
        if c.decoder:
            self.decoder = AttentionDecoder(c.d, c.heads, **c.decoder, rope_dims=c.rope_dims, rope_base=c.rope_base)

    def load_pretrained(self, state, layers=None):
        """state from moonshine.load. layers: which of its layers (from 0) the prelude, the bridge if there is one,
        and the shared blocks start as; default: the lowest, in order."""
        c, mine = self.config, {}
        layers = list(layers or range(c.prelude + c.blocks + c.bridge))
        bridge = layers.pop(c.prelude) if c.bridge else None
        for name, value in state.items():
            if name.startswith("layers."):
                _, i, rest = name.split(".", 2)
                if int(i) == bridge:
                    mine["bridge.block." + rest] = value
                if int(i) not in layers:
                    continue
                i = layers.index(int(i))
                name = f"prelude.{i}.{rest}" if i < c.prelude else f"blocks.{i - c.prelude}.{rest}"
                if i >= c.prelude and rest.startswith("norm_"):
                    value = value.expand(c.unfolds, -1).clone()
            mine[name] = value
        if c.letters:  # begins as a layer of the middle
            start = f"layers.{len({n.split('.')[1] for n in state if n.startswith('layers.')}) * 2 // 3 - 1}."
            for name, value in state.items():
                if name.startswith(start):
                    rest = name[len(start):]
                    mine["letters.block." + rest] = value[None] if rest.startswith("norm_") else value
        missing, unexpected = self.load_state_dict(mine, strict=False)
        assert not unexpected and all(any(n in m for n in self.NEW) for m in missing), (missing, unexpected)

    def features(self, wave, samples, chunks=None):
        """Stem and prelude. -> x [B, T, d], frames [B], Context for unfold(). chunks: as a stream is heard."""
        x, frames = self.frontend(wave, samples, chunks and chunks.size)
        context = self.context(x, frames, chunks)
        for block in self.prelude:
            x = block(x, *context)
        return x, frames, context

    def context(self, x, frames, chunks=None):
        T = x.shape[1]
        t = torch.arange(T, device=x.device)
        keep = t[None] < frames[:, None]
        c = self.config
        mask = None if bool(keep.all()) else keep[:, None, None, :]
        if chunks:
            begin = (t // chunks.size * chunks.size)[:, None]
            heard = (t[None] >= begin - chunks.left) & (t[None] < begin + chunks.size)
            # Padding hears itself, as nothing is left for it to hear.
            mask = heard[None, None] & (True if mask is None else mask | torch.eye(T, dtype=torch.bool, device=x.device))
        return Context(rope_table(T, c.rope_dims, c.rope_base, x.device), mask, keep[..., None], chunks)

    def layers(self, r, paths=None):
        """Blocks of unfold r + 1, called as block(x, *context, r)."""
        paths = paths or self.config.paths
        return [self.step(k) for k in paths[r]] if paths else self.blocks

    def step(self, k):
        """One of a path's: a block, or [block, row], which then is its row whatever the unfold."""
        if isinstance(k, int):
            return self.blocks[k]
        return lambda x, *context_r: self.blocks[k[0]](x, *context_r[:-1], k[1])

    def bridge_into(self, r):
        return self.bridge

    def unfolds(self, x, context, depth, paths=None):
        """x [B, T, d] -> list of x after unfold 1..depth. paths: others than the configuration's."""
        out, start = [], x
        for r in range(depth):
            if r and self.config.bridge:
                x = self.bridge_into(r)(start, self.exit.norm(x), context)
            if r and self.config.anew:
                x = start + self.recall(self.exit.norm(x).to(start.dtype))
            if r and self.config.feedback:
                x = x + self.feedback(self.logp(x, context).exp().to(x.dtype))
            for block in self.layers(r, paths) if paths else self.layers(r):
                x = block(x, *context, min(r, self.config.block_rows - 1))
            out.append(x)
        return out

    def unfold(self, x, context, depth):
        """x [B, T, d] -> list of log-probabilities [B, T, V], one per exit 1..depth."""
        return [self.logp(x, context) for x in self.unfolds(x, context, depth)]

    def logp(self, x, context):
        """x [B, T, d] of any depth -> log-probabilities of letters [B, T, V]."""
        if not self.config.letters:
            return self.exit(x)
        with torch.autocast(x.device.type, enabled=False):
            return F.log_softmax(self.exit.head(self.letters(x.float(), context)), -1)

    def forward(self, wave, samples, depth=None, chunks=None):
        x, frames, context = self.features(wave, samples, chunks)
        return self.unfold(x, context, depth or self.config.unfolds), frames
