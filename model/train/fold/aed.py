"""The attention decoder: reads the encoder's frames and writes pieces of text, cased and punctuated.

    memory = exit.norm(x)                       # [B, T, d], of any depth: all depths share it
    logits = decoder(pieces, memory, mask)      # [B, U, V]

With paths, a depth is written by the layers that its path lists and a last norm of its own: a shallow answer costs less
to write as well.

Pre-norm layers of causal self-attention (rotary), attention over memory (no positions) and a gated
FFN (SwiGLU); the embedding is tied to the output. That is Moonshine's decoder, whose weights it starts
with. A first pass (CTC) drafts what is said, and the attention decoder verifies the draft in a few
parallel passes instead of one pass a piece; see model/aed/aed.h.

Names of parameters are the names of tensors in the model file, below "decoder.".
"""

import torch
import torch.nn.functional as F
from torch import nn

BEGIN, END = 1, 2


def rotate(x, rope):
    """Rotary embedding on halves of the first 2m dims; x [B, H, U, dh], rope (cos, sin) [U, m]."""
    cos, sin = rope
    m = cos.shape[-1]
    a, b, rest = x[..., :m], x[..., m:2 * m], x[..., 2 * m:]
    return torch.cat((a * cos - b * sin, b * cos + a * sin, rest), -1)


def attend(q, k, v, mask=None):
    """Scaled dot-product attention, q k v [B, H, T, d/H], mask of booleans. On a CPU the fused kernel's gradient costs
    twice that of the plain products (14 s of sound, bfloat16), so training spells them out."""
    if not (torch.is_grad_enabled() and q.device.type == "cpu"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1) @ v


class Norm(nn.Module):
    """LayerNorm without bias; depths: one gain each, [R, d]."""

    def __init__(self, d, depths=None):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(d) if depths is None else torch.ones(depths, d))

    def forward(self, x, depth=None):
        return F.layer_norm(x, x.shape[-1:], self.gain if depth is None else self.gain[depth], None, 1e-5)


class Heads(nn.Module):
    """Projections of one attention; memory None: of x itself, causal, rotary."""

    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        for name in "qkvo":
            setattr(self, name, nn.Linear(d, d, bias=False))

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def keys(self, x):
        return self.split(self.k(x)), self.split(self.v(x))

    def forward(self, x, keys, rope=None, mask=None, causal=False):
        q = self.split(self.q(x))
        if rope is not None:
            q = rotate(q, rope)
        if causal and q.shape[2] > 1:
            mask = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool, device=q.device).tril()
        return self.o(attend(q, *keys, mask).transpose(1, 2).flatten(2))


class GatedFeedForward(nn.Module):
    def __init__(self, d, width):
        super().__init__()
        self.up, self.down = nn.Linear(d, 2 * width), nn.Linear(width, d)

    def forward(self, x):
        value, gate = self.up(x).chunk(2, -1)
        return self.down(value * F.silu(gate))


class Layer(nn.Module):
    def __init__(self, d, heads, ffn):
        super().__init__()
        self.norm_self, self.self = Norm(d), Heads(d, heads)
        self.norm_cross, self.cross = Norm(d), Heads(d, heads)
        self.norm_ffn, self.ffn = Norm(d), GatedFeedForward(d, ffn)

    def forward(self, x, memory, rope, mask, past):
        """past: {} keeps keys between calls (one piece a call), None: all pieces at once."""
        h = self.norm_self(x)
        k, v = self.self.keys(h)
        k = rotate(k, rope)
        if past is not None:
            if "k" in past:
                k, v = torch.cat((past["k"], k), 2), torch.cat((past["v"], v), 2)
            past["k"], past["v"] = k, v
        x = x + self.self(h, (k, v), rope, causal=k.shape[2] == h.shape[1])
        if past is None:
            keys = self.cross.keys(memory)
        else:
            keys = past.setdefault("memory", None) or self.cross.keys(memory)
            past["memory"] = keys
        x = x + self.cross(self.norm_cross(x), keys, mask=mask)
        return x + self.ffn(self.norm_ffn(x))


class AttentionDecoder(nn.Module):
    def __init__(self, d, heads, ffn, layers, pieces, paths=None, rope_dims=32, rope_base=10000.0):
        """paths: the layers that write each depth, in order; None: all write every depth."""
        super().__init__()
        self.paths = paths
        self.rope_dims, self.rope_base = rope_dims, rope_base
        self.embed = nn.Embedding(pieces, d)
        self.layers = nn.ModuleList(Layer(d, heads, ffn) for _ in range(layers))
        self.norm = Norm(d, paths and len(paths))

    def rope(self, begin, end, device):
        rate = self.rope_base ** (-torch.arange(0, self.rope_dims, 2, device=device) / self.rope_dims)
        angle = torch.arange(begin, end, device=device)[:, None] * rate
        return angle.cos(), angle.sin()

    def states(self, pieces, memory, mask=None, past=None, at=0, depth=-1):
        """pieces [B, U] (BEGIN first), memory [B, T, d], mask [B, 1, 1, T] of valid frames, depth from 0 (-1: the
        deepest). -> x [B, U, d] behind the last norm. past: a list of dicts, one a layer, for decoding."""
        x = self.embed(pieces)
        rope = self.rope(at, at + pieces.shape[1], x.device)
        for i in self.paths[depth] if self.paths else range(len(self.layers)):
            x = self.layers[i](x, memory, rope, mask, None if past is None else past[i])
        return self.norm(x, depth if self.paths else None)

    def forward(self, pieces, memory, mask=None, past=None, at=0, depth=-1):
        """As states. -> logits [B, U, V] of the piece that follows."""
        return F.linear(self.states(pieces, memory, mask, past, at, depth), self.embed.weight)

    @torch.no_grad()
    def greedy(self, memory, mask=None, limit=None, depth=-1):
        """-> list of B lists of pieces, END left out. limit: pieces at most; default by length."""
        B, T, _ = memory.shape
        limit = limit or 2 + T // 6
        past = [{} for _ in self.layers]
        last = torch.full((B, 1), BEGIN, device=memory.device)
        out, done = [[] for _ in range(B)], torch.zeros(B, dtype=torch.bool, device=memory.device)
        for at in range(limit):
            last = self(last, memory, mask, past, at, depth).argmax(-1)
            done |= last[:, 0] == END
            if bool(done.all()):
                break
            for row, piece in enumerate(last[:, 0].tolist()):
                if not done[row]:
                    out[row].append(piece)
        return out
