"""Few blocks out of a checkpoint's many layers: which layer each block begins as, and where each is run.

A Fold lists logical layers: the block that each runs, the layer of the checkpoint that it stands for. Ways to make one:

    position     the lowest layers are unique; the rest is a stack that is run again, each block begins as the lowest layer
                 that it stands for
    stepwise     the same, and blocks of the stack begin as layers at even steps, from its lowest to its highest (arXiv
                 2410.20672)
    similarity   blocks take the place of those layers that they imitate best: what layer i makes of what layer j hears is
                 compared with what j makes of it, over some sound; where it misses least, i is run again

What sharing loses of a product may come back as a pair of thin matrices for each time that a block is run (adapters),
which begin as the truncated singular value decomposition of the difference, where its inputs are: what counts is what the product
makes of them. Norms and biases of norms are of each time anyway.
"""

import dataclasses

import torch

from . import text
from .encoder import Config, Foldable

WAYS = ("position", "stepwise", "similarity")
PRODUCTS = ("attn.q", "attn.k", "attn.v", "attn.o", "ffn.fc1", "ffn.fc2")


@dataclasses.dataclass
class Fold:
    blocks: list    # of each logical layer
    layers: list    # of the checkpoint, that each logical layer stands for
    begins: list    # of the checkpoint, that each block begins as
    first: int      # logical layers of the first unfold

    def rows(self):
        """How often each logical layer's block has been run before it."""
        return [self.blocks[:i].count(b) for i, b in enumerate(self.blocks)]

    def unique(self):
        """Lower layers whose blocks are run once: the prelude. One block at least is left to be shared."""
        once = [self.blocks.count(b) == 1 for b in self.blocks]
        return min((once + [False]).index(False), self.first, len(self.begins) - 1)

    def moved(self):
        """Whether any block begins as another layer than the first that it stands for."""
        return any(self.layers[self.blocks.index(b)] != layer for b, layer in enumerate(self.begins))


def whole(layers):
    """Every layer once."""
    every = list(range(layers))
    return Fold(every, every, every, layers)


def stretched(layers, logical):
    """The layer of the checkpoint that each of so many logical ones stands for, in order."""
    return [round(i * (layers - 1) / max(1, logical - 1)) for i in range(logical)]


def by_position(layers, count, logical, stepwise=False):
    """count blocks for so many logical layers: unique ones below, as many as leave a stack that is run twice."""
    unique = max(0, 2 * count - logical)
    shared = count - unique
    blocks = [i if i < unique else unique + (i - unique) % shared for i in range(logical)]
    stands = stretched(layers, logical)
    above = stands[unique:]  # what the shared ones stand for
    steps = [above[i] for i in stretched(len(above), shared)]
    begins = stands[:unique] + (steps if stepwise else above[:shared])
    return Fold(blocks, stands, begins, count)


def by_similarity(missed, count, logical):
    """missed [L, L]: how badly layer i does what j does. Layers are merged one by one, each into a lower one."""
    layers = len(missed)
    stands, runs = stretched(layers, logical), list(range(layers))
    while len(set(runs)) > count:
        kept = sorted(set(runs))
        # Of all that a merge would change: the worst miss of any layer that j stands for, if i takes them over.
        cost, i, j = min((max(float(missed[i][k]) for k in range(layers) if runs[k] == j), i, j)
                         for j in kept for i in kept if i < j)
        runs = [i if r == j else r for r in runs]
    kept = sorted(set(runs))
    blocks = [kept.index(runs[s]) for s in stands]
    return Fold(blocks, stands, kept, count)


@torch.no_grad()
def imitation(model, waves):
    """model: a checkpoint with every layer its own block (whole). -> missed [L, L]: squared error of what layer i makes of
    what layer j hears, against what j changes of it, over some sounds [N]."""
    every = [*model.prelude, *model.blocks]
    layers = len(every)
    missed, changed = torch.zeros(layers, layers), torch.zeros(layers)
    for wave in waves:
        x, frames = model.frontend(wave[None], torch.tensor([len(wave)]))
        context = model.context(x, frames)
        for j, block in enumerate(every):
            y = block(x, *context, 0)
            changed[j] += (y - x).square().sum()
            for i, other in enumerate(every):
                missed[i, j] += (other(x, *context, 0) - y).square().sum() if i != j else 0
            x = y
    return missed / changed


