"""The label-conditioned memory C+ and C-: its components and how they follow patches.

The memory moves slowly because only the alignment and the orthogonality terms reach it: the
classifier and the commitment term see constants (paper, section 3.3.2, "gradient decoupling").
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from momkd_core.component_names import MEMORIES


class ClassMemory(nn.Module):
    """Two sets of n components of width D_N.

    Attributes:
        positive, negative: (n, D_N) parameters.
    """

    def __init__(self, components: int, width: int) -> None:
        super().__init__()
        for name in MEMORIES:
            start = F.normalize(torch.randn(components, width), dim=1)
            self.register_parameter(name, nn.Parameter(start))
        self.positive: nn.Parameter
        self.negative: nn.Parameter

    def unit(self) -> tuple[Tensor, Tensor]:
        """Both memories on the unit sphere, with gradient."""
        return F.normalize(self.positive, dim=1), F.normalize(self.negative, dim=1)

    @torch.no_grad()
    def follow(
        self, patches: Tensor, label: int, decay: float, weights: Tensor | None = None
    ) -> None:
        """Moves the components of a label's memory towards the patches that match them best.

        Args:
            patches: (I, D_N) projections of one slide.
            decay: share of its old self that a component keeps; unmatched ones stay.
            weights: (I,) of the patches in their mean; None: all alike.
        """
        memory = self.positive if label == 1 else self.negative
        unit = F.normalize(memory, dim=1)
        winner = (F.normalize(patches, dim=1) @ unit.T).argmax(dim=1)
        weighted = patches if weights is None else patches * weights[:, None]
        sums = torch.zeros_like(unit).index_add_(0, winner, weighted)
        counts = torch.bincount(winner, weights, minlength=len(unit))[:, None]
        mean = sums / torch.where(counts > 0, counts, 1)
        moved = F.normalize(decay * unit + (1 - decay) * mean, dim=1)
        memory.copy_(torch.where(counts > 0, moved, unit))

    @torch.no_grad()
    def set_components(self, positive: Tensor, negative: Tensor) -> None:
        self.positive.copy_(positive)
        self.negative.copy_(negative)
