"""Metrics of predictions, with intervals that say how much the numbers are worth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

_BOOTSTRAPS = 2000


def auc(labels: ArrayLike, probabilities: ArrayLike) -> float | None:
    """Area under the ROC curve; None (never 0.5) where only one label is present."""
    y = np.asarray(labels)
    if len(np.unique(y)) < 2:
        return None
    return float(roc_auc_score(y, np.asarray(probabilities)))


def metrics(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> dict[str, Any]:
    """AUC, accuracy, F1 of the positive class, macro F1, sensitivity, specificity, Brier score.

    A ratio without cases is None.
    """
    y = np.asarray(labels).astype(bool)
    p = np.asarray(probabilities, dtype=float)
    predicted = p >= threshold
    tp, tn = int((predicted & y).sum()), int((~predicted & ~y).sum())
    fp, fn = int((predicted & ~y).sum()), int((~predicted & y).sum())
    f1_positive = _ratio(2 * tp, 2 * tp + fp + fn)
    f1_negative = _ratio(2 * tn, 2 * tn + fp + fn)
    both = f1_positive is not None and f1_negative is not None
    return {
        "auc": auc(y, p),
        "accuracy": _ratio(tp + tn, len(y)),
        "f1": f1_positive,
        "f1_macro": ((f1_positive or 0.0) + (f1_negative or 0.0)) / 2 if both else None,
        "sensitivity": _ratio(tp, tp + fn),
        "specificity": _ratio(tn, tn + fp),
        "brier": float(((p - y) ** 2).mean()) if len(y) else None,
        "cases": len(y),
        "positive": int(y.sum()),
    }


def bootstrap_auc(
    labels: ArrayLike, probabilities: ArrayLike, *, seed: int = 0
) -> dict[str, float | None]:
    """AUC with a 95 % percentile interval, resampling cases within each label."""
    y = np.asarray(labels)
    p = np.asarray(probabilities, dtype=float)
    value = auc(y, p)
    if value is None:
        return {"auc": None, "low": None, "high": None}
    random = np.random.default_rng(seed)
    positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    values = []
    for _ in range(_BOOTSTRAPS):
        chosen = np.concatenate(
            [random.choice(positive, len(positive)), random.choice(negative, len(negative))]
        )
        values.append(_fast_auc(y[chosen], p[chosen]))
    low, high = np.percentile(values, [2.5, 97.5])
    return {"auc": value, "low": float(low), "high": float(high)}


def mean_over_folds(values: list[float | None]) -> dict[str, float | None]:
    """Mean, sample sd and 95 % t-interval of a metric over folds; folds without a value are out."""
    known = [v for v in values if v is not None]
    if not known:
        return {"mean": None, "sd": None, "low": None, "high": None}
    mean = float(np.mean(known))
    if len(known) == 1:
        return {"mean": mean, "sd": None, "low": None, "high": None}
    sd = float(np.std(known, ddof=1))
    half = float(stats.t.ppf(0.975, len(known) - 1)) * sd / math.sqrt(len(known))
    return {"mean": mean, "sd": sd, "low": max(0.0, mean - half), "high": min(1.0, mean + half)}


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


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _fast_auc(y: np.ndarray[Any, Any], p: np.ndarray[Any, Any]) -> float:
    """AUC by ranks (Mann-Whitney), ties counted half."""
    rank = stats.rankdata(p)
    n1 = int((y == 1).sum())
    n0 = len(y) - n1
    return float((rank[y == 1].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))
