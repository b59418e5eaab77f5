"""The report of the open slide as a PDF, as a job.

The engine is imported inside the job: torch takes seconds, during which the window is there already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.progress import CancelToken, Report
from momkd_core.slide import Slide
from momkd_viewer.jobs.evidence_work import current_verdicts
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.analysis import Outcome
from momkd_viewer.state.source import Source

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model


@dataclass(frozen=True)
class ReportChoice:
    """What goes into a report beside the result.

    Attributes:
        identities: names of case, patient, slide and people.
        top: patches shown of each component.
    """

    verdicts: bool = True
    identities: bool = False
    top: int = 9


@dataclass(frozen=True)
class ReportRequest:
    """What a report is written of.

    Attributes:
        source: what was analysed; it has a slide.
        outcome: with the muting that is shown.
        review: where verdicts are kept: a path or URL.
    """

    path: Path
    source: Source
    model: Model
    outcome: Outcome
    case_id: str
    patient_id: str | None
    review: str
    choice: ReportChoice


def write_case_report(request: ReportRequest) -> Work:
    """Writes the PDF, on a handle of its own: the slide may be closed meanwhile."""

    def work(report: Report, cancel: CancelToken) -> Path:
        from momkd_core.evidence_gathering import gather
        from momkd_core.report import check_path, write_report

        choice, source, outcome = request.choice, request.source, request.outcome
        check_path(request.path)
        verdicts = current_verdicts(request.review, request.model) if choice.verdicts else []
        assert source.slide is not None
        with Slide(source.slide, mpp=source.mpp) as slide:
            evidence = gather(
                slide,
                request.model,
                outcome.result,
                unmuted=outcome.unmuted,
                top=choice.top,
                report=report,
                cancel=cancel,
            )
        evidence = replace(
            evidence,
            case_id=request.case_id,
            patient_id=request.patient_id,
            verdicts=verdicts,
            identities=choice.identities,
        )
        write_report(request.path, evidence, report=report, cancel=cancel)
        return request.path

    return work
