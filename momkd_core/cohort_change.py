"""Two readings of the same cases side by side: which flip, and what that does to AUC and glass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from momkd_core.checkpoint import Model
from momkd_core.cohort import Cohort
from momkd_core.cohort_prediction import CaseFailure, CaseResult
from momkd_core.evaluation import (
    AGGREGATION,
    BOOTSTRAPS,
    auc,
    bootstrap_auc_difference,
    bootstrap_mean,
)

CASE_COLUMNS = (
    "case_id patient_id label probability_before probability_after predicted_before predicted_after "
    "flipped became background_focus_before background_focus_after effective_patches_before "
    "effective_patches_after"
).split()


@dataclass(frozen=True)
class CaseChange:
    """A case before and after.

    Attributes:
        label: as recorded; None where the cohort has none that the model knows.
        background_focus_before, background_focus_after: mean over its slides; None where one of them
            has no tissue fractions.
        effective_patches_before, effective_patches_after: 1 / Σ α², mean over its slides.
    """

    case_id: str
    patient_id: str
    label: str | None
    probability_before: float
    probability_after: float
    predicted_before: str
    predicted_after: str
    background_focus_before: float | None
    background_focus_after: float | None
    effective_patches_before: float | None
    effective_patches_after: float | None

    @classmethod
    def of(cls, before: CaseResult, after: CaseResult) -> CaseChange:
        return cls(
            before.case.case_id,
            before.case.patient_id,
            before.label,
            before.probability,
            after.probability,
            before.predicted,
            after.predicted,
            before.background_focus,
            after.background_focus,
            before.effective_patches,
            after.effective_patches,
        )

    @property
    def flipped(self) -> bool:
        """Whether the other class is predicted."""
        return self.predicted_before != self.predicted_after

    @property
    def became(self) -> Literal["right", "wrong"] | None:
        """Of a flipped case with a label."""
        if not self.flipped or self.label is None:
            return None
        return "right" if self.predicted_after == self.label else "wrong"

    def as_row(self) -> dict[str, Any]:
        """Its values by :data:`CASE_COLUMNS`."""
        return {name: getattr(self, name) for name in CASE_COLUMNS}


@dataclass(frozen=True)
class Difference:
    """A number before and after, and their difference with a paired 95 % interval over patients.

    Attributes:
        cases: how many it rests on.
        reason: why a value is None; '' where none is.
    """

    cases: int
    before: float | None
    after: float | None
    difference: float | None
    low: float | None
    high: float | None
    reason: str = ""


@dataclass(frozen=True)
class CohortChange:
    """What a muting changes over a cohort.

    Attributes:
        muted_before, muted_after: the compared sets, by memory.
        auc: over the cases that have a label.
        background_focus: mean over the cases whose glass is known.
        resamples: behind each interval.
        warnings: what a reader of the numbers must know.
    """

    model_sha256: str
    muted_before: dict[str, list[int]]
    muted_after: dict[str, list[int]]
    cases: tuple[CaseChange, ...]
    failures: tuple[CaseFailure, ...]
    auc: Difference
    background_focus: Difference
    resamples: int = BOOTSTRAPS
    warnings: tuple[str, ...] = ()

    @property
    def flipped(self) -> list[CaseChange]:
        return [case for case in self.cases if case.flipped]

    def as_json(self) -> dict[str, Any]:
        """The content of ``rescore.json``."""
        flipped = self.flipped
        return {
            "model_sha256": self.model_sha256,
            "muted_before": self.muted_before,
            "muted_after": self.muted_after,
            "flipped": [case.case_id for case in flipped],
            "became_right": [case.case_id for case in flipped if case.became == "right"],
            "became_wrong": [case.case_id for case in flipped if case.became == "wrong"],
            "auc": vars(self.auc),
            "background_focus": vars(self.background_focus),
            "resamples": self.resamples,
            "aggregation": AGGREGATION,
            "cases": [case.as_row() for case in self.cases],
            "errors": [failure.as_json() for failure in self.failures],
            "warnings": list(self.warnings),
        }


def auc_difference(model: Model, cohort: Cohort, cases: Sequence[CaseChange]) -> Difference:
    """Of the cases with a label that the model knows."""
    card = model.card
    known = [case for case in cases if case.label is not None]
    labels = [int(case.label == card.positive) for case in known]
    before = [case.probability_before for case in known]
    after = [case.probability_after for case in known]
    found = bootstrap_auc_difference(labels, before, after, [case.patient_id for case in known])
    reason = ""
    if card.task not in cohort.columns:
        reason = f"{cohort.path.name} has no column {card.task!r}"
    elif not known:
        reason = f"no case has a {card.task} label, {card.positive} or {card.negative}"
    elif len(set(labels)) < 2:
        reason = f"all cases with a label are {known[0].label}"
    elif found["low"] is None:
        reason = "a label has one patient alone: there is no interval"
    return Difference(len(known), auc(labels, before), auc(labels, after), **found, reason=reason)


def focus_difference(cases: Sequence[CaseChange]) -> Difference:
    """Of the cases whose share of attention on glass is known."""
    known, before, after = [], [], []
    for case in cases:
        if case.background_focus_before is not None and case.background_focus_after is not None:
            known.append(case.patient_id)
            before.append(case.background_focus_before)
            after.append(case.background_focus_after)
    found = bootstrap_mean(np.subtract(after, before), known)
    reason = ""
    if not known:
        reason = "no tissue fractions are known"
    elif found["low"] is None:
        reason = "there is one patient alone: there is no interval"
    return Difference(
        len(known),
        float(np.mean(before)) if known else None,
        float(np.mean(after)) if known else None,
        found["mean"],
        found["low"],
        found["high"],
        reason,
    )
