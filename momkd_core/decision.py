"""How a model's probability becomes one of two classes, and what a cohort records of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    """A model's question, its two answers, and where they part.

    Attributes:
        task: the label column.
        positive: the class value of probability 1; ``negative`` the other one.
        threshold: at or above it the positive class is predicted.
    """

    task: str
    positive: str
    negative: str
    threshold: float

    def predicted(self, probability: float) -> str:
        """The class value."""
        return self.positive if probability >= self.threshold else self.negative

    def label(self, values: Mapping[str, str]) -> str | None:
        """What a cohort's row records; None where that is nothing, or a class of another question."""
        value = values.get(self.task)
        return value if value in (self.positive, self.negative) else None
