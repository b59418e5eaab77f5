"""A gallery of 10,000 patches and the cards of 64 components a memory, scrolled while they load.

    python tests/benchmarks/gallery_scroll.py --slide FILE [--seconds 10]

The window shows a slide with a result of --patches patches and 2 x --components components (drawn
numbers: what is measured is drawing and reading, not the model). The gallery scrolls up and down, then
the cards. Printed: gaps of the GUI thread's heartbeat (goal: none over 50 ms), and how long it takes
until every picture in view has come once it rests.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_LOGGING_RULES", "*.debug=false;qt.qpa.*=false")

import numpy as np
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QScrollBar
from viewer_speed import Clock, centile, pump

from momkd_core.result import MemoryMatch, SlideResult
from momkd_core.slide import Slide
from momkd_viewer.app import create_application, keep_responsive
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.analysis import OpenModel, Outcome
from momkd_viewer.state.overlay_values import ComponentName


class DrawnSlide:
    """Stands for an encoded slide: the same result whatever is asked."""

    def __init__(self, result: SlideResult) -> None:
        self._result = result

    def result(self, muted: object = None) -> SlideResult:
        return self._result


def drawn_result(slide: Slide, patches: int, components: int) -> SlideResult:
    """Numbers for a grid of patches over the slide."""
    rng = np.random.default_rng(0)
    columns = int(patches**0.5) + 1
    side = max(8, min(slide.width, slide.height) // columns)
    at = np.arange(patches)
    coords = np.stack([at % columns, at // columns], axis=1) * side
    positive, negative = rng.normal(0, 0.3, (2, patches, components)).astype(np.float32)
    return SlideResult(
        "drawn", 0.5, "yes", 0.5, coords, side, positive.max(1) - negative.max(1),
        np.full(patches, 1 / patches, np.float32), MemoryMatch(positive, negative), None, "0", None,
    )  # fmt: skip


def drawn_model(components: int) -> SimpleNamespace:
    """What the window asks of a model."""
    import torch

    memory = SimpleNamespace(
        positive=torch.randn(components, 16), negative=torch.randn(components, 16)
    )
    card = SimpleNamespace(
        task="drawn", positive="yes", negative="no", organ=None, remark="",
        model=SimpleNamespace(components=components),
    )  # fmt: skip
    return SimpleNamespace(
        card=card, sha256="0" * 64, origin_sha256="0" * 64, source="", is_ensemble=False,
        members=(SimpleNamespace(network=SimpleNamespace(memory=memory)),),
    )  # fmt: skip


def scroll(bar: QScrollBar, clock: Clock, seconds: float) -> None:
    """Goes down and up again as a wheel that is turned fast, 60 steps a second."""
    clock.reset()
    start, step = time.perf_counter(), 0

    def turn() -> bool:
        nonlocal step
        now = time.perf_counter() - start
        if now > step / 60:
            step += 1
            share = abs((now / seconds * 2) % 2 - 1)
            bar.setValue(round(bar.maximum() * (1 - share)))
        return now > seconds

    pump(turn, limit=seconds + 5)


def report(name: str, clock: Clock, until: Callable[[], bool]) -> None:
    """Prints the gaps, then waits for the pictures in view."""
    gaps = clock.gaps
    over = sum(gap > 50 for gap in gaps)
    start = time.perf_counter()
    pump(until)
    waited = time.perf_counter() - start
    print(
        f"{name:8} gaps: median {centile(gaps, 0.5):.1f}, p99 {centile(gaps, 0.99):.1f}, "
        f"longest {max(gaps):.1f} ms, over 50 ms: {over} of {len(gaps)}; "
        f"pictures in view {waited:.2f} s after the last step",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slide", type=Path, required=True)
    parser.add_argument("--patches", type=int, default=10_000)
    parser.add_argument("--components", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    keep_responsive()
    create_application()
    with tempfile.TemporaryDirectory() as folder:
        window = MainWindow(QSettings(f"{folder}/settings.ini", QSettings.Format.IniFormat))
        window.resize(1920, 1080)
        window.show()
        window.analysis.starts_itself = False
        window.open_path(options.slide)
        pump(lambda: window.slides.slide is not None and window.settled)
        assert window.slides.slide is not None
        result = drawn_result(window.slides.slide, options.patches, options.components)
        outcome = Outcome.of(DrawnSlide(result))  # type: ignore[arg-type]
        clock = Clock(window)
        start = time.perf_counter()
        window.analysis.analysis.models.append(
            OpenModel(drawn_model(options.components), outcome)  # type: ignore[arg-type]
        )
        window.analysis.choose(0)
        shown = 1e3 * (time.perf_counter() - start)
        clock.reset()
        window.components.detail._count.setValue(options.patches)
        start = time.perf_counter()
        window.components.open(ComponentName("positive", 0))
        gallery = window.components.detail.panes[0].gallery
        pump(lambda: window.settled and len(gallery.patches) == options.patches)
        opened = 1e3 * (time.perf_counter() - start)
        print(
            f"2 x {options.components} cards shown in {shown:.0f} ms; gallery of "
            f"{len(gallery.patches):,} patches with its pictures in {opened:.0f} ms, longest gap "
            f"{max(clock.gaps):.0f} ms"
        )
        scroll(gallery.verticalScrollBar(), clock, options.seconds)

        def complete() -> bool:
            return window.settled and all(
                gallery.pictures(gallery.patches[row].place) is not None for row in gallery._rows()
            )

        report("gallery", clock, complete)
        cards = window.browser.lists["positive"]
        scroll(cards.verticalScrollBar(), clock, options.seconds)
        report("cards", clock, lambda: window.settled)
        window.close()
        QApplication.processEvents()


if __name__ == "__main__":
    main()
