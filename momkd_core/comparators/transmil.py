"""TransMIL: transformer-based correlated multiple instance learning (Shao et al., NeurIPS 2021).

Patches become tokens, padded to a square by repeating the first of them; a class token leads. There
are two layers of Nyström attention, and between them the pyramid position encoding (PPEG): the
tokens, laid out as that square in their order, convolved depth-wise with kernels of 7, 5 and 3. The
class token is read.

Adapted: nothing but the features. For the overlay, attention is what the class token attends to in
the last layer, mean over heads, with a repeated patch's shares added up and negative values, which
Nyström's approximation may give, taken as nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from momkd_core.comparators.comparator import (
    Comparator,
    Recipe,
    Scored,
    TrainingSlide,
    cross_entropy,
)
from momkd_core.comparators.lookahead import LookaheadRAdam
from momkd_core.comparators.nystrom import NystromAttention, square_side

_EMBEDDED = 512


class PPEG(nn.Module):
    """Position by depth-wise convolutions of the square of tokens; the class token passes by."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, width, size, padding=size // 2, groups=width) for size in (7, 5, 3)
        )

    def forward(self, tokens: Tensor, side: int) -> Tensor:
        """(1 + side², width) → the same."""
        square = tokens[1:].T.reshape(1, -1, side, side)
        placed = square
        for convolution in self.convolutions:
            placed = placed + convolution(square)
        return torch.cat([tokens[:1], placed.reshape(tokens.shape[1], -1).T])


class TransMIL(Comparator):
    """Two Nyström layers with PPEG between them, read at the class token."""

    name = "transmil"
    recipe = Recipe(
        epochs=200,
        learning_rate=2e-4,
        weight_decay=1e-5,
        patience=10,
        optimiser=partial(LookaheadRAdam, decoupled_weight_decay=True),
    )

    def __init__(self, width: int, genes: int = 0) -> None:
        super().__init__(width, genes)
        self.embed = nn.Sequential(nn.Linear(width, _EMBEDDED), nn.ReLU())
        self.class_token = nn.Parameter(torch.randn(1, _EMBEDDED))
        self.first_norm, self.second_norm = nn.LayerNorm(_EMBEDDED), nn.LayerNorm(_EMBEDDED)
        self.first, self.second = NystromAttention(_EMBEDDED), NystromAttention(_EMBEDDED)
        self.position = PPEG(_EMBEDDED)
        self.norm = nn.LayerNorm(_EMBEDDED)
        self.classify = nn.Linear(_EMBEDDED, 2)

    def last_tokens(self, features: Tensor) -> Tensor:
        """(1 + side², 512) before the last attention, for (N, D)."""
        embedded = self.embed(features)
        side = square_side(len(embedded))
        tokens = torch.cat([self.class_token, embedded, embedded[: side**2 - len(embedded)]])
        tokens = tokens + self.first(self.first_norm(tokens))
        placed: Tensor = self.position(tokens, side)
        return placed

    def logits(self, tokens: Tensor) -> Tensor:
        """(2,) read from the tokens before the last attention."""
        tokens = tokens + self.second(self.second_norm(tokens))
        logits: Tensor = self.classify(self.norm(tokens[0]))
        return logits

    def score(self, features: Tensor) -> Scored:
        tokens = self.last_tokens(features)
        row = self.second.first_row(self.second_norm(tokens)).clamp(min=0)
        shares = row[1 : 1 + len(features)]
        repeated = row[1 + len(features) :]
        shares = torch.cat([shares[: len(repeated)] + repeated, shares[len(repeated) :]])
        return Scored(self.logits(tokens), shares / shares.sum().clamp(min=1e-12))

    def losses(self, slides: Sequence[TrainingSlide]) -> dict[str, Tensor]:
        terms = [
            cross_entropy(self.logits(self.last_tokens(slide.features)), slide.label)
            for slide in slides
        ]
        return {"ce": torch.stack(terms).mean()}
