"""How the memory is used and how it moves, per epoch (Fig. 3 of the paper).

Over all training patches of an epoch, p_j is the share of patches whose best match within a memory is
component j. The active ratio is the share of components with p_j > 0; the perplexity, exp(-Σ p ln p),
is the effective number of components.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class MemoryUse:
    """Use of one memory over one epoch; ``share`` is p_j of each component."""

    share: tuple[float, ...]
    active_ratio: float
    perplexity: float


class UseCounter:
    """Counts winning components of one memory."""

    def __init__(self, components: int) -> None:
        self._counts = torch.zeros(components, dtype=torch.int64)

    def add(self, similarity: Tensor) -> None:
        """Adds patches by their similarity (I, n) to the memory's components."""
        winners = similarity.detach().argmax(dim=1).cpu()
        self._counts += torch.bincount(winners, minlength=len(self._counts))

    def use(self) -> MemoryUse:
        total = int(self._counts.sum())
        if total == 0:
            return MemoryUse((0.0,) * len(self._counts), 0.0, 0.0)
        share = self._counts.double() / total
        used = share[share > 0]
        entropy = float(-(used * used.log()).sum())
        ratio = float((share > 0).double().mean())
        return MemoryUse(tuple(share.tolist()), ratio, float(torch.tensor(entropy).exp()))


def drift(before: Tensor, after: Tensor) -> Tensor:
    """How far each component turned: 1 - cosine between two states (n, D_N), as (n,)."""
    return (1.0 - F.cosine_similarity(before, after, dim=1)).clamp_min(0.0)
