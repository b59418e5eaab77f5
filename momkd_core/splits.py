"""Folds whose groups never meet: 7 : 1 : 2 for training, validation and test (paper, section 4.1).

Cases of one patient (or of one ``--group``) stay together, and both labels appear in every part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from momkd_core.errors import CohortError, LeakageError

_VALIDATION_PARTS = 8  # an eighth of the remaining 80 % is 10 %


@dataclass(frozen=True)
class Split:
    """Case ids of one fold."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def as_dict(self) -> dict[str, list[str]]:
        return {name: list(cases) for name, cases in asdict(self).items()}


def splits_sha256(splits: Sequence[Split]) -> str:
    """SHA-256 of folds: who is in which part, in any order."""
    parts = [[name, sorted(c)] for s in splits for name, c in sorted(s.as_dict().items())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def make_splits(
    case_ids: list[str], labels: list[int], groups: list[str], *, folds: int, seed: int
) -> list[Split]:
    """Stratified folds by group.

    Args:
        case_ids, labels, groups: aligned; a label is 0 or 1.
        folds: number of test sets; each case is in exactly one.
        seed: shuffles the groups.

    Raises:
        CohortError: too few groups, or a part that would lack one of the labels.
        LeakageError: two parts share a group.
    """
    count = len(set(groups))
    needed = max(folds, 3)
    if count < needed:
        raise CohortError(
            f"{folds} folds need at least {needed} groups, but the cases form only {count}: "
            f"{', '.join(sorted(set(groups))[:5])}",
            "Use fewer --folds, or group by another column with --group (then say so: cases of "
            "one patient may then be in training and test)",
        )
    for label in (0, 1):
        with_label = len({g for g, y in zip(groups, labels, strict=True) if y == label})
        if with_label < needed:
            raise CohortError(
                f"{folds} folds need cases of both labels in at least {needed} groups, but only "
                f"{with_label} groups have a {'positive' if label else 'negative'} case",
                "Use fewer --folds or a larger cohort",
            )
    y, g = np.asarray(labels), np.asarray(groups)
    indices = np.arange(len(y))
    outer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    splits = []
    for fold, (rest, test) in enumerate(outer.split(indices, y, g)):
        train, validation = _validation(rest, y, g, seed + fold)
        split = Split(
            *(tuple(case_ids[i] for i in part) for part in (train, validation, test)),
        )
        _check(split, case_ids, labels, groups, fold)
        splits.append(split)
    return splits


def _validation(
    rest: np.ndarray[tuple[int], np.dtype[np.int64]],
    y: np.ndarray[tuple[int], np.dtype[np.int64]],
    g: np.ndarray[tuple[int], np.dtype[np.str_]],
    seed: int,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Splits off the validation part whose share of positives is closest to the whole's."""
    parts = min(_VALIDATION_PARTS, *(len(set(g[rest][y[rest] == label])) for label in (0, 1)))
    inner = StratifiedGroupKFold(max(2, parts), shuffle=True, random_state=seed)
    share = y[rest].mean()
    candidates: list[tuple[float, int]] = []
    for train, validation in inner.split(rest, y[rest], g[rest]):
        if len(set(y[rest][validation])) == 2 and len(set(y[rest][train])) == 2:
            candidates.append((abs(y[rest][validation].mean() - share), len(candidates)))
        else:
            candidates.append((np.inf, len(candidates)))
    chosen = min(candidates)[1]
    train, validation = list(inner.split(rest, y[rest], g[rest]))[chosen]
    return rest[train], rest[validation]


def _check(
    split: Split, case_ids: list[str], labels: list[int], groups: list[str], fold: int
) -> None:
    """Makes sure of what the rest relies on: disjoint groups, both labels in every part."""
    label = dict(zip(case_ids, labels, strict=True))
    group = dict(zip(case_ids, groups, strict=True))
    parts = {name: set(cases) for name, cases in split.as_dict().items()}
    by_group = {name: {group[c] for c in cases} for name, cases in parts.items()}
    for a, b in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = by_group[a] & by_group[b]
        if shared:
            raise LeakageError(
                f"The {a} and the {b} part of fold {fold} share {len(shared)} groups (the first is "
                f"{min(shared)})",
                "This is a fault of the program, and nothing was trained: please report it",
            )
    cure = "Use fewer --folds, another --seed, or a finer --group"
    check_labels(split, label, f"of fold {fold}", cure)


def check_labels(split: Split, labels: Mapping[str, int], where: str, cure: str) -> None:
    """Raises :class:`CohortError` where a part of a fold has not both labels."""
    for name, cases in split.as_dict().items():
        if len({labels[case] for case in cases}) < 2:
            raise CohortError(f"The {name} part {where} would have cases of one label only", cure)
