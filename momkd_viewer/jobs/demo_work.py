"""Draws the demo cohort in the background."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from momkd_core.demo import VERSION, DemoCohort
from momkd_core.progress import CancelToken, Report
from momkd_core.storage import cache_folder
from momkd_viewer.jobs.runner import Work

DEMO_CASES = 8
DEMO_SEED = 0


def demo_cohort() -> DemoCohort:
    """The window's demo, in the user's cache."""
    return DemoCohort((cache_folder() / f"demo-{VERSION}").absolute())


def begin_demo() -> Work:
    """Writes the demo cohort's table, where it is not there yet, and returns its path."""

    def work(report: Report, cancel: CancelToken) -> Path:
        cohort = demo_cohort()
        if not (cohort.expression.exists() and cohort.table.exists()):
            from momkd_core.demo.cohort_files import begin_demo

            report(0, 0, "preparing the demo")
            begin_demo(cohort, DEMO_CASES, DEMO_SEED)
        return cohort.table

    return work


def draw_demo(table: Path, deliver: Callable[[Path], None]) -> Work:
    """Draws the slides that are not there yet; ``deliver`` is told each one that can be opened."""

    def work(report: Report, cancel: CancelToken) -> None:
        cohort = DemoCohort(table.parent)
        slides = list((table.parent / "slides").glob("*.tif"))
        if cohort.expression.exists() and len(slides) >= DEMO_CASES:
            return  # complete: nothing heavy needs to be imported
        from momkd_core.demo.cohort_files import write_demo

        write_demo(
            table.parent,
            cases=DEMO_CASES,
            seed=DEMO_SEED,
            report=report,
            cancel=cancel,
            on_slide=deliver,
        )

    return work
