"""The label-conditioned memory C+ and C-: components, initialisation, shares.

The memory moves slowly because only the alignment and the orthogonality terms reach it: the
classifier and the commitment term see constants (paper, section 3.3.2, "gradient decoupling").
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from momkd_core.errors import TrainingError


class ClassMemory(nn.Module):
    """Two sets of n components of width D_N.

    Attributes:
        positive, negative: (n, D_N) parameters.
    """

    def __init__(self, components: int, width: int) -> None:
        super().__init__()
        for name in ("positive", "negative"):
            start = F.normalize(torch.randn(components, width), dim=1)
            self.register_parameter(name, nn.Parameter(start))
        self.positive: nn.Parameter
        self.negative: nn.Parameter

    def unit(self) -> tuple[Tensor, Tensor]:
        """Both memories on the unit sphere, with gradient."""
        return F.normalize(self.positive, dim=1), F.normalize(self.negative, dim=1)

    @torch.no_grad()
    def follow(self, patches: Tensor, label: int, decay: float) -> None:
        """Moves the components of a label's memory towards the patches that match them best.

        Args:
            patches: (I, D_N) projections of one slide.
            decay: share of its old self that a component keeps; unmatched ones stay.
        """
        memory = self.positive if label == 1 else self.negative
        unit = F.normalize(memory, dim=1)
        winner = (F.normalize(patches, dim=1) @ unit.T).argmax(dim=1)
        sums = torch.zeros_like(unit).index_add_(0, winner, patches)
        counts = torch.bincount(winner, minlength=len(unit))[:, None]
        moved = F.normalize(decay * unit + (1 - decay) * sums / counts.clamp_min(1), dim=1)
        memory.copy_(torch.where(counts > 0, moved, unit))

    @torch.no_grad()
    def set_components(self, positive: Tensor, negative: Tensor) -> None:
        self.positive.copy_(positive)
        self.negative.copy_(negative)


def initial_components(projections: NDArray[np.float32], components: int, seed: int) -> Tensor:
    """k-means centres of patch projections, on the unit sphere.

    Args:
        projections: (P, D_N) of one label's patches.
        components: n.

    Returns:
        (n, D_N).

    Raises:
        TrainingError: fewer distinct patches than components.
    """
    distinct = len(np.unique(projections, axis=0)) if len(projections) < 4 * components else None
    if len(projections) < components or (distinct is not None and distinct < components):
        raise TrainingError(
            f"{distinct if distinct is not None else len(projections)} distinct training patches of "
            f"one label cannot initialise {components} components",
            "Use fewer --set components=… or more cases",
        )
    # Imported here: scikit-learn takes a second, and only training needs it.
    from sklearn.cluster import KMeans

    means = KMeans(components, n_init=4, random_state=seed).fit(projections)
    return F.normalize(torch.from_numpy(means.cluster_centers_.astype(np.float32)), dim=1)
