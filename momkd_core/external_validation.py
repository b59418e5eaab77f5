"""A trained model on a cohort it has never seen (Table 2 of the paper)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from momkd_core.checkpoint import Model
from momkd_core.cohort import Cohort
from momkd_core.cohort_prediction import CaseFailure, predict_cohort
from momkd_core.errors import CohortError
from momkd_core.evaluation import (
    AGGREGATION,
    bootstrap_auc,
    bootstrap_decisions,
    calibration,
    mean_over_folds,
    metrics,
)
from momkd_core.progress import Report, silent
from momkd_core.run_folder import trained_cases

log = logging.getLogger(__name__)


def evaluate_cohort(
    model: Model,
    cohort: Cohort,
    *,
    features_folder: Path | None = None,
    mpp: float | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Metrics of the mean of a run's folds on another cohort, in the form of ``summary.json``.

    The threshold is the models' own, frozen on their validation cases.

    Raises:
        CohortError: the cohort lacks the model's label, or no case could be predicted.
    """
    card = model.card
    cases, labels, _ = cohort.labelled(card.task, card.positive, card.negative)
    if len(cases) < len(cohort):
        log.warning(
            "%d of %d cases have no usable %s label",
            len(cohort) - len(cases),
            len(cohort),
            card.task,
        )
    chosen = Cohort(cohort.path, tuple(cases), cohort.columns)
    warnings = []
    seen = trained_cases(model) & {case.case_id for case in cases}
    if seen:
        warnings.append(
            f"{len(seen)} of {len(cases)} cases (the first is {min(seen)}) were trained on: the "
            "metrics do not measure new cases"
        )
        log.warning(warnings[0])
    outside: list[str] = []
    label_of = dict(zip((case.case_id for case in cases), labels, strict=True))
    known, probabilities, patients, failed = [], [], [], []
    for outcome in predict_cohort(
        model, chosen, features_folder=features_folder, mpp=mpp, report=report
    ):
        if isinstance(outcome, CaseFailure):
            log.warning("case %s: %s", outcome.case_id, outcome.error)
            failed.append(outcome.case_id)
            continue
        if any(slide.outside for slide in outcome.slides):
            outside.append(outcome.case.case_id)
        known.append(label_of[outcome.case.case_id])
        probabilities.append(outcome.probability)
        patients.append(outcome.case.patient_id)
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
        **{
            name: mean_over_folds([found[name]])
            for name in ("auc", "accuracy", "balanced_accuracy", "f1", "f1_macro")
        },
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
