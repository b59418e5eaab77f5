"""One feature out of two modalities: gated, then every product of the two."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BilinearFusion(nn.Module):
    """Two features (B, width) to one (B, width), by the gated Kronecker product of Pathomic Fusion
    (Chen et al., IEEE TMI 2020): what either modality says is gated by both, and a one is
    appended to each, so that the product holds both alone, too.

    Args:
        width: of both features and of the fused one.
        narrow: of both before the product, which is (narrow + 1)² wide.
        dropout: share.
    """

    def __init__(self, width: int, narrow: int, dropout: float) -> None:
        super().__init__()
        self.branches = nn.ModuleList(_GatedBranch(width, narrow, dropout) for _ in range(2))
        self.fused = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear((narrow + 1) ** 2, width),
            nn.ReLU(),
            nn.Dropout(dropout),
        )

    def forward(self, histology: Tensor, expression: Tensor) -> Tensor:
        first, second = (
            branch(own, histology, expression)
            for branch, own in zip(self.branches, (histology, expression), strict=True)
        )
        return self.fused(torch.einsum("bi,bj->bij", first, second).flatten(1))  # type: ignore[no-any-return]


class _GatedBranch(nn.Module):
    def __init__(self, width: int, narrow: int, dropout: float) -> None:
        super().__init__()
        self.value = nn.Sequential(nn.Linear(width, narrow), nn.ReLU())
        self.gate = nn.Bilinear(width, width, narrow)
        self.out = nn.Sequential(nn.Linear(narrow, narrow), nn.ReLU(), nn.Dropout(dropout))

    def forward(self, own: Tensor, histology: Tensor, expression: Tensor) -> Tensor:
        """(B, narrow + 1), the last column one."""
        gated = self.out(self.value(own) * torch.sigmoid(self.gate(histology, expression)))
        return torch.cat([gated, gated.new_ones(len(gated), 1)], 1)
