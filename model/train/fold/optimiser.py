"""Who updates what: Muon for the matrices of blocks, AdamW for everything else.

Muon (K. Jordan 2024; update sizes matched to AdamW's as in arXiv 2502.16982) orthogonalises the
momentum of a matrix, so that rare directions learn as fast as common ones. What is new or small
(head, feedback, norms, gains, biases, depthwise taps) stays with AdamW.

State is kept by parameter name, so a run may resume with another number of processes.
"""

import torch

from . import precision


def _orthogonalise(grad, coefficients, steps, eps):
    """What torch's Muon does in bfloat16 (K. Jordan 2024), in the precision in which this CPU is fast: U V^T of a matrix, nearly."""
    a, b, c = coefficients
    tall = grad.size(0) > grad.size(1)
    x = grad.T.float() if tall else grad.float()
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def groups(model, lr, muon=True, decoder=0.25):
    """Of what requires gradients. decoder: its share of lr.
    -> list of (kind, peak learning rate, weight decay, {name: parameter})."""
    kinds = {("muon", 1.0): {}, ("muon", 4.0): {}, ("adam", decoder): {}, ("adam", 1.0): {}, ("adam", 2.5): {}, ("adam", 5.0): {}}
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        if name.startswith(("blocks.", "stacks.", "letters.")) and (name.endswith(".scale") or ".norm_" in name):
            kinds["adam", 5.0][name] = p  # what tells unfolds apart
        elif name.startswith(("exit.head", "feedback.")) or ".adapters." in name:
            kinds["adam", 2.5][name] = p
        elif name.startswith("decoder."):
            kinds["adam", decoder][name] = p
        elif muon and p.ndim == 2 and name.startswith("letters."):
            kinds["muon", 4.0][name] = p  # it learns something else than it was taken from
        elif muon and p.ndim == 2 and name.startswith(("blocks.", "stacks.", "prelude.", "bridge")):
            kinds["muon", 1.0][name] = p
        else:
            kinds["adam", 1.0][name] = p
    return [(kind, lr * times, 0.0 if times == 5.0 else 0.01, named) for (kind, times), named in kinds.items() if named]


class Optimiser:
    """Updates a share of the parameters: those at rank, rank + of, ... by falling size."""

    def __init__(self, model, lr, muon=True, rank=0, of=1, decoder=0.25):
        if muon and not precision.is_half_faster(next(model.parameters()).device):
            torch.optim._muon._zeropower_via_newtonschulz = _orthogonalise
        chosen = groups(model, lr, muon, decoder)
        order = sorted(((kind != "muon", -p.numel(), name) for kind, _, _, named in chosen
                        for name, p in named.items()))
        mine = {name for _, _, name in order[rank::of]}
        self.named, self.parts = {}, []
        for kind, peak, decay, named in chosen:
            named = {name: p for name, p in named.items() if name in mine}
            if not named:
                continue
            self.named.update(named)
            group = [{"params": list(named.values()), "peak": peak, "weight_decay": decay}]
            self.parts.append(torch.optim.Muon(group, lr=peak, momentum=0.95, adjust_lr_fn="match_rms_adamw")
                              if kind == "muon" else torch.optim.AdamW(group, lr=peak, betas=(0.9, 0.98), fused=True))

    def step(self, share):
        """share: of the peak learning rates."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = group["peak"] * share
            part.step()

    def state(self):
        """{name: state of its optimiser}"""
        return {name: part.state[p] for part in self.parts for name, p in self.named.items() if p in part.state}

    def load(self, state):
        for part in self.parts:
            inside = {id(p) for group in part.param_groups for p in group["params"]}
            for name, p in self.named.items():
                if name in state and id(p) in inside:
                    part.state[p] = {k: v.to(p.device) if torch.is_tensor(v) and v.ndim else v
                                     for k, v in state[name].items()}

    def keep(self, folder, rank):
        """Writes the state of this member to its file in a run's folder."""
        path = folder / f"optimiser.{rank}.pt"
        torch.save(self.state(), path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    def resume(self, folder):
        """Takes what any members kept there."""
        for path in folder.glob("optimiser.*.pt"):
            self.load(torch.load(path, map_location="cpu"))
