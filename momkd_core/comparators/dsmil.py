"""DSMIL: dual-stream multiple instance learning (Li, Li, Eliceiri, CVPR 2021).

One stream scores every patch and takes the highest, the critical one. The other weighs the patches
by how similar they are to it (a softmax of scaled inner products of queries) and reads their
weighted mean. The slide's score is the mean of both streams' scores.

Adapted: the paper learns its patch encoder by self-supervision and joins two magnifications; here
the encoder is given and there is one magnification. The epoch is chosen on validation cases (the
published five-fold mode chooses it on the test fold).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from momkd_core.comparators.comparator import (
    Comparator,
    Recipe,
    Scored,
    TrainingSlide,
    cosine,
)

_QUERY = 128


class Streams(NamedTuple):
    """What both streams say of N patches.

    Attributes:
        critical: index of the patch with the highest score.
        highest: (1,) its score.
        attention: (N,) by similarity to it.
        bag: (1,) score of the weighted mean.
    """

    critical: Tensor
    highest: Tensor
    attention: Tensor
    bag: Tensor


class DSMIL(Comparator):
    """A stream of the critical patch, and one of all patches by their similarity to it."""

    name = "dsmil"
    recipe = Recipe(
        epochs=50,
        learning_rate=1e-4,
        weight_decay=1e-3,
        patience=10,
        optimiser=partial(torch.optim.Adam, betas=(0.5, 0.9)),
        schedule=cosine(lowest=0.05),  # to 5e-6
    )

    def __init__(self, width: int, genes: int = 0) -> None:
        super().__init__(width, genes)
        self.instance = nn.Linear(width, 1)
        self.query = nn.Sequential(
            nn.Linear(width, _QUERY), nn.ReLU(), nn.Linear(_QUERY, _QUERY), nn.Tanh()
        )
        # A convolution of the class's whole embedding, as published: one number a class.
        self.head = nn.Conv1d(1, 1, kernel_size=width)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv1d):
                nn.init.orthogonal_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def streams(self, features: Tensor) -> Streams:
        """Both streams' answers for (N, D)."""
        scores = self.instance(features)[:, 0]
        critical = scores.argmax()
        queries = self.query(features)
        similarity = queries @ queries[critical] / _QUERY**0.5
        attention = torch.softmax(similarity, dim=0)
        bag = self.head((attention @ features)[None, None])[0, 0]
        return Streams(critical, scores[critical][None], attention, bag)

    def score(self, features: Tensor) -> Scored:
        found = self.streams(features)
        logit = 0.5 * (found.highest + found.bag)
        return Scored(torch.cat([torch.zeros_like(logit), logit]), found.attention)

    def losses(self, slides: Sequence[TrainingSlide]) -> dict[str, Tensor]:
        bag, highest = [], []
        for slide in slides:
            found = self.streams(slide.features)
            label = torch.full_like(found.bag, slide.label)
            bag.append(0.5 * F.binary_cross_entropy_with_logits(found.bag, label))
            highest.append(0.5 * F.binary_cross_entropy_with_logits(found.highest, label))
        return {"bag": torch.stack(bag).mean(), "critical": torch.stack(highest).mean()}
