"""The cohort workspace with 10,000 cases and two models: scrolled, sorted, filtered, searched.

    python tests/benchmarks/workspace_scroll.py --slide FILE [--cases 10000] [--seconds 10]

Every row's slide is a link to FILE, so that pictures are really read; what models say is drawn at
random. Printed: gaps of the GUI thread's heartbeat for each part (goal: none over 50 ms), and how long
the table takes from no finding to all.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_LOGGING_RULES", "*.debug=false;qt.qpa.*=false")

import numpy as np
from gallery_scroll import scroll
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from viewer_speed import Clock, centile, pump

from momkd_core.slide_summary import SlideSummary
from momkd_viewer.app import create_application, keep_responsive
from momkd_viewer.main_window import MainWindow
from momkd_viewer.resource_files import resource
from momkd_viewer.state.work_list import CaseFinding
from momkd_viewer.state.workspace_filter import Filter
from momkd_viewer.state.workspace_views import BUILT_IN

MODELS = tuple(resource(f"demo/{task}.safetensors") for task in ("her2", "pr"))


def write_cohort(folder: Path, slide: Path, cases: int) -> Path:
    """A table whose slides are links to one."""
    rng = np.random.default_rng(0)
    (folder / "slides").mkdir()
    with (folder / "cohort.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "patient_id", "slide", "site", "her2", "pr"])
        for at in range(cases):
            link = folder / "slides" / f"case-{at:05}{slide.suffix}"
            link.symlink_to(slide.resolve())
            labels = rng.choice(["positive", "negative", ""], 2, p=[0.45, 0.45, 0.1])
            row = [f"case-{at:05}", f"P{at:05}", f"slides/{link.name}", f"site {at % 9}", *labels]
            writer.writerow(row)
    return folder / "cohort.csv"


def fill(window: MainWindow) -> None:
    """Says something of every slide by every model; one in a hundred fails."""
    rng = np.random.default_rng(1)
    work = window.cases.work
    for model in window.analysis.analysis.models:
        asked = model.model.sha256, model.muted
        for entry in work.entries:
            p, glass, failed, entropy = rng.random(4)
            if failed < 0.01:
                finding = CaseFinding(failure=f"{entry.path.name} cannot be read. Copy it again.")
            else:
                effective = float(rng.uniform(1, 400))
                finding = CaseFinding("", SlideSummary("s", float(p), float(glass) ** 2, "", 0.2,
                                      effective, 4000, 2.0, float(entropy), 0.5))  # fmt: skip
            work.add(asked, entry.path, finding)


class WorkClock(Clock):
    """Also what the GUI thread itself computes between two beats: gaps on a busy machine are longer."""

    def __init__(self, window: MainWindow) -> None:
        self.work: list[float] = []
        self._at = time.thread_time()
        super().__init__(window)

    def _on_beat(self) -> None:
        super()._on_beat()
        now = time.thread_time()
        self.work.append(1e3 * (now - self._at))
        self._at = now

    def reset(self) -> None:
        super().reset()
        self.work.clear()
        self._at = time.thread_time()


def report(name: str, clock: WorkClock) -> None:
    gaps, work = clock.gaps, clock.work
    over = sum(gap > 50 for gap in gaps)
    print(
        f"{name:22} gaps: median {centile(gaps, 0.5):.1f}, p99 {centile(gaps, 0.99):.1f}, "
        f"longest {max(gaps):.1f} ms, over 50 ms: {over} of {len(gaps)}; "
        f"computed between beats: p99 {centile(work, 0.99):.1f}, longest {max(work):.1f} ms",
        flush=True,
    )


def measure(
    name: str, window: MainWindow, clock: WorkClock, acts: list[Callable[[], object]]
) -> None:
    """Does one thing after another, a fifth of a second apart."""
    clock.reset()
    for act in acts:
        act()
        end = time.perf_counter() + 0.2
        pump(lambda end=end: time.perf_counter() > end)
    report(name, clock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slide", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    keep_responsive()
    create_application()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MOMKD_DATA"], os.environ["MOMKD_CACHE"] = f"{folder}/data", f"{folder}/cache"
        window = MainWindow(QSettings(f"{folder}/settings.ini", QSettings.Format.IniFormat))
        window.show()
        window.analysis.starts_itself = False
        for path in (*MODELS, write_cohort(Path(folder), options.slide, options.cases)):
            window.open_path(path)
            pump(lambda: window.settled)
        window.slides.close()
        window.workspace.show()
        pump(lambda: window.settled)
        shown = window.workspace.window
        assert shown is not None
        shown.resize(1920, 1080)
        clock = WorkClock(window)
        start = time.perf_counter()
        fill(window)
        clock.reset()
        window.workspace._on_findings()
        pump(lambda: window.settled)
        print(f"{options.cases:,} cases x 2 models in {time.perf_counter() - start:.1f} s")
        report("while it fills", clock)
        table, bar = shown.table, shown.bar
        scroll(table.verticalScrollBar(), clock, options.seconds)
        report("scroll", clock)
        keys = ("her2/probability", "pr/background", "her2/flags", "case", "her2/predicted")
        measure("sort by a column", window, clock,
                [lambda k=key: table.sort_wanted.emit(k) for key in keys])  # fmt: skip
        views = (*BUILT_IN[1:], BUILT_IN[0])
        measure("views", window, clock,
                [lambda v=view: bar.view_chosen.emit(v) for view in views])  # fmt: skip
        filters = (Filter(probability=(0.2, 0.8)), Filter(flag="glass", reviewed="no"), Filter())
        measure("filters", window, clock,
                [lambda f=one: shown.filters.filtered.emit(f) for one in filters])  # fmt: skip
        typed = [*("site 7 case-00"[: n + 1] for n in range(14)), ""]
        measure("typing in search", window, clock,
                [lambda t=text: bar.searched.emit(t) for text in typed])  # fmt: skip
        rows = range(0, min(400, options.cases), 20)
        measure("ticking off", window, clock,
                [lambda r=row: window.workspace.toggle_reviewed(r) for row in rows])  # fmt: skip
        model = window.analysis.analysis.models[0]
        path = window.cases.work.entries[options.cases // 2].path

        def arrive() -> None:
            finding = CaseFinding("", SlideSummary("s", 0.5, 0.5, "", 0.5, 9.0, 99, 1.0, 0.5, 0.5))
            window.cases.work.add((model.model.sha256, model.muted), path, finding)
            window.workspace._on_findings()

        measure("a finding arrives", window, clock, [arrive] * 10)
        window.close()
        QApplication.processEvents()


if __name__ == "__main__":
    main()
