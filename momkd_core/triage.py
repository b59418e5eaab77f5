"""Which cases to look at first: the confident errors of a model whose attention lies on glass.

A case is summed up by the mean over its slides, as its probability is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from momkd_core.checkpoint import Model
from momkd_core.cohort import Cohort
from momkd_core.cohort_prediction import CaseFailure, CaseResult, predict_cohort
from momkd_core.errors import SettingsError
from momkd_core.model.attention import MEMORIES
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.result import SlideResult
from momkd_core.run_folder import seen_in_training
from momkd_core.slide import DEFAULT_WORKERS
from momkd_core.triage_flags import Flag, certainty, flags_of, glass_area

CASE_COLUMNS = (
    "case_id patient_id label probability predicted correct background_focus glass_area "
    "effective_patches patches entropy entropy_normalised margin strangeness flags reasons"
).split()


@dataclass(frozen=True)
class CaseTriage:
    """A case as the review queue sees it.

    Attributes:
        label: as recorded; None where the cohort has none that the model knows.
        background_focus: Σ α (1 - tissue fraction), unclipped; None where unknown.
        glass_area: share of glass in the area of its patches: what attention spread evenly would give.
        effective_patches: 1 / Σ α², None without attention; ``patches`` are all there are. Means over
            slides.
        entropy: of component use, -Σ p ln p nats over the attention on each component, mean of both
            memories; None for the mean of several folds, which has no components.
        entropy_normalised: the same over its maximum, the logarithm of the components not muted.
        strangeness: of its strangest slide.
    """

    case_id: str
    patient_id: str
    label: str | None
    probability: float
    predicted: str
    threshold: float
    background_focus: float | None
    glass_area: float | None
    effective_patches: float | None
    patches: float
    entropy: float | None
    entropy_normalised: float | None
    strangeness: float | None
    flags: tuple[Flag, ...]

    @classmethod
    def of(cls, case: CaseResult) -> CaseTriage:
        strange = [s.strangeness for s in case.slides if s.strangeness is not None]
        entropies = [found for s in case.slides if (found := component_entropy(s)) is not None]
        entropy = np.mean(entropies, axis=0).tolist() if entropies else (None, None)
        return cls(
            case_id=case.case.case_id,
            patient_id=case.case.patient_id,
            label=case.label,
            probability=case.probability,
            predicted=case.predicted,
            threshold=case.threshold,
            background_focus=case.background_focus,
            glass_area=glass_area(case),
            effective_patches=case.effective_patches,
            patches=float(np.mean([len(slide) for slide in case.slides])),
            entropy=entropy[0],
            entropy_normalised=entropy[1],
            strangeness=max(strange, default=None),
            flags=flags_of(case),
        )

    @property
    def correct(self) -> bool | None:
        """None without a label."""
        return None if self.label is None else self.predicted == self.label

    @property
    def margin(self) -> float:
        """How far the probability lies from the threshold."""
        return abs(self.probability - self.threshold)

    @property
    def certainty(self) -> float:
        """The margin over the largest one on its side of the threshold, 0 to 1."""
        return certainty(self.probability, self.threshold)

    def as_json(self) -> dict[str, Any]:
        """Its values by :data:`CASE_COLUMNS`; flags and their reasons as two lists of one order."""
        found = {name: getattr(self, name) for name in CASE_COLUMNS[:-2]}
        return found | {
            "flags": [flag.words for flag in self.flags],
            "reasons": [flag.reason for flag in self.flags],
        }

    def as_row(self) -> dict[str, Any]:
        """The same for a table: flags in one cell."""
        found = self.as_json()
        return found | {name: "; ".join(found[name]) for name in ("flags", "reasons")}


def component_entropy(result: SlideResult) -> tuple[float, float] | None:
    """Entropy of a slide's component use by attention, nats and 0 to 1; None without components."""
    if result.match is None:
        return None
    found = []
    for memory in MEMORIES:
        mass = np.array([use.attention for use in result.components() if use.memory == memory])
        used = mass[mass > 0]
        nats = max(0.0, float(-(used * np.log(used)).sum()))
        left = len(mass) - len(result.muted.get(memory, ()))
        found.append((nats, nats / math.log(left) if left > 1 else 0.0))
    nats, normalised = np.mean(found, axis=0).tolist()
    return nats, normalised


# -- the order of review ------------------------------------------------------------------------

#: What an order multiplies. None is unknown: it counts as 0, and only among equals is it left out.
FACTORS: dict[str, Callable[[CaseTriage], float | None]] = {
    "wrong": lambda case: None if case.correct is None else float(not case.correct),
    "background": lambda case: case.background_focus,
    "margin": lambda case: case.margin,
    "doubt": lambda case: 1.0 - case.certainty,
    "concentration": lambda case: (
        None if case.effective_patches is None else 1.0 / case.effective_patches
    ),
    "strangeness": lambda case: case.strangeness,
}
Order = tuple[str, ...]
DEFAULT_ORDER: Order = ("wrong", "background", "margin")


def parse_order(text: str) -> Order:
    """``wrong,background,margin`` (or with ``*``) as an order. Raises :class:`SettingsError`."""
    names = tuple(part for part in re.split(r"[\s,*×]+", text) if part)
    unknown = [name for name in names if name not in FACTORS]
    if unknown or not names:
        raise SettingsError(
            f"There is no factor {unknown[0]!r} to order by" if unknown else "The order is empty",
            f"Join some of: {', '.join(FACTORS)}; for instance {','.join(DEFAULT_ORDER)}",
        )
    return names


def in_order(cases: Iterable[CaseTriage], order: Order = DEFAULT_ORDER) -> list[CaseTriage]:
    """Cases by the product of the order's factors, the largest first.

    Equal products (all right cases have 0) are told apart by correctness (wrong, without a label,
    right), then by the product of what else is known, then by the cohort's order.
    """

    def key(case: CaseTriage) -> tuple[float, int, float]:
        values = {name: FACTORS[name](case) for name in order}
        product = math.prod(0.0 if value is None else value for value in values.values())
        rank = 1 if case.correct is None else 2 * case.correct
        known = [v for name, v in values.items() if name != "wrong" and v is not None]
        return (-product, rank, -math.prod(known))

    return sorted(cases, key=key)


# -- a cohort -----------------------------------------------------------------------------------


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
            "errors": [
                {"case_id": f.case_id, "slide": f.slide, "error": str(f.error)}
                for f in self.failures
            ],
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
        yield outcome if isinstance(outcome, CaseFailure) else CaseTriage.of(outcome)


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
