"""Which cases of a cohort to look at first: confident errors of a model that looks at glass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from momkd_core.case_triage import DEFAULT_ORDER, CaseTriage, Order, in_order
from momkd_core.checkpoint import Model
from momkd_core.cohort import Cohort
from momkd_core.cohort_prediction import CaseFailure, CaseResult, predict_cohort
from momkd_core.decision import Decision
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.run_folder import seen_in_training
from momkd_core.slide import DEFAULT_WORKERS
from momkd_core.slide_summary import SlideSummary


@dataclass(frozen=True)
class Triage:
    """A cohort in review order.

    Attributes:
        warnings: what a reader of the list must know.
    """

    model_sha256: str
    order: Order
    cases: tuple[CaseTriage, ...]
    failures: tuple[CaseFailure, ...]
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The object that ``momkd triage --json`` prints."""
        return {
            "cases": [case.as_json() for case in self.cases],
            "errors": [failure.as_json() for failure in self.failures],
            "order": list(self.order),
            "model_sha256": self.model_sha256,
            "warnings": list(self.warnings),
        }


def triage(
    model: Model,
    cohort: Cohort,
    *,
    order: Order = DEFAULT_ORDER,
    features_folder: Path | None = None,
    mpp: float | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    workers: int = DEFAULT_WORKERS,
) -> Triage:
    """Predicts a cohort and puts it into review order; arguments as for :func:`predict_cohort`.

    Raises:
        CohortError: two slides would be read from one feature file.
        Cancelled: between two slides.
    """
    cases: list[CaseTriage] = []
    failures: list[CaseFailure] = []
    for outcome in triage_cases(
        model,
        cohort,
        features_folder=features_folder,
        mpp=mpp,
        report=report,
        cancel=cancel,
        workers=workers,
    ):
        if isinstance(outcome, CaseFailure):
            failures.append(outcome)
        else:
            cases.append(outcome)
    return Triage(
        model.sha256,
        order,
        tuple(in_order(cases, order)),
        tuple(failures),
        tuple(warnings_of(model, cohort, cases)),
    )


def triage_cases(
    model: Model,
    cohort: Cohort,
    *,
    features_folder: Path | None = None,
    mpp: float | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    workers: int = DEFAULT_WORKERS,
) -> Iterator[CaseTriage | CaseFailure]:
    """The cases of :func:`triage` one by one, in the cohort's order; one that fails is named."""
    for outcome in predict_cohort(
        model,
        cohort,
        features_folder=features_folder,
        mpp=mpp,
        report=report,
        cancel=cancel,
        workers=workers,
    ):
        yield outcome if isinstance(outcome, CaseFailure) else triage_of(model.decision, outcome)


def triage_of(decision: Decision, result: CaseResult) -> CaseTriage:
    """A predicted case as the review queue sees it."""
    case = result.case
    slides = tuple(SlideSummary.of(slide) for slide in result.slides)
    return CaseTriage(case.case_id, case.patient_id, decision.label(case.values), decision, slides)


def warnings_of(model: Model, cohort: Cohort, cases: Sequence[CaseTriage]) -> list[str]:
    """What a reader of the cases must know, counted."""
    found = {case.case_id for case in cases}
    warnings = seen_in_training(model, [c for c in cohort.cases if c.case_id in found])
    unlabelled = [case.case_id for case in cases if case.label is None]
    if unlabelled:
        warnings.append(
            f"{len(unlabelled)} of {len(cases)} cases (the first is {unlabelled[0]}) have no "
            f"{model.card.task} label that the model knows: whether they are wrong is unknown"
        )
    unseen = [case.case_id for case in cases if case.background_focus is None]
    if unseen:
        warnings.append(
            f"Of {len(unseen)} of {len(cases)} cases (the first is {unseen[0]}) it is unknown how "
            "much attention lies on glass: their features hold no tissue fractions, and their slides "
            "are not there to take them from"
        )
    return [*warnings, *model.warnings]