@torch.no_grad()
def missed_by(model, whole, waves):
    """Squared error of what the deepest exit of model reads, against that of whole, relative, over some sounds [N]."""
    error = size = 0.0
    for wave in waves:
        read = []
        for one in (model, whole):
            x, _, context = one.features(wave[None], torch.tensor([len(wave)]))
            read.append(one.exit.norm(one.unfolds(x, context, one.config.unfolds)[-1]))
        error += float((read[0] - read[1]).square().sum())
        size += float(read[1].square().sum())
    return error / size


def config(checkpoint, fold, rank=0, exits=(1, 2)):
    """exits: (1, 2) for a seed and its deepest unfold; (1,) for the first alone, (2,) for all of it with one exit."""
    unique, steps = fold.unique(), list(zip(fold.blocks, fold.rows()))
    if exits == (1,):
        steps = steps[:fold.first]
    split = fold.first if exits == (1, 2) and fold.first < len(steps) else len(steps)
    blocks, rows = max(b for b, _ in steps) + 1 - unique, max(r for _, r in steps) + 1
    paths = [[[b - unique, r] for b, r in part if b >= unique] for part in (steps[:split], steps[split:]) if part]
    plain = paths == [[[b, r] for b in range(blocks)] for r in range(len(paths))]
    ranks = [rank if r or fold.moved() else 0 for r in range(rows)]
    return Config(d=checkpoint.d, heads=checkpoint.heads, ffn=checkpoint.ffn, prelude=unique, blocks=blocks,
                  unfolds=len(paths), conv_kernel=0, rope_dims=0, vocab=len(checkpoint.symbols), grow=1,
                  frontend=checkpoint.frontend, norm=checkpoint.norm, biases=True, chained=not plain,
                  rows=None if rows == len(paths) else rows, paths=None if plain else paths,
                  adapters=ranks if any(ranks) else None,
                  symbols=None if checkpoint.symbols == text.VOCAB else checkpoint.symbols)


def build(checkpoint, fold, rank=0, exits=(1, 2), moments=None):
    """-> Foldable that begins with the checkpoint's weights; without a head of its own, with a new one.
    moments: of what products get to hear (inputs), for adapters that begin as the nearest for such."""
    model, unique, mine = Foldable(config(checkpoint, fold, rank, exits)), fold.unique(), {}
    of = lambda layer, name: checkpoint.state[f"layers.{layer}.{name}"]
    for name, value in checkpoint.state.items():
        if not name.startswith("layers."):
            mine[name] = value
    for b, row, layer in zip(fold.blocks, fold.rows(), fold.layers):
        block, at = (model.prelude[b], f"prelude.{b}.") if b < unique else (
            model.blocks[b - unique], f"blocks.{b - unique}.") if b - unique < len(model.blocks) else (None, "")
        for name, value in block.state_dict().items() if block else ():
            if name.startswith("norm_"):
                value = mine.setdefault(at + name, value.clone())
                if value.ndim == 1 or row < len(value):
                    (value if value.ndim == 1 else value[row])[:] = of(layer, name)
            elif ".adapters." not in name and name != "scale":
                mine[at + name] = of(fold.begins[b], name)
        for product in PRODUCTS if block else ():
            thin_at = f"{at}{product}.adapters.{row}"
            if f"{thin_at.removeprefix(at)}.up.weight" in block.state_dict():
                lost, bias = (of(layer, f"{product}.{part}") - of(fold.begins[b], f"{product}.{part}") for part in ("weight", "bias"))
                near = thin(lost, rank, None if moments is None else moments[layer, product], bias)
                mine[f"{thin_at}.up.weight"], mine[f"{thin_at}.down.weight"] = near
    missing, unexpected = model.load_state_dict(mine, strict=False)
    # Scales are 1; adapters of a row that no path runs add nothing.
    new = [name for name in missing if ".adapters." not in name and not name.endswith(".scale")
           and not name.startswith("exit.head.")]
    assert not unexpected and not new, (new, unexpected)
    return model


