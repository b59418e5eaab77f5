"""The networks of TDC: histology alone, and the teacher that reads histology, expression and both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from momkd_core.comparators.attention_pooling import GatedAttention
from momkd_core.comparators.bilinear_fusion import BilinearFusion
from momkd_core.comparators.comparator import TrainingSlide

#: Of every feature.
WIDTH = 128
_EMBEDDED, _HIDDEN = 512, 128
_SNN = (64, 48, 32, WIDTH)  # of the expression network
_DROPOUT = 0.1


class Answers(NamedTuple):
    """What a teacher says of B slides: logits (B, 2) of two branches, the fused feature (B, 128)."""

    expression: Tensor
    fused: Tensor
    feature: Tensor


class Histology(nn.Module):
    """A slide (N, D) by ABMIL: its feature (1, 128) and attention (N,); ``head`` reads the feature."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(width, _EMBEDDED), nn.ReLU(), nn.Dropout(_DROPOUT))
        self.attend = GatedAttention(_EMBEDDED, _HIDDEN)
        self.narrow = nn.Sequential(nn.Linear(_EMBEDDED, WIDTH), nn.ReLU())
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        embedded = self.embed(features)
        attention = self.attend(embedded)
        return self.narrow((attention @ embedded)[None]), attention

    def of(self, slides: Sequence[TrainingSlide]) -> Tensor:
        """The features of B slides (B, 128)."""
        return torch.cat([self(slide.features)[0] for slide in slides])


class Teacher(nn.Module):
    """Histology, expression (B, G) to its feature (B, 128), and both."""

    def __init__(self, width: int, genes: int) -> None:
        super().__init__()
        self.histology = Histology(width)
        layers: list[nn.Module] = []
        for before, after in zip((genes, *_SNN), _SNN, strict=False):
            layers += [nn.Linear(before, after), nn.ELU(), nn.AlphaDropout(_DROPOUT)]
        self.expression = nn.Sequential(*layers)
        self.expression_head = nn.Linear(WIDTH, 2)
        self.fusion = BilinearFusion(WIDTH, WIDTH, _DROPOUT)
        self.fused_head = nn.Linear(WIDTH, 2)

    def say(self, histology: Tensor, expression: Tensor) -> Answers:
        """Of the features of B slides, (B, 128) both."""
        feature = self.fusion(histology, expression)
        return Answers(self.expression_head(expression), self.fused_head(feature), feature)
