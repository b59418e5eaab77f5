"""The folds of a training: made here by patient or by a column, or given as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

from momkd_core.cohort import Cohort
from momkd_core.cohort_case import Case
from momkd_core.errors import SettingsError
from momkd_core.split_tables import SplitTable, splits_of
from momkd_core.splits import Split, make_splits


@dataclass(frozen=True)
class Folds:
    """Cases in folds.

    Attributes:
        cases, labels, groups: aligned; those that are in a fold, with what keeps them together.
        warnings: what is to be said of them.
    """

    splits: list[Split]
    cases: list[Case]
    labels: list[int]
    groups: list[str]
    warnings: list[str]


def make_folds(
    cohort: Cohort,
    cases: list[Case],
    labels: list[int],
    *,
    folds: int,
    group: str | None,
    seed: int,
) -> Folds:
    """Folds that keep patients together, or the values of a column.

    Raises:
        CohortError: no such column, too few groups, or a part that would lack one of the labels.
        SettingsError: a case has no value in the column.
        LeakageError: of :func:`~momkd_core.splits.make_splits`.
    """
    groups, warnings = _groups(cohort, cases, group)
    ids = [case.case_id for case in cases]
    splits = make_splits(ids, labels, groups, folds=folds, seed=seed)
    return Folds(splits, cases, labels, groups, warnings)


def given_folds(
    tables: Sequence[SplitTable], cohort: Cohort, cases: list[Case], labels: list[int]
) -> Folds:
    """Folds that were made elsewhere; cases that none of them names are left out.

    Raises:
        CohortError, LeakageError: as :func:`~momkd_core.split_tables.splits_of`.
    """
    ids = [case.case_id for case in cases]
    splits, warnings = splits_of(tables, cohort, dict(zip(ids, labels, strict=True)))
    named = {case for split in splits for part in split.as_dict().values() for case in part}
    kept = [case in named for case in ids]
    cases, labels = list(compress(cases, kept)), list(compress(labels, kept))
    return Folds(splits, cases, labels, [case.patient_id for case in cases], warnings)


def _groups(cohort: Cohort, cases: list[Case], column: str | None) -> tuple[list[str], list[str]]:
    """Each case's group, and a warning where a patient's cases lie in several of them."""
    if column is None:
        return [case.patient_id for case in cases], []
    cohort.require_column(column)
    groups = [case.values[column] for case in cases]
    if "" in groups:
        case = cases[groups.index("")]
        raise SettingsError(
            f"Case {case.case_id} has no value in column {column!r}",
            "Fill it in, or group by patient",
        )
    seen: dict[str, set[str]] = {}
    for case, group in zip(cases, groups, strict=True):
        seen.setdefault(case.patient_id, set()).add(group)
    split = [patient for patient, found in seen.items() if len(found) > 1]
    if not split:
        return groups, []
    return groups, [
        f"Grouping by {column!r} puts cases of {len(split)} patient(s) (the first is {split[0]}) "
        "into training and test: the metrics do not measure new patients"
    ]
