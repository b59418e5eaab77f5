"""A trained model on a cohort it has never seen (Table 2 of the paper)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from momkd_core.checkpoint import Model
from momkd_core.cohort import Cohort
from momkd_core.cohort_prediction import CaseFailure, CaseResult, predict_cohort
from momkd_core.errors import CohortError
from momkd_core.evaluation import (
    AGGREGATION,
    bootstrap_auc,
    bootstrap_decisions,
    calibration,
    mean_over_folds,
    metrics,
)
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.run_folder import seen_in_training

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExternalCohort:
    """A cohort to test on.

    Attributes:
        name: what it is called in files and tables.
        features_folder: where its feature files are, or None to take its own column or slides.
    """

    name: str
    cohort: Cohort
    features_folder: Path | None = None


_MEANS = ("auc", "accuracy", "balanced_accuracy", "f1", "f1_macro")


def evaluate_cohort(
    model: Model,
    cohort: Cohort,
    *,
    features_folder: Path | None = None,
    mpp: float | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    on_case: Callable[[CaseResult], None] | None = None,
) -> dict[str, Any]:
    """Metrics of the mean of a run's folds on another cohort, in the form of ``summary.json``.

    The threshold is the models' own, frozen on their validation cases. ``members`` has the metrics of
    each fold's model on all cases, with its own threshold, and their mean and sd (Table 2). ``on_case``
    is told of each case that was predicted.

    Raises:
        CohortError: the cohort lacks the model's label, or no case could be predicted.
        Cancelled: on request.
    """
    card = model.card
    cases, labels, _ = cohort.labelled(card.task, card.positive, card.negative)
    chosen = Cohort(cohort.path, tuple(cases), cohort.columns)
    found_before = seen_in_training(model, cases)
    if len(cases) < len(cohort):
        left_out = len(cohort) - len(cases)
        found_before.append(f"{left_out} of {len(cohort)} cases have no usable {card.task} label")
    for warning in found_before:
        log.warning(warning)
    warnings = [*found_before, *model.warnings]  # the model's were said when it was loaded
    outside: list[str] = []
    label_of = dict(zip((case.case_id for case in cases), labels, strict=True))
    known, probabilities, patients, failed = [], [], [], []
    of_members: list[list[float]] = []
    for outcome in predict_cohort(
        model, chosen, features_folder=features_folder, mpp=mpp, report=report, cancel=cancel
    ):
        if isinstance(outcome, CaseFailure):
            log.warning("case %s: %s", outcome.case_id, outcome.error)
            failed.append(outcome.case_id)
            continue
        if on_case is not None:
            on_case(outcome)
        if any(slide.outside for slide in outcome.slides):
            outside.append(outcome.case.case_id)
        known.append(label_of[outcome.case.case_id])
        probabilities.append(outcome.probability)
        patients.append(outcome.case.patient_id)
        of_members.append(_member_probabilities(outcome))
    if not known:
        raise CohortError("No case of the cohort could be predicted", "See the warnings above")
    if outside:
        warnings.append(
            f"{len(outside)} of {len(known)} cases (the first is {outside[0]}) are outside what the "
            "model knows"
        )
        log.warning(warnings[-1])
    found = metrics(known, probabilities, model.threshold)
    fold = {"fold": "all", "threshold": model.threshold, **found}
    return {
        "task": card.task,
        "positive": card.positive,
        "method": card.method,
        "preset": card.preset,
        "aggregation": AGGREGATION,
        "folds": [fold],
        **{name: mean_over_folds([found[name]]) for name in _MEANS},
        "members": _of_members(model, known, of_members) if model.is_ensemble else None,
        "pooled": {
            **bootstrap_auc(known, probabilities, patients),
            "cases": len(known),
            "decisions": bootstrap_decisions(
                known, [p >= model.threshold for p in probabilities], patients
            ),
            "calibration": calibration(known, probabilities),
        },
        "outside": outside,
        "errors": failed,
        "warnings": warnings,
    }


def _member_probabilities(outcome: CaseResult) -> list[float]:
    """A case's probability by each fold's model: the mean over its slides."""
    slides = np.array([slide.member_probabilities for slide in outcome.slides])
    return [float(value) for value in slides.mean(axis=0)]


def _of_members(
    model: Model, labels: Sequence[int], probabilities: Sequence[Sequence[float]]
) -> dict[str, Any]:
    """Metrics of each fold's model (probabilities: by case, then by model) and over them."""
    folds = []
    for member, of_cases in zip(model.members, zip(*probabilities, strict=True), strict=True):
        threshold = member.card.threshold
        found = metrics(labels, of_cases, threshold)
        folds.append({"fold": member.card.fold, "threshold": threshold, **found})
    return {
        "folds": folds,
        **{name: mean_over_folds([fold[name] for fold in folds]) for name in _MEANS},
    }
