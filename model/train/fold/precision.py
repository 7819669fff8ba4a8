"""bfloat16 where the device multiplies faster in it, float32 where it does not: a CPU without instructions for it is thirty
times slower."""

import functools
import time

import torch


@functools.cache
def _is_half_faster_here():
    """Whether products in bfloat16 take less time than in float32 on this CPU, tried once a process."""
    def took(kind):
        a, b = torch.ones(256, 256, dtype=kind), torch.ones(256, 256, dtype=kind)
        times = []
        for _ in range(5):
            began = time.perf_counter()
            a @ b
            times.append(time.perf_counter() - began)
        return min(times)

    return took(torch.bfloat16) < took(torch.float32)


def is_half_faster(device):
    return torch.device(device).type != "cpu" or _is_half_faster_here()


def kind(device):
    """What matrices are of that are only read, and what goes into a product."""
    return torch.bfloat16 if is_half_faster(device) else torch.float32


def mixed(device):
    """The context in which products of a network are made."""
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=is_half_faster(device))
