"""Nyström attention (Xiong et al., AAAI 2021): self-attention at a cost linear in the patches.

Queries and keys are averaged over segments of the sequence into landmarks. The product of three small
softmax matrices stands for the large one; the middle one's pseudo-inverse is iterated.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class NystromAttention(nn.Module):
    """Multi-head self-attention by landmarks; beside it, values convolved along the sequence.

    Args:
        width: of the tokens; each of ``heads`` has its share of it.
        iterations: of the pseudo-inverse.
        kernel: length of the convolution along the sequence.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int = 8,
        landmarks: int = 256,
        iterations: int = 6,
        dropout: float = 0.1,
        kernel: int = 33,
    ) -> None:
        super().__init__()
        self.heads, self.landmarks, self.iterations = heads, landmarks, iterations
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Sequential(nn.Linear(width, width), nn.Dropout(dropout))
        self.along = nn.Conv2d(
            heads, heads, (kernel, 1), padding=(kernel // 2, 0), groups=heads, bias=False
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(L, width) → (L, width)."""
        query, key, value = self._projected(tokens)
        left, middle, right = self._factors(query, key)
        mixed = left @ (middle @ (right @ value)) + self.along(value[None])[0]
        answer: Tensor = self.out(mixed.transpose(0, 1).reshape(len(tokens), -1))
        return answer

    def first_row(self, tokens: Tensor) -> Tensor:
        """(L,) what the first token attends to, mean over heads. The approximation may be below 0."""
        query, key, _ = self._projected(tokens)
        left, middle, right = self._factors(query, key, asked=1)
        row = left @ middle @ right
        return row[:, 0].mean(dim=0)

    def _projected(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (heads, L, width / heads)."""
        parts = self.project(tokens).reshape(len(tokens), 3, self.heads, -1)
        query, key, value = parts.permute(1, 2, 0, 3)
        return query * query.shape[-1] ** -0.5, key, value

    def _factors(
        self, query: Tensor, key: Tensor, asked: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Softmax of queries to landmarks (h, L, m), inverse (h, m, m), landmarks to keys (h, m, L).

        ``asked``: of the first queries alone.
        """
        query_marks, key_marks = self._marks(query), self._marks(key)
        left = torch.softmax(query[:, :asked] @ key_marks.transpose(1, 2), dim=-1)
        middle = torch.softmax(query_marks @ key_marks.transpose(1, 2), dim=-1)
        right = torch.softmax(query_marks @ key.transpose(1, 2), dim=-1)
        return left, pseudo_inverse(middle, self.iterations), right

    def _marks(self, tokens: Tensor) -> Tensor:
        """(h, m, d) means over m segments of (h, L, d) whose lengths differ by at most one.

        Published code pads the sequence with zeros instead, which would be averaged in.
        """
        length = tokens.shape[1]
        count = min(self.landmarks, length)
        segment = torch.arange(length, device=tokens.device) * count // length
        sums = tokens.new_zeros(tokens.shape[0], count, tokens.shape[2])
        sums = sums.index_add(1, segment, tokens)
        return sums / torch.bincount(segment, minlength=count)[None, :, None]


def pseudo_inverse(matrices: Tensor, iterations: int) -> Tensor:
    """Moore-Penrose inverses of (h, m, m) by the iteration of Razavi et al., as in the paper."""
    columns, rows = matrices.abs().sum(dim=-2), matrices.abs().sum(dim=-1)
    inverse = matrices.transpose(1, 2) / (columns.max() * rows.max())
    identity = torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    for _ in range(iterations):
        product = matrices @ inverse
        inner = 15 * identity - product @ (7 * identity - product)
        inverse = 0.25 * inverse @ (13 * identity - product @ inner)
    return inverse


def square_side(count: int) -> int:
    """The side of the smallest square that holds so many."""
    return math.isqrt(count - 1) + 1
