"""Contrast between what a student and its teacher say of the training cases: TDC's feature
distillation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_WIDTH = 128
_NEIGHBOURS = 6  # positives of a case: itself and five of its label
_NEGATIVES = 4096
_TEMPERATURE = 0.07
_MOMENTUM = 0.5


class ContrastiveDistillation(nn.Module):
    """Contrastive distillation (Tian et al., ICLR 2020) that preserves local topology (Xing et al.,
    2024).

    A case's student feature shall resemble the teacher's features of the case *and of its
    neighbours in the teacher's space* more than those of other cases, and the reverse. The last
    features of every training case are remembered on both sides, in unit length.

    Args:
        width: of the student's and the teacher's features.
    """

    remembered_student: Tensor  # (cases, _WIDTH)
    remembered_teacher: Tensor
    labels: Tensor  # (cases,)
    log_normaliser: Tensor  # (2,), fixed by the first step; NaN before

    def __init__(self, width: int) -> None:
        super().__init__()
        self.student = nn.Linear(width, _WIDTH)
        self.teacher = nn.Linear(width, _WIDTH)
        self.register_buffer("remembered_student", torch.empty(0, _WIDTH))
        self.register_buffer("remembered_teacher", torch.empty(0, _WIDTH))
        self.register_buffer("labels", torch.empty(0, dtype=torch.int64))
        self.register_buffer("log_normaliser", torch.full((2,), math.nan))

    def begin(self, labels: Tensor, generator: torch.Generator) -> None:
        """Forgets, and starts with random features of as many cases as there are ``labels``."""
        device, spread = self.student.weight.device, math.sqrt(3 / _WIDTH)
        self.labels = labels.to(device)
        for side in ("student", "teacher"):
            drawn = torch.rand(len(labels), _WIDTH, generator=generator) * 2 - 1
            setattr(self, f"remembered_{side}", (drawn * spread).to(device))
        self.log_normaliser = torch.full((2,), math.nan, device=device)

    def forward(self, student: Tensor, teacher: Tensor, cases: Tensor) -> Tensor:
        """The loss of each of B cases, (B,); then remembers what was said of them.

        Args:
            student, teacher: (B, width); no gradient reaches the teacher's.
            cases: (B,) their rows in ``begin``'s labels.
        """
        projected = functional.normalize(self.student(student), dim=1)
        taught = functional.normalize(self.teacher(teacher.detach()), dim=1)
        loss = self._contrast(projected, self.remembered_teacher, cases, 0)
        loss = loss + self._contrast(taught, self.remembered_student, cases, 1)
        with torch.no_grad():
            for rows, new in (
                (self.remembered_student, projected),
                (self.remembered_teacher, taught),
            ):
                moved = _MOMENTUM * rows[cases] + (1 - _MOMENTUM) * new
                rows[cases] = functional.normalize(moved, dim=1)
        return loss

    def neighbours(self, rows: Tensor, cases: Tensor) -> tuple[Tensor, Tensor]:
        """Rows most like those of B cases among cases of their label, itself first, and how like:
        (B, P)."""
        unit = functional.normalize(rows, dim=1)
        alike = (unit[cases] @ unit.T).clamp_min(0)
        alike = alike * (self.labels[cases][:, None] == self.labels)
        similarity, found = alike.topk(min(_NEIGHBOURS, len(rows)), dim=1)
        return found, similarity

    def _contrast(self, anchors: Tensor, rows: Tensor, cases: Tensor, side: int) -> Tensor:
        rows = rows.clone()  # remembered anew before the backward pass
        found, similarity = self.neighbours(rows, cases)
        scores = anchors @ rows.T / _TEMPERATURE
        positive = scores.gather(1, found)
        negative = scores.gather(1, self._others(cases, len(rows)))
        if self.log_normaliser[side].isnan():
            both = torch.cat([positive, negative], 1).detach()
            mean = both.logsumexp((0, 1)) - math.log(both.numel())
            self.log_normaliser[side] = mean + math.log(len(rows))
        # Noise-contrastive estimation: was this row the case's own, or one of the drawn ones?
        offset = self.log_normaliser[side] + math.log(_NEGATIVES / len(rows))
        right = functional.logsigmoid(positive - offset)
        rest = functional.logsigmoid(offset - negative).sum(1, keepdim=True)
        return -((right + rest) * similarity).sum(1) / similarity.sum(1)

    @staticmethod
    def _others(cases: Tensor, count: int) -> Tensor:
        """(B, _NEGATIVES) rows drawn among all but the case's own."""
        drawn = torch.randint(count - 1, (len(cases), _NEGATIVES)).to(cases.device)
        return drawn + (drawn >= cases[:, None])
