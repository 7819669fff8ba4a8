"""Several processes, one set of weights: data-parallel training in shared memory.

On a CPU two processes of one thread each beat one process of two threads by a third: small
operations do not split well. Weights lie in shared memory; every process writes its gradients into
a row of one shared array [of, P], then updates its own share of the parameters with the mean of all
rows. Nothing is sent; three barriers a step keep them together. A team of one is plain training.
"""

import signal
import sys

import torch


class Team:
    """What members share besides the model; made by the parent, after the model's weights are set."""

    def __init__(self, model, of, minutes=0.0, learns=lambda name: not name.startswith("frontend.")):
        self.of = of
        for name, p in model.named_parameters():
            p.requires_grad_(learns(name))
        self.clock = torch.tensor([minutes, 0.0], dtype=torch.float64)
        if of == 1:
            return
        model.share_memory()
        self.clock.share_memory_()
        size = sum(p.numel() for p in model.parameters() if p.requires_grad)
        self.rows = torch.zeros(of, size).share_memory_()
        self.squares = torch.zeros(of, dtype=torch.float64).share_memory_()
        self.barrier = torch.multiprocessing.get_context("spawn").Barrier(of)

    def launch(self, member, arguments):
        """member(rank, *arguments) in every process of the team, until all are done."""
        if self.of == 1:
            member(0, *arguments)
            return
        # Members end with their parent, also when it is told to end.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        torch.multiprocessing.spawn(member, arguments, self.of, daemon=True)

    def join(self, rank, model):
        """Called once by each member, in its process: its gradients become views of its row."""
        self.rank, self.slices, at = rank, {}, 0
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        for name, p in self.parameters.items():
            self.slices[name] = slice(at, at + p.numel())
            if self.of > 1:
                p.grad = self.rows[rank, self.slices[name]].view_as(p)
            at += p.numel()

    def wait(self):
        if self.of > 1:
            self.barrier.wait()

    def told(self):
        """Minutes: the first member's clock at the last step, so that all leave the loop together."""
        return float(self.clock[0])

    def beside(self):
        """Another time of the first member, told like that one."""
        return float(self.clock[1])

    def clear(self):
        for p in self.parameters.values():
            if self.of > 1:
                p.grad.zero_()
            else:
                p.grad = None

    def step(self, optimiser, share, active, minutes, largest=1.0, beside=0.0):
        """One update of the parameters whose names are active, by the mean of all gradients, clipped
        to a norm of largest over all of them. minutes: what the first member's clock says."""
        mine = {name: p for name, p in optimiser.named.items() if active(name) and p.grad is not None}
        kept = {name: p.grad for name, p in optimiser.named.items()}
        if self.of > 1:
            self.wait()
            for name, p in mine.items():
                p.grad = self.rows[:, self.slices[name]].mean(0).view_as(p)
        if self.rank == 0:  # between barriers: nobody reads it now
            self.clock[0], self.clock[1] = minutes, beside
        square = sum(float(p.grad.square().sum()) for p in mine.values())
        if self.of > 1:
            self.squares[self.rank] = square
            self.wait()
            square = float(self.squares.sum())
        scale = min(1.0, largest / (square ** 0.5 + 1e-6))
        for name, p in optimiser.named.items():
            p.grad = p.grad.mul_(scale) if name in mine else None
        optimiser.step(share)
        for name, p in optimiser.named.items():
            p.grad = kept[name]
        self.wait()
