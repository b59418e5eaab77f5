"""G-HANet: histo-genomic knowledge distillation by a genome-informed hyper-attention network (Wang
et al., arXiv 2403.10040).

Six tokens ask the patches twice by cross-attention; in training each reconstructs the expression of
a group of genes, so that what a token attends to is where its genes show. The slide is then read
along both what patches say of the task (a gate) and what the tokens attend to: hyper-attention, one
weighting a token.

Followed: six tokens 512 wide, two cross-attentions of 4 heads of 128 with GEGLU, six decoders,
genes by Welch's test at p < 0.05, hyper-attention as the mean of the gate's softmax and the
(detached) softmax over the 20 % of patches most like a token, self-attention, 6 x 256 to a linear
layer; 0.3 of Σ (1 - cos)³ + MSE; Adam, 32 slides a step, 20 epochs.
Adapted: cross-entropy for the survival likelihood, and the two labels for low and high risk in
Welch's test. The publication's six groups are families of genes from a curated list; a cohort's
table names no families, so the genes are grouped by how they rise and fall together in the training
cases (k-means). Its release uses the first cross-attention twice; here there are two. A case
without expression teaches the task alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from momkd_core.comparators.attention_pooling import GatedAttention
from momkd_core.comparators.comparator import (
    Comparator,
    Recipe,
    Scored,
    TrainingSlide,
    cross_entropy,
)
from momkd_core.comparators.gene_groups import gene_groups
from momkd_core.comparators.token_attention import FeedForward, TokenAttention

_TOKENS, _WIDTH, _HIDDEN, _NARROW = 6, 512, 256, 256
_DROPOUT = 0.25
_SHARE = 0.2  # of the patches that a token is read from
_RECONSTRUCTION = 0.3


class Read(NamedTuple):
    """What a slide of N patches was read as.

    Attributes:
        tokens: (6, 512), for reconstruction.
        attention: (6, N), hyper-attention; a token's sums to 1.
        logits: (2,).
    """

    tokens: Tensor
    attention: Tensor
    logits: Tensor


class GHANet(Comparator):
    """Tokens that learn to reconstruct expression, and read the slide where they found it."""

    name = "ghanet"
    uses_expression = True
    recipe = Recipe(epochs=20, learning_rate=2e-4, weight_decay=1e-5, accumulate=32)

    group: Tensor  # (G,) the token that reconstructs a gene; -1: none does

    def __init__(self, width: int, genes: int = 0) -> None:
        super().__init__(width, genes)
        self.associate = _Associating(width)
        self.embed = nn.Sequential(
            nn.Linear(width, _WIDTH), nn.LayerNorm(_WIDTH), nn.ReLU(), nn.Dropout(_DROPOUT)
        )
        self.gate = GatedAttention(_WIDTH, _HIDDEN)
        self.read = nn.Sequential(
            nn.Linear(_WIDTH, _WIDTH), nn.LayerNorm(_WIDTH), nn.ReLU(),
            nn.Linear(_WIDTH, _WIDTH), nn.LayerNorm(_WIDTH), nn.ReLU(),
        )  # fmt: skip
        self.exchange = TokenAttention(_WIDTH, _DROPOUT)
        self.exchanged = nn.Sequential(nn.LayerNorm(_WIDTH), FeedForward(_WIDTH, _DROPOUT))
        self.narrow = nn.Sequential(
            nn.Linear(_WIDTH, _NARROW), nn.LayerNorm(_NARROW), nn.ReLU(), nn.Dropout(_DROPOUT)
        )
        self.head = nn.Linear(_TOKENS * _NARROW, 2)
        if genes:
            self.decode = nn.ModuleList(_decoder() for _ in range(_TOKENS))
            # One row a gene: the six decoders' last layers, whichever genes fall to which.
            self.decoded = nn.Linear(_WIDTH, genes)
            self.register_buffer("group", torch.full((genes,), -1))

    def begin(self, slides: Sequence[TrainingSlide], generator: torch.Generator) -> None:
        """Chooses the genes and their groups on the training cases.

        Raises:
            ExpressionError: fewer than two cases of a label have expression.
        """
        found = {s.case_id: (s.expression, s.label) for s in slides if s.expression is not None}
        expression = [one for one, _ in found.values()]
        labels = torch.tensor([label for _, label in found.values()])
        values = torch.stack(expression).cpu() if expression else torch.empty(0, self.genes)
        seed = int(torch.randint(2**31, (1,), generator=generator))
        groups = gene_groups(values.numpy(), labels.numpy(), _TOKENS, seed)
        self.group = torch.from_numpy(groups).to(self.head.weight.device)

    def score(self, features: Tensor) -> Scored:
        read = self.read_slide(features)
        return Scored(read.logits, read.attention.mean(0))

    def losses(self, slides: Sequence[TrainingSlide]) -> dict[str, Tensor]:
        """``reconstruction`` is zero of a case without expression."""
        ce, reconstruction = [], [slides[0].features.new_zeros(())]
        for slide in slides:
            read = self.read_slide(slide.features)
            ce.append(cross_entropy(read.logits, slide.label))
            if slide.expression is not None:
                reconstruction.append(self.reconstruction_loss(read.tokens, slide.expression))
        return {
            "ce": torch.stack(ce).mean(),
            "reconstruction": _RECONSTRUCTION * torch.stack(reconstruction).sum() / len(slides),
        }

    def read_slide(self, features: Tensor) -> Read:
        """Of a slide (N, D)."""
        tokens, likeness = self.associate(features)
        embedded = self.embed(features)
        attention = (self.gate(embedded) + attended(likeness)) / 2
        pooled = attention @ embedded
        seen = (pooled + self.read(pooled) + tokens) / 2
        seen = seen + self.exchange(seen, seen)[0]
        seen = seen + self.exchanged(seen)
        return Read(tokens, attention, self.head(self.narrow(seen).flatten()))

    def reconstruct(self, tokens: Tensor) -> Tensor:
        """Expression (G,) from tokens (6, 512), each gene from its group's; other genes mean
        nothing."""
        hidden = torch.stack([net(token) for net, token in zip(self.decode, tokens, strict=True)])
        of_gene = hidden[self.group.clamp_min(0)]
        return (of_gene * self.decoded.weight).sum(1) + self.decoded.bias

    def reconstruction_loss(self, tokens: Tensor, expression: Tensor) -> Tensor:
        """Σ over the groups: (1 - cos)³, and the mean squared error."""
        reconstructed = self.reconstruct(tokens)
        loss = expression.new_zeros(())
        for group in range(_TOKENS):
            genes = self.group == group
            if genes.any():
                own, goal = reconstructed[genes], expression[genes]
                loss = loss + (1 - F.cosine_similarity(own, goal, dim=0)) ** 3
                loss = loss + F.mse_loss(own, goal)
        return loss

    def inference_state(self) -> dict[str, Tensor]:
        """All but what reconstructs expression."""
        training = ("decode", "group")
        return {k: v for k, v in self.state_dict().items() if not k.startswith(training)}


def attended(likeness: Tensor) -> Tensor:
    """Likeness (T, N) of tokens and patches to weights that sum to 1 a token, over the fifth of the
    patches that is most like it. No gradient: the task must not move what expression taught."""
    top = likeness.topk(max(1, int(likeness.shape[1] * _SHARE)), dim=1)
    weights = torch.zeros_like(likeness)
    return weights.scatter(1, top.indices, torch.softmax(top.values, 1)).detach()


class _Associating(nn.Module):
    """Tokens that ask the patches twice: (6, 512), and their likeness to the patches (6, N)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(_TOKENS, _WIDTH))
        self.embed = nn.Sequential(nn.Linear(width, _WIDTH), nn.ReLU(), nn.Dropout(_DROPOUT))
        self.patches = nn.LayerNorm(_WIDTH)
        self.asked = nn.ModuleList(nn.LayerNorm(_WIDTH) for _ in range(2))
        self.ask = nn.ModuleList(TokenAttention(_WIDTH, _DROPOUT) for _ in range(2))
        self.digest = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(_WIDTH), FeedForward(_WIDTH, _DROPOUT)) for _ in range(2)
        )
        self.out = nn.LayerNorm(_WIDTH)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        patches = self.patches(self.embed(features))
        answer = torch.zeros_like(self.tokens)
        for asked, ask, digest in zip(self.asked, self.ask, self.digest, strict=True):
            answer, likeness = ask(asked(self.tokens + answer), patches)
            answer = answer + digest(answer)
        return self.out(answer), likeness


def _decoder() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(_WIDTH, _WIDTH), nn.LayerNorm(_WIDTH), nn.ELU(), nn.Dropout(_DROPOUT)
    )
