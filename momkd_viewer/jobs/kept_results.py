"""The window's store of results: asked before a slide is analysed, filled after."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.progress import CancelToken, Report
from momkd_core.result_store import Reading, ResultStore
from momkd_core.slide_summary import SlideSummary
from momkd_core.storage import cache_folder
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.analysis import Asked, Muted, Reader
from momkd_viewer.state.source import Source
from momkd_viewer.state.work_list import CaseFinding

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model


def keep(source: Source, model: Model, muted: Muted, summary: SlideSummary) -> None:
    """Keeps at once what a model said of a whole slide."""
    _store().keep(_reading(source, model, muted), summary)


def find_kept(source: Source, reader: Reader) -> CaseFinding | None:
    """What was kept of a slide, wherever its files lay then; files not met before are hashed."""
    summary = _store().find(_reading(source, reader.model, reader.muted_by_memory))
    return None if summary is None else _finding(reader, summary)


def recall(wanted: Sequence[tuple[Source, Reader]]) -> Work:
    """What was kept of slides that have not been touched since: no file is opened.

    The job returns :class:`CaseFinding` by source and model, of those that are known.
    """

    def work(report: Report, cancel: CancelToken) -> dict[Source, dict[Asked, CaseFinding]]:
        readings = [_reading(source, r.model, r.muted_by_memory) for source, r in wanted]
        found: dict[Source, dict[Asked, CaseFinding]] = {}
        for (source, reader), summary in zip(wanted, _store().recall(readings), strict=True):
            if summary is not None:
                found.setdefault(source, {})[reader.asked] = _finding(reader, summary)
        return found

    return work


def _finding(reader: Reader, summary: SlideSummary) -> CaseFinding:
    return CaseFinding(reader.model.decision.predicted(summary.probability), summary)


def _reading(source: Source, model: Model, muted: Muted) -> Reading:
    return Reading(source.analysed, source.slide, source.mpp, model.sha256, muted)


def _store() -> ResultStore:
    return _store_in(cache_folder())


@cache
def _store_in(folder: Path) -> ResultStore:
    """One for the application: it is used from several threads."""
    return ResultStore(folder / "results.sqlite")
