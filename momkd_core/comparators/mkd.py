"""MKD: multi-modal knowledge decomposition and online distillation (Zhang et al., MICCAI 2025).

A student sees the slide, one teacher expression, the other both. All three learn together: on 16
slides at once their features are drawn to one distribution (what the modalities share) and made
orthogonal (what each has for itself), the student keeps the teachers' similarities between slides,
and all learn from each other's softened answers.

Followed: the three networks, all terms and their weights, AdamW, cosine over 50 epochs, balanced
sampling.
Adapted: expression of any length is cut into tokens of 512 genes, padded with zeros (there: 8,192
genes). A case without expression teaches the student alone (there: none). The kept epoch is that of
the student's best validation AUC (there: the mean AUC of all three, which needs expression to
choose what shall do without). A last group of fewer than 16 slides counts too (there: dropped).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from momkd_core.comparators.attention_pooling import GatedAttention
from momkd_core.comparators.bilinear_fusion import BilinearFusion
from momkd_core.comparators.comparator import Comparator, Recipe, Scored, TrainingSlide

_WIDTH, _HIDDEN = 256, 128
_TOKEN = 512  # genes
_DROPOUT = 0.25
_NARROW = 8  # both modalities shrink by this before their product
_TEMPERATURE = 4.0


class Said(NamedTuple):
    """What one network says of B slides: features (B, 256) and logits (B, 2)."""

    features: Tensor
    logits: Tensor


class MKD(Comparator):
    """An ABMIL student between two teachers that learn with it."""

    name = "mkd"
    uses_expression = True
    recipe = Recipe(
        epochs=100,
        learning_rate=2e-4,
        weight_decay=1e-5,
        patience=5,
        slides_per_pass=16,
        balanced_sampling=True,
        optimiser=torch.optim.AdamW,
        schedule=lambda done: 0.5 * (1 + math.cos(2 * math.pi * done)),  # half of it is 50 epochs
    )

    def __init__(self, width: int, genes: int = 0) -> None:
        super().__init__(width, genes)
        self.student = _Pooled(nn.Sequential(nn.Linear(width, _WIDTH), nn.ReLU()))
        self.student_head = nn.Linear(_WIDTH, 2)
        if genes:
            self.expression = _Pooled(_tokens_net())
            self.expression_head = nn.Linear(_WIDTH, 2)
            self.both = _Both(width)
            self.both_head = nn.Linear(_WIDTH, 2)
        for module in (self.student, self.student_head):
            module.apply(_self_normalising)

    def score(self, features: Tensor) -> Scored:
        pooled, attention = self.student(features)
        return Scored(self.student_head(pooled), attention)

    def losses(self, slides: Sequence[TrainingSlide]) -> dict[str, Tensor]:
        """``similarity``, ``mutual``, ``general`` and ``specific`` are of the slides with expression
        together, and zero where there are not two of them."""
        student = self.student_says(slides)
        labels = torch.tensor([s.label for s in slides], device=student.logits.device)
        terms = dict.fromkeys(
            ("ce_teachers", "similarity", "mutual", "general", "specific"),
            student.logits.new_zeros(()),
        )
        terms["ce"] = F.cross_entropy(student.logits, labels)
        known = [row for row, slide in enumerate(slides) if slide.expression is not None]
        if not known:
            return terms
        expression, both = self.teachers_say([slides[row] for row in known])
        taught = [
            F.cross_entropy(t.logits, labels[known], reduction="sum") for t in (expression, both)
        ]
        terms["ce_teachers"] = torch.stack(taught).sum() / len(slides)
        if len(known) > 1:
            own = Said(student.features[known], student.logits[known])
            terms |= distillation(own, expression, both)
        return terms

    def student_says(self, slides: Sequence[TrainingSlide]) -> Said:
        """Of slides alone."""
        features = torch.stack([self.student(slide.features)[0] for slide in slides])
        return Said(features, self.student_head(features))

    def teachers_say(self, slides: Sequence[TrainingSlide]) -> tuple[Said, Said]:
        """The teacher of expression and the teacher of both, of slides that have expression."""
        tokens = [_tokens(slide.expression) for slide in slides if slide.expression is not None]
        features = torch.stack([self.expression(of_case)[0] for of_case in tokens])
        fused = self.both([slide.features for slide in slides], tokens)
        return Said(features, self.expression_head(features)), Said(fused, self.both_head(fused))

    def inference_state(self) -> dict[str, Tensor]:
        """The student alone."""
        return {k: v for k, v in self.state_dict().items() if k.startswith("student")}


class _Pooled(nn.Module):
    """A bag (N, ·), embedded and weighed by gated attention: (256,) and attention (N,)."""

    def __init__(self, embed: nn.Sequential) -> None:
        super().__init__()
        self.embed = embed
        self.attend = GatedAttention(_WIDTH, _HIDDEN)

    def forward(self, bag: Tensor) -> tuple[Tensor, Tensor]:
        embedded = self.embed(bag)
        attention = self.attend(embedded)
        return attention @ embedded, attention


class _Both(nn.Module):
    """The teacher of both modalities: each pooled, then every product of the two."""

    def __init__(self, width: int) -> None:
        super().__init__()
        patches = nn.Sequential(nn.Linear(width, _WIDTH), nn.ReLU(), nn.Dropout(_DROPOUT))
        self.histology = _Pooled(patches)
        self.expression = _Pooled(_tokens_net())
        self.fusion = BilinearFusion(_WIDTH, _WIDTH // _NARROW, _DROPOUT)

    def forward(self, bags: Sequence[Tensor], tokens: Sequence[Tensor]) -> Tensor:
        """(B, 256)."""
        histology = torch.stack([self.histology(bag)[0] for bag in bags])
        expression = torch.stack([self.expression(of_case)[0] for of_case in tokens])
        return self.fusion(histology, expression)  # type: ignore[no-any-return]


def distillation(student: Said, expression: Said, both: Said) -> dict[str, Tensor]:
    """The terms of a group of B ≥ 2 slides, each said by all three."""
    pairs = (
        (both.features, student.features),
        (expression.features, student.features),
        (expression.features, both.features),
    )
    teachers = (both, expression)
    slides = len(student.features)
    similarity = [similarity_kept(student.features, teacher.features) for teacher in teachers]
    return {
        "similarity": slides * torch.stack(similarity).sum(),
        "mutual": torch.stack([_mutual(student.logits, t.logits) for t in teachers]).sum(),
        "general": torch.stack([discrepancy(*pair) for pair in pairs]).sum(),
        "specific": torch.stack([overlap(*pair) for pair in pairs]).sum() / 6,
    }


def similarity_kept(student: Tensor, teacher: Tensor) -> Tensor:
    """How differently two see which of B slides are alike (Tung and Mori, ICCV 2019)."""
    own, taught = (F.normalize(said @ said.T, dim=1) for said in (student, teacher))
    return (own - taught).square().mean()


def discrepancy(one: Tensor, other: Tensor) -> Tensor:
    """Between two distributions of B features (B, D): of their means and of their covariances."""
    means = (one.mean(0) - other.mean(0)).square().mean()
    return means + (torch.cov(one.T) - torch.cov(other.T)).square().mean()


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """How far from orthogonal two features of a slide are: the size of their mean product over B."""
    return (one * other).sum(1).mean().abs()


def _mutual(one: Tensor, other: Tensor) -> Tensor:
    """Each is taught by the other's softened answer, which is taken as it is."""
    return _taught(one, other) + _taught(other, one)


def _taught(student: Tensor, teacher: Tensor) -> Tensor:
    own, goal = (F.log_softmax(t / _TEMPERATURE, 1) for t in (student, teacher.detach()))
    return F.kl_div(own, goal, reduction="batchmean", log_target=True) * _TEMPERATURE**2


def _tokens_net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(_TOKEN, _WIDTH), nn.ELU(), nn.AlphaDropout(_DROPOUT))


def _tokens(expression: Tensor) -> Tensor:
    """(G,) → (⌈G/512⌉, 512), the last one filled with zeros, the mean of a gene."""
    return F.pad(expression, (0, -len(expression) % _TOKEN)).reshape(-1, _TOKEN)


def _self_normalising(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=module.in_features**-0.5)
        nn.init.zeros_(module.bias)
