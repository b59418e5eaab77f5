"""Attention of a few tokens over many patches, as transformers do it, and the layer that follows it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_HEADS, _HEAD_WIDTH = 4, 128
_WIDENED = 4


class TokenAttention(nn.Module):
    """Multi-head attention without memory for N x N: T tokens ask N patches."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        inner = _HEADS * _HEAD_WIDTH
        self.query = nn.Linear(width, inner, bias=False)
        self.key = nn.Linear(width, inner, bias=False)
        self.value = nn.Linear(width, inner, bias=False)
        self.out = nn.Sequential(nn.Linear(inner, width), nn.Dropout(dropout))

    def forward(self, tokens: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Answers (T, width), and how like tokens and patches are before the softmax, the mean over the
        heads (T, N)."""
        query, key, value = (
            layer(what).unflatten(1, (_HEADS, _HEAD_WIDTH)).transpose(0, 1)
            for layer, what in ((self.query, tokens), (self.key, patches), (self.value, patches))
        )
        likeness = query @ key.transpose(1, 2) * _HEAD_WIDTH**-0.5
        answer = torch.softmax(likeness, 2) @ value
        return self.out(answer.transpose(0, 1).flatten(1)), likeness.mean(0)


class FeedForward(nn.Module):
    """Two layers with a gated GELU (Shazeer 2020) between them, four times as wide."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.widen = nn.Linear(width, 2 * _WIDENED * width)
        self.narrow = nn.Sequential(nn.Dropout(dropout), nn.Linear(_WIDENED * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(T, width)."""
        value, gate = self.widen(tokens).chunk(2, dim=1)
        return self.narrow(value * F.gelu(gate))  # type: ignore[no-any-return]
