"""The loss terms of eq. 3 to 5, 9 and 10.

The functions apply the equations verbatim to what they are given, without normalising; whether the
network hands them unit vectors is the network's business. ``_mean`` variants are the authors' code's
scaling of the same terms, used by preset ``reference``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def memory_similarity(z: Tensor, memory: Tensor, *, tau: float = 5.0) -> Tensor:
    """φ of eq. 3: a soft maximum of the similarities of z (D_N,) to a memory (n, D_N), scalar.

    Several z, (B, D_N), give (B,).
    """
    return torch.logsumexp(tau * (z @ memory.T), dim=-1) / tau


def alignment_loss(
    z: Tensor,
    positive: Tensor,
    negative: Tensor,
    label: int | Tensor,
    *,
    tau: float = 5.0,
    beta: float = 20.0,
    margin: float = 0.3,
) -> Tensor:
    """L_align of eq. 3 to 5, scalar; or (B,) for several z (B, D_N) with labels (B,).

    Args:
        z: (D_N,) projection of a slide or of its expression.
        positive, negative: (n, D_N) memories.
        label: 1 pulls z towards the positive memory, 0 towards the negative one.
        tau, beta, margin: τ_agg, β and the margin.
    """
    difference = memory_similarity(z, positive, tau=tau) - memory_similarity(z, negative, tau=tau)
    signed = difference * (2 * label - 1)
    return F.softplus(beta * (margin - signed))


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """L_ce of eq. 9, mean over bags, scalar.

    Args:
        logits: (B, 2).
        targets: (B,) labels 0 or 1; or, as floats, probabilities of the positive class.
    """
    if targets.is_floating_point():
        targets = torch.stack([1.0 - targets, targets], dim=1)
    return F.cross_entropy(logits, targets)


def commitment_loss(patches: Tensor, memory: Tensor, weights: Tensor | None = None) -> Tensor:
    """First term of eq. 10: mean over patches of the squared distance to the nearest component.

    Args:
        patches: (I, D_N) projections.
        memory: (n, D_N); it receives no gradient.
        weights: (I,) of the mean; None: all patches alike, as in the paper.
    """
    return _mean(nearest_distance(patches, memory).sum(dim=1), weights)


def orthogonality_loss(memory: Tensor) -> Tensor:
    """Second term of eq. 10: the sum over pairs i != j of the squared cosine; memory (n, D_N)."""
    cosine = _cosines(memory)
    return (cosine**2).sum() - (torch.diagonal(cosine) ** 2).sum()


def memory_loss(patches: Tensor, memory: Tensor) -> Tensor:
    """L_mem of eq. 10, scalar; patches (I, D_N), memory (n, D_N)."""
    return commitment_loss(patches, memory) + orthogonality_loss(memory)


def commitment_loss_mean(patches: Tensor, memory: Tensor, weights: Tensor | None = None) -> Tensor:
    """Commitment averaged over the width too, as vector-quantisation libraries scale it."""
    distance = nearest_distance(patches, memory)
    return distance.mean() if weights is None else _mean(distance.mean(dim=1), weights)


def orthogonality_loss_mean(memory: Tensor) -> Tensor:
    """The authors' scale: 10 (Σ_ij cos² / n² − 1 / n), diagonal included."""
    n = len(memory)
    return 10.0 * ((_cosines(memory) ** 2).sum() / n**2 - 1.0 / n)


def orthogonality_of(mean: bool) -> Callable[[Tensor], Tensor]:
    """Eq. 10's term, or the one of the authors' scale."""
    return orthogonality_loss_mean if mean else orthogonality_loss


def nearest_distance(patches: Tensor, memory: Tensor) -> Tensor:
    """(I, D_N) squared differences to each patch's nearest component, which is held constant."""
    constant = memory.detach()
    nearest = torch.cdist(patches.detach(), constant).argmin(dim=1)
    return (patches - constant[nearest]) ** 2


def _mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Of (I,) values, weighted by (I,) weights."""
    return values.mean() if weights is None else (values @ weights) / weights.sum()


def _cosines(memory: Tensor) -> Tensor:
    unit = F.normalize(memory, dim=1)
    return unit @ unit.T
