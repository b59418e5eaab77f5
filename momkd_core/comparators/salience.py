"""What a teacher leans on most: the patches and genes that TDC takes away from it in training."""

from __future__ import annotations

import torch
from torch import Tensor

_GROUPS = 100  # the publication's superpixels of a region
_GENES = 5


def like_groups(features: Tensor) -> Tensor:
    """A group, below 100, for each of N patches (N, D): that of the most similar of 100 random
    patches."""
    chosen = torch.randperm(len(features))[:_GROUPS].to(features.device)
    return torch.cdist(features, features[chosen]).argmin(1)


def without_salient_patches(features: Tensor, gradient: Tensor) -> Tensor:
    """Patches (≤ N, D) but for the group whose gradient is largest on average.

    A slide of one group is left whole, since nothing would remain of it.
    """
    groups = like_groups(features)
    size = gradient.abs().sum(1)
    total = size.new_zeros(_GROUPS).index_add(0, groups, size)
    patches = torch.bincount(groups, minlength=_GROUPS)
    worst = (total / patches.clamp_min(1)).argmax()
    kept = features[groups != worst]
    return kept if len(kept) else features


def without_salient_genes(expression: Tensor, gradient: Tensor) -> Tensor:
    """Expression (B, G) with the five genes of a case's largest gradients at their mean, zero."""
    worst = gradient.abs().topk(min(_GENES, gradient.shape[1]), dim=1).indices
    return expression.scatter(1, worst, 0.0)
