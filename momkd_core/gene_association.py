"""Which genes' expression goes with how much of a case a component explains.

Spearman's rank correlation needs no logarithm and no scaling of genes: the table is taken as it is (one
whose cases were sequenced to different depths is best normalised before). Every gene of the table is
tested, not only those that the model learned from: they were chosen by the label, which components are
trained to tell, so that associations among them alone would be no surprise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

_FEWEST = 20  # cases: below, a few ranks that agree by chance look like a finding
# Cases that would differ from the commonest value (0, as a rule) in share and gene both, by chance.
_FEWEST_TOGETHER = 10
_MOST_GENES = 20
_FALSE_DISCOVERIES = 0.05
_BLOCK = 4096  # genes ranked at a time


class GeneAssociation(BaseModel):
    """One gene and one component over n cases.

    Attributes:
        rho: Spearman's rank correlation of expression and the component's share, -1 to 1.
        q: Benjamini-Hochberg, over all components and genes of the model.
        n: cases with a value of this gene.
    """

    model_config = ConfigDict(frozen=True)

    gene: str
    rho: float = Field(ge=-1, le=1)
    q: float = Field(ge=0, le=1)
    n: int = Field(ge=1)


def associate(
    shares: NDArray[np.float64], expression: NDArray[np.float64], genes: tuple[str, ...]
) -> list[tuple[GeneAssociation, ...]]:
    """The associated genes of every component, the surest first: at most 20, each with q < 0.05.

    Not tested is what ranks cannot tell: fewer than twenty cases, and a share and a gene that are each
    0 (or another value) in so many cases that one case in which neither is would pass for a finding. A
    constant share has no genes. Cases count one each, also those of one patient.

    Args:
        shares: (cases, components) of each case's patches.
        expression: (cases, genes); NaN where not measured.

    Returns:
        By component; empty where nothing is associated.
    """
    from scipy import stats  # takes longer to import than a prediction, which needs none of it

    rho = np.full((shares.shape[1], len(genes)), np.nan)
    p = np.full_like(rho, np.nan)
    known = ~np.isnan(expression)
    counts = known.sum(axis=0)
    for rows, columns in _measured_alike(known):
        if len(rows) < _FEWEST:
            continue
        of_components, differing = _unit_ranks(shares[rows]), _differing(shares[rows])
        for start in range(0, len(columns), _BLOCK):
            block = columns[start : start + _BLOCK]
            values = expression[np.ix_(rows, block)]
            found = np.clip(of_components.T @ _unit_ranks(values), -1.0, 1.0)
            together = np.outer(differing, _differing(values)) / len(rows)
            found[together < _FEWEST_TOGETHER] = np.nan
            rho[:, block], p[:, block] = found, _p_values(found, len(rows))
    q = np.full_like(rho, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        q[tested] = stats.false_discovery_control(p[tested])
    result = []
    for component in range(len(rho)):
        chosen = np.flatnonzero(q[component] < _FALSE_DISCOVERIES)
        order = np.lexsort((chosen, -np.abs(rho[component, chosen]), p[component, chosen]))
        result.append(
            tuple(
                GeneAssociation(
                    gene=genes[i],
                    rho=round(float(rho[component, i]), 4),
                    q=float(f"{q[component, i]:.4g}"),
                    n=int(counts[i]),
                )
                for i in chosen[order][:_MOST_GENES]
            )
        )
    return result


def _measured_alike(
    known: NDArray[np.bool_],
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Genes that were measured in the same cases, together: (rows, columns) of each group."""
    packed = np.packbits(known, axis=0)
    _, first, group = np.unique(packed, axis=1, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    order = np.argsort(group, kind="stable")
    columns = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    return [(np.flatnonzero(known[:, first[number]]), own) for number, own in enumerate(columns)]


def _unit_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks of each column, centred, of length 1; NaN where a column is constant."""
    from scipy import stats

    ranks = stats.rankdata(values, axis=0)
    ranks -= ranks.mean(axis=0)
    norms = np.sqrt((ranks**2).sum(axis=0))
    result: NDArray[np.float64] = ranks / np.where(norms > 0, norms, np.nan)
    return result


def _differing(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """(columns,) how many rows of each differ from its commonest value."""
    ordered = np.sort(values, axis=0)
    begins = np.ones(ordered.shape, bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    place = np.arange(len(ordered))[:, None]
    run = place - np.maximum.accumulate(np.where(begins, place, 0), axis=0) + 1
    result: NDArray[np.int64] = len(ordered) - run.max(axis=0)
    return result


def _p_values(rho: NDArray[np.float64], cases: int) -> NDArray[np.float64]:
    """Two-sided, from the symmetric beta curve with the exact second and fourth moment of rho.

    With thousands of genes it is the tail that decides. There the usual t distribution is too sure: by
    half at 25 cases and p = 0.0001, where this curve is right. Moments: Kendall and Gibbons, Rank
    Correlation Methods, for ranks without ties.
    """
    from scipy import special

    n = cases
    excess = (25 * n**3 - 38 * n**2 - 35 * n + 72) / (25 * n * (n + 1) * (n - 1))
    size = (1 + excess) / (1 - excess)  # as if of so many cases, and stretched
    r = rho / np.sqrt((size - 1) / (n - 1))
    t = np.abs(r) * np.sqrt((size - 2) / ((1 - r) * (1 + r)))
    result: NDArray[np.float64] = 2.0 * special.stdtr(size - 2, -t)
    return result
