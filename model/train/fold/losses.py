"""Joint loss over all exits (arXiv 2505.21237): CTC at every exit, KL from the deepest down.

    L = CTC_R + 0.5 CTC_1 + 0.3 sum CTC_mid + lambda * mean_{r<R} KL(sg[p_R] || p_r)

All terms are per target letter, so that their weights mean the same in short and long batches.
"""

import torch
import torch.nn.functional as F


def ctc(logp, frames, targets, lengths):
    """logp [B, T, V] -> CTC loss per letter; impossible alignments count as zero."""
    return F.ctc_loss(logp.transpose(0, 1), targets, frames, lengths, blank=0,
                      reduction="sum", zero_infinity=True) / lengths.sum()


def distil(teacher, student, frames, lengths):
    """KL(teacher || student) summed over valid frames, per letter; no gradient to the teacher."""
    teacher = teacher.detach()
    kl = (teacher.exp() * (teacher - student)).sum(-1)  # [B, T]
    keep = torch.arange(kl.shape[1], device=kl.device)[None] < frames[:, None]
    return (kl * keep).sum() / lengths.sum()


def joint(exits, frames, targets, lengths, kl_weight):
    """-> (loss, list of CTC values by exit)."""
    values = [ctc(logp, frames, targets, lengths) for logp in exits]
    loss = values[-1]
    for i, value in enumerate(values[:-1]):
        loss = loss + (0.5 if i == 0 else 0.3) * value
    if kl_weight and len(exits) > 1:
        kl = sum(distil(exits[-1], e, frames, lengths) for e in exits[:-1]) / (len(exits) - 1)
        loss = loss + kl_weight * kl
    return loss, [float(v.detach()) for v in values]
