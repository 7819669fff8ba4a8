"""Models that a foldable one is compared with; none of them ships.

    unshared   every logical layer has weights of its own, bridges too; it begins as the same function
    adapters   every unfold has, behind each block, a small matrix pair of its own, besides its norms and scales
    tied       unfolds have nothing of their own, not even norms: Tied's gradients are made equal
"""

import copy

import torch.nn.functional as F
from torch import nn

from .encoder import Foldable


class Unshared(Foldable):
    NEW = Foldable.NEW + ("stacks.", "bridges.")

    def __init__(self, config):
        super().__init__(config)
        more = range(1, config.unfolds)
        self.stacks = nn.ModuleList(copy.deepcopy(self.blocks) for _ in more)
        self.bridges = nn.ModuleList(copy.deepcopy(self.bridge) for _ in list(more)[1:] if config.bridge)

    def load_pretrained(self, state, layers=None):
        super().load_pretrained(state, layers)
        for copies, of in [(self.stacks, self.blocks)] + ([(self.bridges, self.bridge)] if self.config.bridge else []):
            for one in copies:
                one.load_state_dict(of.state_dict())

    def layers(self, r):
        return self.stacks[r - 1] if r else self.blocks

    def bridge_into(self, r):
        return self.bridges[r - 2] if r > 1 else self.bridge


class Adapter(nn.Module):
    """x + up(silu(down(x))), zero at first."""

    def __init__(self, d, rank=16):
        super().__init__()
        self.down, self.up = nn.Linear(d, rank), nn.Linear(rank, d)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x):
        return x + self.up(F.silu(self.down(x)))


class Adapted(Foldable):
    NEW = Foldable.NEW + ("adapters.",)

    def __init__(self, config):
        super().__init__(config)
        self.adapters = nn.ModuleList(Adapter(config.d) for _ in range(config.unfolds * config.blocks))

    def layers(self, r):
        own = self.adapters[r * len(self.blocks):(r + 1) * len(self.blocks)]
        return [lambda x, *rest, block=block, adapter=adapter: adapter(block(x, *rest))
                for block, adapter in zip(self.blocks, own)]


class Tied(Foldable):
    def tie(self):
        """Unfolds share the gradients of what would tell them apart, so what began equal stays equal."""
        for name, p in self.blocks.named_parameters():
            if name.endswith(".scale") or ".norm_" in name:
                p.grad.copy_(p.grad.mean(0, keepdim=True).expand_as(p))


CONTROLS = {"unshared": Unshared, "adapters": Adapted, "tied": Tied}
