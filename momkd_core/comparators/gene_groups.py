"""Genes that tell two labels apart, in groups that rise and fall together: what G-HANet
reconstructs."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from momkd_core.errors import ExpressionError

_SIGNIFICANT = 0.05


def gene_groups(
    expression: NDArray[np.float32], labels: NDArray[np.int64], groups: int, seed: int
) -> NDArray[np.int64]:
    """The group of every gene (G,), from 0; -1 where Welch's test does not tell the labels apart.

    Where fewer genes than groups do, as many as groups are taken, the lowest p first; fewer genes than
    groups are a group each.

    Args:
        expression: (cases, G), of training cases.
        labels: (cases,) 0 or 1.
        seed: of the k-means that groups.

    Raises:
        ExpressionError: fewer than two cases of a label.
    """
    groups = min(groups, expression.shape[1])
    negative, positive = (expression[labels == label].astype(np.float64) for label in (0, 1))
    if min(len(negative), len(positive)) < 2:
        raise ExpressionError(
            "Fewer than two training cases of a label have expression, so no gene can be tested",
            "Add expression of more cases, or use a method that needs none",
        )
    p = _welch(negative, positive)
    chosen = np.flatnonzero(p < _SIGNIFICANT)
    if len(chosen) < groups:
        chosen = np.sort(np.argsort(p, kind="stable")[:groups])
    found = np.full(expression.shape[1], -1, np.int64)
    found[chosen] = _together(expression[:, chosen].T.astype(np.float64), groups, seed)
    return found


def _welch(negative: NDArray[np.float64], positive: NDArray[np.float64]) -> NDArray[np.float64]:
    """p of every gene; 1 where a gene never varies."""
    means = [cases.mean(0) for cases in (negative, positive)]
    deviations = [cases.std(0, ddof=1) for cases in (negative, positive)]
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stats.ttest_ind_from_stats(
            means[0], deviations[0], len(negative),
            means[1], deviations[1], len(positive),
            equal_var=False,
        ).pvalue  # fmt: skip
    return np.where(np.isnan(p), 1.0, p)


def _together(rows: NDArray[np.float64], groups: int, seed: int) -> NDArray[np.int64]:
    """Groups of genes (genes, cases) by their correlation: k-means of standardised rows."""
    spread = rows.std(1, keepdims=True)
    rows = (rows - rows.mean(1, keepdims=True)) / np.where(spread == 0, 1, spread)
    with warnings.catch_warnings():
        # Genes that are alike in every case leave a group empty: its token then reconstructs nothing.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found: NDArray[np.int32] = KMeans(groups, n_init=4, random_state=seed).fit_predict(rows)
    return found.astype(np.int64)
