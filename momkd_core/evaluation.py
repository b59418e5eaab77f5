"""Metrics of predictions, with intervals that say how much the numbers are worth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from sklearn.metrics import roc_auc_score, roc_curve

#: Resamples behind every interval.
BOOTSTRAPS = 2000
_CELLS = 2_000_000  # samples x cases that are counted at once: 16 MB

#: How cases come from slides and intervals from cases; part of every summary.
AGGREGATION = "case probability = mean over its slides; intervals resample patients"


def auc(labels: ArrayLike, probabilities: ArrayLike) -> float | None:
    """Area under the ROC curve; None (never 0.5) where only one label is present."""
    y = np.asarray(labels)
    if len(np.unique(y)) < 2:
        return None
    return float(roc_auc_score(y, np.asarray(probabilities)))


def cross_entropy(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean over cases of -log of their label's probability; 0 without cases."""
    y, p = np.asarray(labels).astype(bool), np.asarray(probabilities, dtype=float)
    right = np.maximum(np.where(y, p, 1.0 - p), np.finfo(float).eps)
    return float(-np.log(right).mean()) if len(y) else 0.0


def metrics(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> dict[str, Any]:
    """AUC, Brier score, and at the threshold: see :func:`decisions`; ``at_half`` has those at 0.5.

    A ratio without cases is None.
    """
    y = np.asarray(labels).astype(bool)
    p = np.asarray(probabilities, dtype=float)
    return {
        "auc": auc(y, p),
        **decisions(y, p >= threshold),
        "brier": float(((p - y) ** 2).mean()) if len(y) else None,
        "at_half": decisions(y, p >= 0.5),
        "cases": len(y),
        "positive": int(y.sum()),
    }


def decisions(labels: ArrayLike, predicted: ArrayLike) -> dict[str, float | None]:
    """Accuracy, balanced accuracy, F1 of the positive class, macro F1, sensitivity, specificity."""
    y, decided = np.asarray(labels).astype(bool), np.asarray(predicted).astype(bool)
    tp, tn = int((decided & y).sum()), int((~decided & ~y).sum())
    return _decisions(tp, tn, int((decided & ~y).sum()), int((~decided & y).sum()))


def _decisions(tp: float, tn: float, fp: float, fn: float) -> dict[str, float | None]:
    f1_positive = _ratio(2 * tp, 2 * tp + fp + fn)
    f1_negative = _ratio(2 * tn, 2 * tn + fp + fn)
    sensitivity, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    return {
        "accuracy": _ratio(tp + tn, tp + tn + fp + fn),
        "balanced_accuracy": _mean_of(sensitivity, specificity),
        "f1": f1_positive,
        "f1_macro": _mean_of(f1_positive, f1_negative),
        "sensitivity": sensitivity,
        "specificity": specificity,
    }


def bootstrap_decisions(
    labels: ArrayLike,
    predicted: ArrayLike,
    patients: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> dict[str, dict[str, float | None]]:
    """:func:`decisions` over cases with 95 % percentile intervals, resampling patients.

    Args:
        patients: of each case: cases of one patient are drawn together; None takes each case for a
            patient of its own.
    """
    y, decided = np.asarray(labels).astype(bool), np.asarray(predicted).astype(bool)
    values = decisions(y, decided)
    outcomes = np.stack([decided & y, ~decided & ~y, decided & ~y, ~decided & y], axis=1)
    counts = [times @ outcomes for times in _samples(y, patients, seed)]
    samples = [_decisions(*row) for row in np.concatenate(counts).tolist()]
    found: dict[str, dict[str, float | None]] = {}
    for name, value in values.items():
        known = [sample[name] for sample in samples if sample[name] is not None]
        if value is None or not known:
            found[name] = {"value": value, "low": None, "high": None}
            continue
        low, high = np.percentile(np.array(known, dtype=float), [2.5, 97.5])
        found[name] = {"value": value, "low": float(low), "high": float(high)}
    return found


def calibration(
    labels: ArrayLike, probabilities: ArrayLike, *, bins: int = 10
) -> dict[str, float | list[dict[str, float | int]] | None]:
    """How far probabilities are from frequencies, in ``bins`` of equal width.

    Returns:
        ``ece``: expected calibration error, the mean over cases of the distance between frequency and
        mean probability in their bin (Naeini et al. 2015), None without cases; ``bins``: those that
        hold cases.
    """
    y = np.asarray(labels).astype(float)
    p = np.asarray(probabilities, dtype=float)
    place = np.minimum((p * bins).astype(np.intp), bins - 1)
    rows: list[dict[str, float | int]] = []
    error = 0.0
    for index in range(bins):
        inside = place == index
        if not inside.any():
            continue
        mean, frequency = float(p[inside].mean()), float(y[inside].mean())
        error += abs(frequency - mean) * int(inside.sum())
        rows.append(
            {
                "low": index / bins,
                "high": (index + 1) / bins,
                "cases": int(inside.sum()),
                "probability": mean,
                "frequency": frequency,
            }
        )
    return {"ece": error / len(y) if len(y) else None, "bins": rows}


def bootstrap_auc(
    labels: ArrayLike,
    probabilities: ArrayLike,
    patients: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> dict[str, float | None]:
    """AUC over cases with a 95 % percentile interval, resampling patients.

    ``patients`` as for :func:`bootstrap_decisions`.
    """
    y = np.asarray(labels)
    p = np.asarray(probabilities, dtype=float)
    value = auc(y, p)
    if value is None:
        return {"auc": None, "low": None, "high": None}
    values = np.concatenate([_aucs(y, p, times) for times in _samples(y, patients, seed)])
    low, high = np.percentile(values, [2.5, 97.5])
    return {"auc": value, "low": float(low), "high": float(high)}


def bootstrap_auc_difference(
    labels: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    patients: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> dict[str, float | None]:
    """AUC of ``after`` minus that of ``before`` on the same cases, with a paired 95 % interval.

    Each sample of patients is scored by both, so what cases have in common cancels out. ``patients``
    as for :func:`bootstrap_decisions`. The difference is None where only one label is present; the
    interval too where a label has fewer than two patients, since nothing then varies.
    """
    y = np.asarray(labels)
    p, q = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    first, second = auc(y, p), auc(y, q)
    if first is None or second is None:
        return {"difference": None, "low": None, "high": None}
    difference = second - first
    owners = np.arange(len(y)) if patients is None else np.asarray(patients)
    if min(len(np.unique(owners[y == label])) for label in (0, 1)) < 2:
        return {"difference": difference, "low": None, "high": None}
    drawn = _samples(y, patients, seed)
    values = np.concatenate([_aucs(y, q, times) - _aucs(y, p, times) for times in drawn])
    low, high = np.percentile(values, [2.5, 97.5])
    return {"difference": difference, "low": float(low), "high": float(high)}


def bootstrap_mean(
    values: ArrayLike, patients: Sequence[str] | None = None, *, seed: int = 0
) -> dict[str, float | None]:
    """Mean over cases with a 95 % percentile interval, resampling patients.

    None without cases; no interval with fewer than two patients.
    """
    v = np.asarray(values, dtype=float)
    if not len(v):
        return {"mean": None, "low": None, "high": None}
    mean = float(v.mean())
    if len(np.unique(np.arange(len(v)) if patients is None else np.asarray(patients))) < 2:
        return {"mean": mean, "low": None, "high": None}
    # All alike: a mean needs no label in every sample.
    drawn = _samples(np.zeros(len(v)), patients, seed)
    samples = np.concatenate([times @ v / times.sum(axis=1) for times in drawn])
    low, high = np.percentile(samples, [2.5, 97.5])
    return {"mean": mean, "low": float(low), "high": float(high)}


def mean_over_folds(
    values: Sequence[float | None], bounds: tuple[float, float] = (0.0, 1.0)
) -> dict[str, float | None]:
    """Mean, sample sd and 95 % t-interval, cut at ``bounds``, of a metric over folds.

    Folds without a value are out.
    """
    known = [v for v in values if v is not None]
    if not known:
        return {"mean": None, "sd": None, "low": None, "high": None}
    mean = float(np.mean(known))
    if len(known) == 1:
        return {"mean": mean, "sd": None, "low": None, "high": None}
    sd = float(np.std(known, ddof=1))
    half = float(special.stdtrit(len(known) - 1, 0.975)) * sd / math.sqrt(len(known))
    low, high = max(bounds[0], mean - half), min(bounds[1], mean + half)
    return {"mean": mean, "sd": sd, "low": low, "high": high}


def best_threshold(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """The threshold with the largest Youden index (sensitivity + specificity - 1).

    Halfway between neighbouring probabilities; among equals the one closest to 0.5, which is also
    the answer where one label is missing. Meant for validation cases only.
    """
    y = np.asarray(labels)
    p = np.asarray(probabilities, dtype=float)
    if len(np.unique(y)) < 2:
        return 0.5
    false_positive, true_positive, _ = roc_curve(y, p)
    best = (true_positive - false_positive).max()
    distinct = np.unique(p)
    candidates = np.concatenate([(distinct[:-1] + distinct[1:]) / 2, [0.5]])
    youden = [float((p[y == 1] >= t).mean() + (p[y == 0] < t).mean() - 1.0) for t in candidates]
    close = [t for t, j in zip(candidates, youden, strict=True) if j >= best - 1e-9]
    return float(min(close, key=lambda t: abs(t - 0.5))) if close else 0.5


def _samples(
    labels: NDArray[Any], patients: Sequence[str] | None, seed: int
) -> Iterator[NDArray[np.float64]]:
    """How often each case is in each sample of patients drawn with replacement, (samples, cases).

    Patients are drawn among those alike: with positive cases only, with negative ones only, with
    both. So every sample holds both labels, if there are both.
    """
    random = np.random.default_rng(seed)
    y = np.asarray(labels) == 1
    names = np.arange(len(y)) if patients is None else np.asarray(patients)
    _, owner = np.unique(names, return_inverse=True)
    counts = np.bincount(owner)
    positive = np.bincount(owner, weights=y)
    strata = [positive == counts, positive == 0, (positive > 0) & (positive < counts)]
    alike = [np.flatnonzero(stratum) for stratum in strata]
    block = max(1, _CELLS // max(1, len(y)))
    for start in range(0, BOOTSTRAPS, block):
        times = np.empty((min(block, BOOTSTRAPS - start), len(counts)))
        for row in times:
            drawn = np.concatenate([random.choice(p, len(p)) if len(p) else p for p in alike])
            row[:] = np.bincount(drawn, minlength=len(counts))
        yield times[:, owner]


def _aucs(
    y: NDArray[Any], p: NDArray[np.float64], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """AUC of each sample: pairs in which the positive case has the more, ties counted half."""
    positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y != 1)
    negative = negative[np.argsort(p[negative], kind="stable")]
    of_positive, of_negative = times[:, positive], times[:, negative]
    below = np.zeros((len(times), len(negative) + 1))
    np.cumsum(of_negative, axis=1, out=below[:, 1:])
    less, at_most = (np.searchsorted(p[negative], p[positive], s) for s in ("left", "right"))
    won = (of_positive * (below[:, less] + below[:, at_most])).sum(axis=1) / 2
    result: NDArray[np.float64] = won / (of_positive.sum(axis=1) * of_negative.sum(axis=1))
    return result


def _mean_of(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else (a + b) / 2


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