def thin(lost, rank, moment=None, bias=None):
    """-> up [out, rank], down [rank, in]: of that rank, the nearest to lost [out, in], what it makes of its inputs considered
    where their moment [in + 1, in + 1] is known (inputs'); then bias [out], which is lost as well, is met as far as it can be."""
    lost, root, back = lost.double(), None, None
    if moment is not None:
        inner = moment[:-1, :-1].double()
        values, vectors = torch.linalg.eigh(inner)
        values = values.clamp(min=1e-6 * float(values[-1]))
        root, back = vectors * values.sqrt(), (vectors / values.sqrt()).T
        lost = lost + bias.double()[:, None] * (moment[-1, :-1].double() @ (vectors / values) @ vectors.T)
        lost = lost @ root
    left, values, right = torch.linalg.svd(lost, full_matrices=False)
    some = values[:rank].sqrt()
    up, down = left[:, :rank] * some, some[:, None] * right[:rank]
    pad = max(0, rank - len(some))
    down = down if back is None else down @ back
    return (torch.nn.functional.pad(up, (0, pad)).float().contiguous(),
            torch.nn.functional.pad(down, (0, 0, 0, pad)).float().contiguous())


@torch.no_grad()
def inputs(whole, waves, depth=None):
    """-> {(layer, product): mean of [x; 1] [x; 1]^T}, x what that product of that layer gets to hear of some sounds [N].
    depth: by how many unfolds; default: all."""
    moments, hooks = {}, []

    def watch(key):
        def keep(module, given):
            x = torch.nn.functional.pad(given[0].flatten(0, -2), (0, 1), value=1).double()
            moments[key] = moments.get(key, 0) + x.T @ x
        return keep

    for layer, block in enumerate([*whole.prelude, *whole.blocks]):
        hooks += [block.get_submodule(product).register_forward_pre_hook(watch((layer, product))) for product in PRODUCTS]
    for wave in waves:
        whole(wave[None], torch.tensor([len(wave)]), depth)
    for hook in hooks:
        hook.remove()
    return {key: moment / moment[-1, -1] for key, moment in moments.items()}


@torch.no_grad()
def settle(model, rank, waves):
    """-> the like of a model of two unfolds with adapters of their own, whose blocks are what the deepest unfold makes of them: that
    one needs no adapters any more, and the first has the nearest of a rank, where its inputs are (some sounds [N])."""
    moments = inputs(model, waves, 1)
    settled = Foldable(dataclasses.replace(model.config, adapters=[rank, 0]))
    state = {name: value.clone() for name, value in model.state_dict().items() if ".adapters." not in name}
    for b, block in enumerate(model.blocks):
        for product in PRODUCTS:
            first, last = (a.up.weight @ a.down.weight for a in block.get_submodule(product).adapters.values())
            at, moment = f"blocks.{b}.{product}", moments.get((model.config.prelude + b, product))
            state[f"{at}.weight"] += last
            near = thin(first - last, rank, moment, torch.zeros(len(first)))
            state[f"{at}.adapters.0.up.weight"], state[f"{at}.adapters.0.down.weight"] = near
    settled.load_state_dict(state)
    return settled


def between(one, other, share):
    """-> a model so far (0 .. 1) on the way from one to other, which was taught on from it with wider adapters: what products add
    is the weighted sum of both, all else the weighted mean (WiSE-FT, arXiv 2109.01903)."""
    ranks = [a + b for a, b in zip(one.config.adapters, other.config.adapters)]
    mixed = Foldable(dataclasses.replace(other.config, adapters=ranks))
    states = (one.state_dict(), 1 - share), (other.state_dict(), share)
    state = mixed.state_dict()
    for name in state:
        both = [(values[name], weight) for values, weight in states if name in values]
        if ".adapters." in name:
            up = name.endswith(".up.weight")
            state[name] = torch.cat([weight * value if up else value for value, weight in both], int(up))
        else:
            state[name] = sum(weight * value for value, weight in both)
    mixed.load_state_dict(state)
    return mixed.eval()


def apart(fold):
    """The same logical layers, each with a block of its own."""
    every = list(range(len(fold.blocks)))
    return Fold(every, fold.layers, list(fold.layers), len(every))


def forgotten(model):
    """The like, with weights that nothing has been learnt into."""
    return Foldable(model.config)
