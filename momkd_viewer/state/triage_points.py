"""The points of a triage chart: one a case, of those that the table shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from momkd_viewer.state.workspace import Answers, FloatArray
from momkd_viewer.state.workspace_order import Rows


@dataclass(frozen=True)
class TriagePoints:
    """Attributes:
    x, y: of each point.
    correct: 1, 0, or NaN without a label.
    cases: position of each point's case in the cohort.
    """

    x: FloatArray
    y: FloatArray
    correct: FloatArray
    cases: Rows

    def __len__(self) -> int:
        return len(self.cases)

    def nearest(self, x: float, y: float, dx: float, dy: float) -> int:
        """The case whose point lies nearest within an ellipse of half axes dx and dy; -1 for none."""
        distance = ((self.x - x) / dx) ** 2 + ((self.y - y) / dy) ** 2
        if not len(distance) or distance.min() > 1.0:
            return -1
        return int(self.cases[int(distance.argmin())])

    def of(self, correct: bool | None) -> NDArray[np.bool_]:
        """Which points are of right cases, wrong ones, or those without a label."""
        return np.isnan(self.correct) if correct is None else self.correct == correct


def points_of(answers: Answers, rows: Rows, x: str, y: str) -> TriagePoints:
    """Points of the cases at ``rows``, in their order; those that lack a number are left out."""
    all_x, all_y = answers.number(x)[rows], answers.number(y)[rows]
    known = ~(np.isnan(all_x) | np.isnan(all_y))
    correct = answers.number("correct")[rows]
    return TriagePoints(all_x[known], all_y[known], correct[known], rows[known])
