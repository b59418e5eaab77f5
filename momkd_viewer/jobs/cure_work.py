"""Cures tried on a case or a cohort, as a job whose cases arrive one by one.

The engine is imported inside the jobs: torch takes seconds, during which the window is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.cohort import Cohort
from momkd_core.cohort_case import Case, CohortSlide
from momkd_core.errors import FeatureError, MomkdError, SettingsError
from momkd_core.progress import CancelToken, Report
from momkd_viewer.jobs.rescore_work import listed_cohort
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.cure_table import TriedCase
from momkd_viewer.state.source import Source

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model
    from momkd_core.cohort_prediction import CaseFailure
    from momkd_core.cure_comparison import CureComparison, CuredCase, CureReport
    from momkd_core.cures import Cure


@dataclass(frozen=True)
class CureRequest:
    """What is to be tried, and on what.

    Attributes:
        limits: by the cure's name, its tissue fraction; others are not tried.
        table: a cohort's table, or a folder of slides; None for ``source`` alone.
        resolutions: microns per pixel that hold for the slides, by file; None: as the file says.
        case_id: the one case of the table; None for all.
        source: a slide that is in no table.
    """

    model: Model
    limits: Mapping[str, float]
    table: Path | None = None
    resolutions: Mapping[Path, float | None] | None = None
    case_id: str | None = None
    source: Source | None = None


@dataclass(frozen=True)
class CuresBegun:
    """Attributes:
    comparison: sums up what arrives.
    refused: by the cure's name, why it cannot be tried at all.
    total: how many cases will arrive.
    """

    comparison: CureComparison
    refused: Mapping[str, MomkdError]
    total: int


@dataclass(frozen=True)
class SummedCure:
    """A cure's report; ``note`` is the engine's on the one case, where there is one."""

    report: CureReport
    note: str


def try_cures(request: CureRequest, arrived: Callable[[object], None]) -> Work:
    """Tries the cures; what comes out is told on the way, so that a cancelled job leaves something.

    Args:
        arrived: called in the job's thread with :class:`CuresBegun` (twice, where components are
            chosen over the cohort first), then with a
            :class:`~momkd_viewer.state.cure_table.TriedCase` a case.
    """

    def work(report: Report, cancel: CancelToken) -> None:
        from momkd_core.cure_comparison import COMPARING, JUDGING, CureComparison
        from momkd_core.cures import MuteBackground

        cohort = _cohort(request)
        total = len(cohort)
        cures, refused = _chosen(request)

        def told(done: int, of: int, what: str) -> None:
            # Of many cases their number is the progress; of one, what is done to it.
            if total == 1 or what in (JUDGING, COMPARING):
                report(done, of, what)

        comparison = CureComparison(request.model, cohort, cures, report=told, cancel=cancel)
        arrived(CuresBegun(comparison, dict(refused), total))
        try:
            comparison.prepare()
        except FeatureError as error:
            refused[MuteBackground.name] = error
            comparison.cures = [
                cure for cure in comparison.cures if not isinstance(cure, MuteBackground)
            ]
        arrived(CuresBegun(comparison, dict(refused), total))
        for outcome in comparison.cases() if comparison.cures else ():
            cancel.raise_if_cancelled()
            arrived(_tried(outcome, [cure.name for cure in comparison.cures]))

    return work


def _tried(outcome: CuredCase | CaseFailure, cures: Sequence[str]) -> TriedCase:
    from momkd_core.cohort_change import CaseChange
    from momkd_core.cohort_prediction import CaseFailure
    from momkd_core.cure_notes import case_note

    if isinstance(outcome, CaseFailure):
        return TriedCase(outcome, None, {}, dict.fromkeys(cures, outcome), {})
    changes = {n: found for n, found in outcome.after.items() if isinstance(found, CaseChange)}
    failures = {n: found for n, found in outcome.after.items() if isinstance(found, CaseFailure)}
    notes = {n: case_note(found) for n, found in changes.items()}
    return TriedCase(outcome, outcome.before, changes, failures, notes)


def sum_up(comparison: CureComparison, cases: Sequence[TriedCase]) -> Work:
    """What the cases come to, cure by cure."""

    def work(report: Report, cancel: CancelToken) -> list[SummedCure]:
        from momkd_core.cure_notes import case_note

        report(0, 0, "comparing before and after")
        return [
            SummedCure(one, case_note(one.change.cases[0]) if one.change.cases else "")
            for one in comparison.reports([case.outcome for case in cases])
        ]

    return work


def _chosen(request: CureRequest) -> tuple[list[Cure], dict[str, MomkdError]]:
    """Those that are asked for and allowed, and why others are not."""
    from momkd_core.cures import CURES

    chosen: list[Cure] = []
    refused: dict[str, MomkdError] = {}
    for kind in CURES:
        if kind.name not in request.limits:
            continue
        cure: Cure = kind(limit=request.limits[kind.name])
        try:
            cure.check(request.model)
        except SettingsError as error:
            refused[kind.name] = error
        else:
            chosen.append(cure)
    return chosen, refused


def _cohort(request: CureRequest) -> Cohort:
    if request.table is not None:
        cohort = listed_cohort(request.table, request.resolutions or {})
        if request.case_id is None:
            return cohort
        return replace(cohort, cases=tuple(c for c in cohort.cases if c.case_id == request.case_id))
    source = request.source
    assert source is not None  # the request is of a table or of a slide
    row = CohortSlide(0, source.slide, source.features, source.mpp)
    name = source.path.stem
    return Cohort(source.path, (Case(name, name, (row,)),), ())
