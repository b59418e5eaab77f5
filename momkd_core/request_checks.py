"""What shows before training whether a request's data can be trained on, and what is to be counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from momkd_core.cohort import Cohort
from momkd_core.cohort_case import Case
from momkd_core.errors import CohortError, ExpressionError
from momkd_core.expression import ExpressionTable
from momkd_core.splits import Split
from momkd_core.training_slides import SlideStore


def with_expression(table: ExpressionTable | None, ids: list[str]) -> list[str]:
    """Those of the cases that have expression."""
    if table is None:
        return []
    absent = np.asarray(np.isnan(table.rows(ids)).all(axis=1))
    return [case for case, missing in zip(ids, absent, strict=True) if not missing]


def check_expression_of_folds(
    table: ExpressionTable | None,
    splits: list[Split],
    chosen: Iterable[int],
    labels: Mapping[str, int],
    values: tuple[str, str],
) -> None:
    """Genes are chosen by how they tell the labels apart, on the training cases of a fold alone.

    Args:
        chosen: the folds that are to be trained.
        labels: by case id.
        values: what labels 0 and 1 are called.

    Raises:
        ExpressionError: in a fold, the training cases with expression are of one label.
    """
    if table is None:
        return
    known = set(with_expression(table, list(labels)))
    for fold in chosen:
        train = [case for case in splits[fold].train if case in known]
        positive = sum(labels[case] for case in train)
        counts = (len(train) - positive, positive)
        if 0 in counts:
            lacking = values[counts.index(0)]
            raise ExpressionError(
                f"Of the {len(splits[fold].train)} training cases of fold {fold}, {len(train)} have "
                f"expression: {counts[1]} are {values[1]}, {counts[0]} are {values[0]}, and genes are "
                "chosen between the two",
                f"Add expression of cases that are {lacking}, or try fewer --folds or another --seed",
            )


def check_slides_distinct(
    cohort: Cohort,
    cases: list[Case],
    groups: list[str],
    features: Mapping[str, list[Path]],
    store: SlideStore,
) -> list[str]:
    """Refuses a slide that appears under two patients, and counts one that a patient has twice.

    The same slide under two names would be trained on and tested on.

    Args:
        groups: of the cases, what folds keep together.
        features: feature files by case id, in the order of the case's slides.

    Returns:
        Warnings.

    Raises:
        CohortError: two slides of different patients (or groups) have equal features.
    """
    first: dict[str, tuple[Case, str, int]] = {}
    leaks: list[tuple[str, str]] = []
    repeated: list[str] = []
    for case, group in zip(cases, groups, strict=True):
        for slide, path in zip(case.slides, features[case.case_id], strict=True):
            digest = store.features_sha256(path)
            if digest not in first:
                first[digest] = (case, group, slide.line)
                continue
            other, other_group, line = first[digest]
            if (other.patient_id, other_group) == (case.patient_id, group):
                repeated.append(slide.stem)
                continue
            leaks.append(
                (
                    f"lines {line} and {slide.line} (case {other.case_id} of patient "
                    f"{other.patient_id}, case {case.case_id} of patient {case.patient_id})",
                    path.name,
                )
            )
    if leaks:
        where, name = leaks[0]
        more = f", and so have {len(leaks) - 1} other pairs" if len(leaks) > 1 else ""
        raise CohortError(
            f"{cohort.path.name} {where} have the same features ({name}){more}: one slide would be in "
            "training and test",
            "Remove one of the rows, or give both the same patient_id where they are one patient's",
        )
    if not repeated:
        return []
    return [
        f"{len(repeated)} slides have the same features as another of their patient (the first is "
        f"{repeated[0]}) and count twice"
    ]


def several_slides(cases: list[Case]) -> list[str]:
    """A warning that counts the cases with several slides, and says how they are put together."""
    several = [case.case_id for case in cases if len(case.slides) > 1]
    if not several:
        return []
    return [
        f"{len(several)} of {len(cases)} cases have several slides (the first is {several[0]}): each "
        "is trained on as a slide, and a case's probability is the mean over its slides"
    ]
