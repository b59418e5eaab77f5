"""ABMIL: attention-based deep multiple instance learning (Ilse, Tomczak, Welling, ICML 2018).

A patch is embedded, gated attention weighs the patches, and a sigmoid reads their weighted mean.

Adapted: the paper learns its patch encoder with the bag; here the encoder is frozen, and the fully
connected layer after it (500, ReLU) embeds its features. Of the paper's two attentions the gated
one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from momkd_core.comparators.attention_pooling import GatedAttention
from momkd_core.comparators.comparator import (
    Comparator,
    Recipe,
    Scored,
    TrainingSlide,
    cross_entropy,
)

_EMBEDDED, _HIDDEN = 500, 128


class ABMIL(Comparator):
    """Gated attention MIL with a sigmoid and binary cross-entropy."""

    name = "abmil"
    recipe = Recipe(epochs=20, learning_rate=5e-4, weight_decay=1e-4)

    def __init__(self, width: int, genes: int = 0) -> None:
        super().__init__(width, genes)
        self.embed = nn.Sequential(nn.Linear(width, _EMBEDDED), nn.ReLU())
        self.attend = GatedAttention(_EMBEDDED, _HIDDEN)
        self.head = nn.Linear(_EMBEDDED, 1)

    def score(self, features: Tensor) -> Scored:
        embedded = self.embed(features)
        attention = self.attend(embedded)
        logit = self.head(attention @ embedded)
        return Scored(torch.cat([torch.zeros_like(logit), logit]), attention)

    def losses(self, slides: Sequence[TrainingSlide]) -> dict[str, Tensor]:
        terms = [cross_entropy(self.score(s.features).logits, s.label) for s in slides]
        return {"ce": torch.stack(terms).mean()}
