"""Which teachers pull a student the same way: TDC's refinement of knowledge by gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

_AGREES = 0.25  # cosine


def agreement(losses: Sequence[Tensor], features: Tensor) -> Tensor:
    """With how many of the losses each loss agrees about each slide, itself included: (losses, B).

    Two agree where the angle between their gradients at the slide's feature has a cosine above 0.25
    (Xing et al., 2024). A loss that says nothing of a slide agrees with none there.

    Args:
        losses: each (B,), all functions of ``features``.
        features: (B, D) of the student, still in the graph.
    """
    gradients = [torch.autograd.grad(loss.sum(), features, retain_graph=True)[0] for loss in losses]
    directions = functional.normalize(torch.stack(gradients), dim=2)
    cosines = torch.einsum("lbd,mbd->lmb", directions, directions)
    return (cosines > _AGREES).sum(1).to(features.dtype)
