"""Is one method's AUC higher than another's on the same cases, or is that chance?

The variance of two AUCs on the same cases is that of DeLong, DeLong and Clarke-Pearson (Biometrics
1988), from the mid-ranks of Sun and Xu (IEEE Signal Processing Letters 2014). Where patients have
several cases, their cases are no separate evidence, and the variance is that of Obuchowski (Biometrics
1997), which is DeLong's where every patient has one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

_Z = float(stats.norm.ppf(0.975))
_ROUNDING = 1e-12


@dataclass(frozen=True)
class AucDifference:
    """AUC of one method minus another's, on the same cases.

    Attributes:
        difference: None where only one label is present.
        variance: None where a label has fewer than two patients.
        p: two-sided; None where it cannot be told.
    """

    difference: float | None
    variance: float | None
    p: float | None

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """95 %, by the normal distribution; None where there is no variance."""
        if self.difference is None or self.variance is None:
            return None, None
        half = _Z * math.sqrt(self.variance)
        return max(-1.0, self.difference - half), min(1.0, self.difference + half)


def delong(
    labels: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    patients: Sequence[str] | None = None,
) -> AucDifference:
    """AUC of ``first`` minus that of ``second``.

    Args:
        labels: (n,) 0 or 1.
        first, second: (n,) probabilities of the same cases by two methods.
        patients: of each case; None takes each for a patient of its own.
    """
    y = np.asarray(labels).astype(bool)
    if y.all() or not y.any():
        return AucDifference(None, None, None)
    owners = np.arange(len(y)) if patients is None else np.unique(patients, return_inverse=True)[1]
    placements = [_placements(y, np.asarray(p, dtype=float)) for p in (first, second)]
    areas = [float(placed[y].mean()) for placed in placements]
    difference = areas[0] - areas[1]
    positive, negative = (len(np.unique(owners[y == label])) for label in (True, False))
    if min(positive, negative) < 2:
        return AucDifference(difference, None, None)
    centred = (placements[0] - areas[0]) - (placements[1] - areas[1])
    # What each patient's positive and negative cases add to the difference.
    of_positive = np.bincount(owners, weights=np.where(y, centred, 0.0)) / y.sum()
    of_negative = np.bincount(owners, weights=np.where(y, 0.0, centred)) / (~y).sum()
    count = len(np.unique(owners))
    variance = (
        positive / (positive - 1) * float((of_positive**2).sum())
        + negative / (negative - 1) * float((of_negative**2).sum())
        + 2 * count / (count - 1) * float((of_positive * of_negative).sum())
    )
    return _tested(difference, max(0.0, variance))


def within_folds(differences: Sequence[AucDifference]) -> AucDifference:
    """The mean of folds' differences, each on its own test cases: no probability of one fold is ranked
    against another fold's. Folds without a difference or a variance are out.
    """
    known = [
        (one.difference, one.variance)
        for one in differences
        if one.difference is not None and one.variance is not None
    ]
    if not known:
        return AucDifference(None, None, None)
    mean = float(np.mean([difference for difference, _ in known]))
    return _tested(mean, sum(variance for _, variance in known) / len(known) ** 2)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted for their number (Holm 1979); what is None stays so and is not counted."""
    from statsmodels.stats.multitest import multipletests

    known = [p for p in p_values if p is not None]
    if not known:
        return list(p_values)
    adjusted = iter(multipletests(known, method="holm")[1])
    return [None if p is None else float(next(adjusted)) for p in p_values]


def _placements(y: NDArray[np.bool_], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) of each case, the share of the other label's cases that it is ranked rightly against; ties
    count half. Their mean over either label is the AUC.
    """
    everywhere = stats.rankdata(p)  # mid-ranks
    placed = np.empty(len(p))
    placed[y] = (everywhere[y] - stats.rankdata(p[y])) / (~y).sum()
    placed[~y] = 1.0 - (everywhere[~y] - stats.rankdata(p[~y])) / y.sum()
    return placed


def _tested(difference: float, variance: float) -> AucDifference:
    if variance > _ROUNDING:
        p = float(2 * stats.norm.sf(abs(difference) / math.sqrt(variance)))
        return AucDifference(difference, variance, p)
    # Nothing varies: equal is equal, but how sure a difference is cannot be told.
    return AucDifference(difference, variance, 1.0 if abs(difference) < _ROUNDING else None)
