"""A cohort under a muting, as a job; and a model saved without what is muted.

The engine is imported inside the jobs: torch takes seconds, during which the window is there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.cohort import Cohort, cohort_of_slides, read_cohort
from momkd_core.progress import CancelToken, Report
from momkd_viewer.jobs.cohort_slides import CohortSlides
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.analysis import Muted

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model
    from momkd_core.cohort_change import CohortChange


@dataclass(frozen=True)
class RescoreRequest:
    """What is to be compared with no muting at all.

    Attributes:
        table: a cohort's table, or a folder of slides.
        muted: the components that are left out.
        resolutions: microns per pixel that hold for the slides, by file; None: as the file says.
    """

    model: Model
    table: Path
    muted: Muted
    resolutions: Mapping[Path, float | None]


def rescore_cohort(request: RescoreRequest, slides: CohortSlides) -> Work:
    """The cohort's change against no muting; what ``slides`` keeps is not encoded again."""

    def work(report: Report, cancel: CancelToken) -> CohortChange:
        from momkd_core.rescoring import rescore

        return rescore(
            request.model,
            listed_cohort(request.table, request.resolutions),
            request.muted,
            before={},
            encoded=slides.encoded,
            report=report,
            cancel=cancel,
        )

    return work


def listed_cohort(table: Path, resolutions: Mapping[Path, float | None]) -> Cohort:
    """A table, or a folder of slides, at the resolutions that hold in the window."""
    cohort = cohort_of_slides(table) if table.is_dir() else read_cohort(table)
    cases = []
    for case in cohort.cases:
        slides = []
        for slide in case.slides:
            file = slide.slide or slide.features
            assert file is not None  # rows without either are refused on reading
            slides.append(replace(slide, mpp=resolutions.get(file, slide.mpp)))
        cases.append(replace(case, slides=tuple(slides)))
    return replace(cohort, cases=tuple(cases))


@dataclass(frozen=True)
class CurationRequest:
    """A model to be saved without some components, by whom and why."""

    model: Model
    path: Path
    muted: Muted
    who: str
    why: str


def save_curated_model(request: CurationRequest) -> Work:
    """Writes the model; the file dialog has asked before a file is replaced."""

    def work(report: Report, cancel: CancelToken) -> Path:
        from momkd_core.curation import save_curated

        report(0, 0, f"saving {request.path.name}")
        return save_curated(
            request.model,
            request.path,
            request.muted,
            who=request.who,
            why=request.why,
            force=True,
        )

    return work
