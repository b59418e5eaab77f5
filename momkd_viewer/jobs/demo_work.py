"""Draws the demo cohort in the background."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from momkd_core.progress import CancelToken, Report
from momkd_core.storage import cache_folder
from momkd_viewer.jobs.runner import Work

DEMO_CASES = 8
DEMO_SEED = 0


def begin_demo() -> Work:
    """Writes the demo cohort's table into the user's cache and returns its path."""

    def work(report: Report, cancel: CancelToken) -> Path:
        from momkd_core import demo

        report(0, 0, "preparing the demo")
        folder = cache_folder() / f"demo-{demo.VERSION}"
        cohort = demo.DemoCohort(folder)
        demo.begin_demo(cohort, DEMO_CASES, DEMO_SEED)
        return cohort.table

    return work


def draw_demo(table: Path, deliver: Callable[[Path], None]) -> Work:
    """Draws the slides that are not there yet; ``deliver`` is told each one that can be opened."""

    def work(report: Report, cancel: CancelToken) -> None:
        from momkd_core.demo import write_demo

        write_demo(
            table.parent,
            cases=DEMO_CASES,
            seed=DEMO_SEED,
            report=report,
            cancel=cancel,
            on_slide=deliver,
        )

    return work
