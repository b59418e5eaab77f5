"""WiKG: dynamic graph representation with knowledge-aware attention (Li et al., CVPR 2024).

Every patch has a head and a tail embedding. A patch draws edges to the six patches whose tails are
most like its head, so edges have a direction; an edge's embedding mixes the tail with its own head
by the edge's weight. A tanh gate of head and edge says what each neighbour counts for, and head and
gathered neighbours interact by sum and by product.

Adapted: nothing but the features. The edges are found in blocks of patches, never as the whole N ×
N matrix, with the same result. The gate's weight is the inner product of tail and gate, as in the
paper's equation (the released code multiplies their separate sums). Patches are pooled by their
mean, as in the published demonstration, so they have no attention.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from momkd_core.comparators.comparator import (
    Comparator,
    Recipe,
    Scored,
    TrainingSlide,
    cross_entropy,
)

_EMBEDDED = 512
NEIGHBOURS = 6
_BLOCK_SIMILARITIES = 1 << 24  # 64 MiB at a time
_BLOCK_PATCHES = 2048  # whose gathered neighbours are held at a time


class WiKG(Comparator):
    """A graph of directed edges by learned similarity, and one step of gathering over it."""

    name = "wikg"
    gives_attention = False
    recipe = Recipe(epochs=100, learning_rate=1e-4, weight_decay=1e-5)

    def __init__(self, width: int, genes: int = 0) -> None:
        super().__init__(width, genes)
        self.embed = nn.Sequential(nn.Linear(width, _EMBEDDED), nn.LeakyReLU())
        self.head_embedding = nn.Linear(_EMBEDDED, _EMBEDDED)
        self.tail_embedding = nn.Linear(_EMBEDDED, _EMBEDDED)
        self.by_sum = nn.Linear(_EMBEDDED, _EMBEDDED)
        self.by_product = nn.Linear(_EMBEDDED, _EMBEDDED)
        self.dropout = nn.Dropout(0.3)
        self.norm = nn.LayerNorm(_EMBEDDED)
        self.classify = nn.Linear(_EMBEDDED, 2)

    def ends(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Head and tail embeddings (N, 512) of (N, D)."""
        embedded = self.embed(features)
        embedded = 0.5 * (embedded + embedded.mean(dim=0))
        return self.head_embedding(embedded), self.tail_embedding(embedded)

    def score(self, features: Tensor) -> Scored:
        head, tail = self.ends(features)
        neighbours = nearest_tails(head.detach(), tail.detach())
        # Gathered neighbours are six times the slide: block by block, and made anew on the way back.
        blocks = [
            checkpoint(self._nodes, part, tail, edges, use_reentrant=False)
            if torch.is_grad_enabled() and len(head) > _BLOCK_PATCHES
            else self._nodes(part, tail, edges)
            for part, edges in zip(
                head.split(_BLOCK_PATCHES), neighbours.split(_BLOCK_PATCHES), strict=True
            )
        ]
        pooled = torch.cat(blocks).mean(dim=0)
        return Scored(self.classify(self.norm(pooled)), None)

    def _nodes(self, head: Tensor, tail: Tensor, neighbours: Tensor) -> Tensor:
        """(n, 512) of the patches of a block, each with its neighbours (n, 6)."""
        gathered = gather(head, tail, neighbours)
        added = F.leaky_relu(self.by_sum(head + gathered))
        multiplied = F.leaky_relu(self.by_product(head * gathered))
        nodes: Tensor = self.dropout(added + multiplied)
        return nodes

    def losses(self, slides: Sequence[TrainingSlide]) -> dict[str, Tensor]:
        terms = [cross_entropy(self.score(s.features).logits, s.label) for s in slides]
        return {"ce": torch.stack(terms).mean()}


def nearest_tails(head: Tensor, tail: Tensor) -> Tensor:
    """(N, k) the patches whose tails are most like each head, best first; k is 6, or N of fewer."""
    rows = max(1, _BLOCK_SIMILARITIES // len(tail))
    count = min(NEIGHBOURS, len(tail))
    return torch.cat([(part @ tail.T).topk(count, dim=1).indices for part in head.split(rows)])


def gather(head: Tensor, tail: Tensor, neighbours: Tensor) -> Tensor:
    """(n, width) what heads (n, width) take from the tails of their neighbours (n, k)."""
    tails = tail[neighbours]
    similarity = (tails @ head[:, :, None])[:, :, 0] * head.shape[1] ** -0.5
    weight = torch.softmax(similarity, dim=1)[:, :, None]
    edge = weight * tails + (1 - weight) * head[:, None]
    gate = torch.tanh(head[:, None] + edge)
    counts = torch.softmax((tails * gate).sum(dim=2), dim=1)
    return (counts[:, None] @ tails)[:, 0]
