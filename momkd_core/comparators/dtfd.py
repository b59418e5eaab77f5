"""DTFD-MIL: double-tier feature distillation (Zhang et al., CVPR 2022).

A slide is split into pseudo-bags at random. The first tier pools each with gated attention and
learns the slide's label for it; the second tier pools one feature of each pseudo-bag and answers
the slide. The feature handed on is the pooled one (the paper's aggregated feature selection; its
other choices pick patches by class activation).

Adapted: the split of a slide that is asked about is drawn from a fixed seed, so that a prediction
is a function of the slide. Gradients are clipped over each optimiser's weights (published: over
each module's).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from momkd_core.comparators.attention_pooling import GatedAttention
from momkd_core.comparators.comparator import (
    Comparator,
    Recipe,
    Scored,
    TrainingSlide,
    cross_entropy,
)

_EMBEDDED, _HIDDEN = 512, 128
PSEUDO_BAGS = 4


class Tiers(NamedTuple):
    """What both tiers say of N patches in M pseudo-bags.

    Attributes:
        pseudo: (M, 2) logits of the first tier.
        slide: (2,) logits of the second.
        attention: (N,) of a patch in its pseudo-bag, times that of its pseudo-bag; sums to 1, and the
            second tier reads the patches' embeddings weighted by it.
    """

    pseudo: Tensor
    slide: Tensor
    attention: Tensor


class DTFD(Comparator):
    """Two tiers of gated attention over random pseudo-bags."""

    name = "dtfd"
    recipe = Recipe(
        epochs=200,
        learning_rate=1e-4,
        weight_decay=1e-4,
        schedule=lambda done: 1.0 if done < 0.5 else 0.2,  # at epoch 100
        clip_norm=5.0,
    )

    def __init__(self, width: int, genes: int = 0) -> None:
        super().__init__(width, genes)
        self.embed = nn.Sequential(nn.Linear(width, _EMBEDDED, bias=False), nn.ReLU())
        self.first = GatedAttention(_EMBEDDED, _HIDDEN)
        self.first_head = nn.Linear(_EMBEDDED, 2)
        self.second = GatedAttention(_EMBEDDED, _HIDDEN)
        self.second_head = nn.Linear(_EMBEDDED, 2)

    def tiers(self, features: Tensor, pseudo_bags: Sequence[Tensor]) -> Tiers:
        """Both tiers' answers for (N, D), split into these rows."""
        embedded = self.embed(features)
        attentions = [self.first(embedded[rows]) for rows in pseudo_bags]
        pooled = torch.stack(
            [a @ embedded[rows] for a, rows in zip(attentions, pseudo_bags, strict=True)]
        )
        of_bags = self.second(pooled)
        order = torch.cat(list(pseudo_bags))
        weighed = torch.cat([a * w for a, w in zip(attentions, of_bags, strict=True)])
        attention = torch.empty_like(weighed).index_copy(0, order, weighed)
        return Tiers(self.first_head(pooled), self.second_head(of_bags @ pooled), attention)

    def score(self, features: Tensor) -> Scored:
        fixed = torch.Generator().manual_seed(0)
        found = self.tiers(features, split(features, fixed))
        return Scored(found.slide, found.attention)

    def losses(self, slides: Sequence[TrainingSlide]) -> dict[str, Tensor]:
        first, second = [], []
        for slide in slides:
            found = self.tiers(slide.features, split(slide.features))
            first.append(
                torch.stack([cross_entropy(one, slide.label) for one in found.pseudo]).mean()
            )
            second.append(cross_entropy(found.slide, slide.label))
        return {"first_tier": torch.stack(first).mean(), "second_tier": torch.stack(second).mean()}

    def optimisers(self) -> list[Optimizer]:
        """One for embedding and first tier, one for the second, as published."""
        second = [*self.second.parameters(), *self.second_head.parameters()]
        known = {id(parameter) for parameter in second}
        return [
            self.new_optimiser([p for p in self.parameters() if id(p) not in known]),
            self.new_optimiser(second),
        ]


def split(features: Tensor, random: torch.Generator | None = None) -> tuple[Tensor, ...]:
    """The rows of each pseudo-bag: all of them once, in parts as equal as can be, none empty."""
    rows = torch.randperm(len(features), generator=random).to(features.device)
    return torch.tensor_split(rows, min(PSEUDO_BAGS, len(rows)))
