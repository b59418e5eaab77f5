"""The slide viewer on a slide of 65,536 x 65,536 px: opening, moving, reading, memory.

    python tests/benchmarks/viewer_speed.py [--only open move tiles memory] [--slide FILE]

The canvas is 1920 x 1080 px, offscreen (or on an X server, with DISPLAY and QT_QPA_PLATFORM=xcb).
Baselines are measured in the same run: the same tiles by plain ``OpenSlide.read_region`` with as many
threads, and, for moving under load, the idle script. ``napari_speed.py`` runs the same script in
napari.

open    file to first sharp full viewport, and how much of it is the raw decoding of those tiles
move    pan, zoom and rest for --seconds, idle and with an analysis running: frame paint, stalls of the
        GUI thread, how soon a view that rests is sharp
tiles   tiles a second while panning and painting, beside plain read_region
memory  a random walk of --walk seconds: resident memory over time
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_LOGGING_RULES", "*.debug=false;qt.qpa.*=false")

import openslide
from large_slide import large_slide
from PySide6.QtCore import QEvent, QEventLoop, QObject, QSettings, Qt, QTimer
from PySide6.QtWidgets import QApplication
from view_script import Step, steps

from momkd_core.storage import cache_folder
from momkd_viewer.app import create_application, keep_responsive
from momkd_viewer.main_window import MainWindow
from momkd_viewer.resource_files import resource
from momkd_viewer.state.tile_pyramid import TileKey

SIZE = (1920, 1080)
MIB = 2**20


class Clock(QObject):
    """Paint times of the canvas, and gaps in the GUI thread's heartbeat; milliseconds."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self.paints: list[float] = []
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        view = window.canvas.slide_view
        plain = view.paintEvent

        def timed(event: object) -> None:
            start = time.perf_counter()
            plain(event)
            self.paints.append(1e3 * (time.perf_counter() - start))

        view.paintEvent = timed  # type: ignore[method-assign]
        precise_timer(self, 5, self._on_beat).start()

    def _on_beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1e3 * (now - self._last))
        self._last = now

    def reset(self) -> None:
        self.paints.clear()
        self.gaps.clear()
        self._last = time.perf_counter()


def centile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def pump(until: Callable[[], bool], limit: float = 120.0) -> None:
    """Runs the event loop until something holds."""
    end = time.perf_counter() + limit
    while not until() and time.perf_counter() < end:
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        time.sleep(0.0005)


def new_window(folder: str) -> MainWindow:
    window = MainWindow(QSettings(f"{folder}/settings.ini", QSettings.Format.IniFormat))
    # The canvas itself is to be 1920 x 1080, whatever stands beside it.
    window.show()
    QApplication.processEvents()
    view = window.canvas.slide_view
    window.canvas.show_slide(True)
    QApplication.processEvents()
    window.resize(
        window.width() + SIZE[0] - view.width(), window.height() + SIZE[1] - view.height()
    )
    QApplication.processEvents()
    window.canvas.show_slide(False)
    return window


def sharp(window: MainWindow) -> bool:
    view = window.canvas.slide_view
    return (
        window.slides.slide is not None
        and window.slides.tiles_complete
        and not view.is_moving
        and not view.scene.is_quick
    )


def raw(path: Path, window: MainWindow, keys: list[TileKey], threads: int) -> float:
    """Seconds that plain read_region takes for what these tiles are read from, file opened anew."""
    pyramid = window.slides._pyramid
    assert pyramid is not None
    regions = []
    for key in keys:
        level = pyramid.levels[key.level]
        width, height = pyramid.size(key)
        regions.append(
            (pyramid.origin(key), level.source, (width * level.reduction, height * level.reduction))
        )
    slide = openslide.OpenSlide(str(path))
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda region: slide.read_region(*region), regions))
    took = time.perf_counter() - start
    slide.close()
    return took


def measure_open(path: Path, folder: str, rounds: int) -> None:
    found = [open_once(path, folder) for _ in range(rounds + 1)][1:]
    opened, complete, decoded, count = (
        statistics.median(values) for values in zip(*found, strict=True)
    )
    print(
        f"open: sharp after {opened:.0f} ms (all tiles there after {complete:.0f}); raw decode of the "
        f"{count:.0f} tiles {decoded:.0f} ms; beyond it {opened - decoded:.0f} ms  "
        f"(medians of {rounds})"
    )


def open_once(path: Path, folder: str) -> tuple[float, float, float, int]:
    """Milliseconds until it is sharp, until all tiles are there, of raw decoding; number of tiles."""
    window = new_window(folder)
    pump(lambda: window.settled)
    start = time.perf_counter()
    window.open_path(path)
    pump(lambda: window.slides.slide is not None and window.slides.tiles_complete)
    complete = time.perf_counter() - start
    pump(lambda: sharp(window))
    opened = time.perf_counter() - start
    view, pyramid = window.canvas.slide_view.view, window.slides._pyramid
    assert view is not None and (view.width, view.height) == SIZE and pyramid is not None
    keys = pyramid.visible(view)
    decoded = raw(path, window, keys, os.cpu_count() or 2)
    window.close()
    window.deleteLater()
    QApplication.processEvents()
    return 1e3 * opened, 1e3 * complete, 1e3 * decoded, len(keys)


class Walk(QObject):
    """Runs a script of steps on a window, a step every 16 ms, in Qt's own event loop."""

    def __init__(self, window: MainWindow, script: list[Step]) -> None:
        super().__init__()
        self.window, self.script = window, iter(script)
        self.sharp_after: list[float] = []
        self.skipped = 0
        self._rested: float | None = None
        self._loop = QEventLoop()
        self._timer = precise_timer(self, 16, self._step)
        self._look = precise_timer(self, 4, self._on_look)

    def run(self) -> None:
        self._timer.start()
        self._loop.exec()

    def _on_look(self) -> None:
        if self._rested is not None and sharp(self.window):
            self.sharp_after.append(1e3 * (time.perf_counter() - self._rested))
            self._rested = None
            self._look.stop()

    def _step(self) -> None:
        step = next(self.script, None)
        if step is None:
            self._timer.stop()
            self._loop.quit()
            return
        view = self.window.canvas.slide_view
        if step.kind == "rest":
            if step.begins:
                self._rested = time.perf_counter() - 0.016
                self._look.start()
            return
        if self._rested is not None:
            self.skipped += 1  # it moved on before it was sharp
            self.sharp_after.append(1e3 * (time.perf_counter() - self._rested))
            self._rested = None
        if step.kind == "pan":
            view.pan(step.dx, step.dy)
        elif step.kind == "zoom":
            view.zoom(step.factor)
        else:
            view.centre_on(step.dx * 65_536, step.dy * 65_536)


def precise_timer(parent: QObject, interval_ms: int, call: Callable[[], None]) -> QTimer:
    timer = QTimer(parent)
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(interval_ms)
    timer.timeout.connect(call)
    return timer


def measure_move(path: Path, folder: str, seconds: float) -> None:
    found = {}
    window = new_window(folder)
    clock = Clock(window)
    window.open_path(path)
    pump(lambda: sharp(window))
    for what in ("idle", "idle, with jumps", "analysing"):
        if what == "analysing":
            window.open_path(resource("demo/her2.safetensors"))
            pump(lambda: "encoding" in window.strip._what, 300)
        window.canvas.slide_view.fit()
        pump(lambda: sharp(window))
        walk = Walk(window, steps(seconds, seed=1, jumps="jumps" in what))
        clock.reset()
        walk.run()
        paints, gaps = list(clock.paints), list(clock.gaps)
        found[what] = centile(paints, 0.99)
        print(
            f"move, {what}: {len(paints)} paints, p50 {centile(paints, 0.5):.1f} ms, "
            f"p99 {found[what]:.1f} ms ({found[what] / found['idle']:.2f} x idle), "
            f"longest {max(paints):.1f}; heartbeat longest gap {max(gaps):.0f} ms, "
            f"{sum(gap > 50 for gap in gaps)} over 50 ms; sharp after rest p50 "
            f"{centile(walk.sharp_after, 0.5):.0f} ms, p95 {centile(walk.sharp_after, 0.95):.0f} ms "
            f"of {len(walk.sharp_after)} rests ({walk.skipped} moved on before)"
        )
    window.close()


def measure_tiles(path: Path, folder: str, seconds: float) -> None:
    """A steady pan over full resolution, faster than any reader, painted; then the same tiles raw."""
    window = new_window(folder)
    window.open_path(path)
    pump(lambda: sharp(window))
    threads = os.cpu_count() or 2
    view, reader = window.canvas.slide_view, window.slides._reader
    assert reader is not None
    keys: list[TileKey] = []
    reader.tile_ready.connect(lambda key, tile: keys.append(key))
    view.centre_on(4_000, 4_000, 1.0)
    rates, plain = [], []

    def pan() -> None:
        view.pan(640, 0)
        if view.view is not None and view.view.centre_x > 60_000:
            view.centre_on(4_000, view.view.centre_y + 1_200, 1.0)

    loop = QEventLoop()
    timer = precise_timer(window, 16, pan)
    for turn in range(5):
        keys.clear()
        QTimer.singleShot(round(1e3 * seconds), loop.quit)
        start = time.perf_counter()
        timer.start()
        loop.exec()
        timer.stop()
        took = time.perf_counter() - start
        read = list(keys)
        rates.append(len(read) / took)
        plain.append(len(read) / raw(path, window, read, threads))
        print(
            f"tiles, round {turn}: {rates[-1]:.0f} tiles/s of {reader.source._pyramid.tile_size} px "
            f"while painting, plain read_region {plain[-1]:.0f}: {rates[-1] / plain[-1]:.2f}"
        )
    ratio = statistics.median(a / b for a, b in zip(rates, plain, strict=True))
    print(f"tiles: median ratio {ratio:.2f} ({threads} threads)")
    window.close()


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def measure_memory(path: Path, folder: str, seconds: float) -> None:
    window = new_window(folder)
    before = resident()
    window.open_path(path)
    pump(lambda: sharp(window))
    samples: list[tuple[float, float]] = []
    stop = threading.Event()
    start = time.perf_counter()

    def sample() -> None:
        while not stop.wait(1.0):
            samples.append((time.perf_counter() - start, resident()))

    watcher = threading.Thread(target=sample)
    watcher.start()
    Walk(window, steps(seconds, seed=2, jumps=True)).run()
    stop.set()
    watcher.join()
    thirds = [
        max(v for t, v in samples if lo <= t / seconds < hi)
        for lo, hi in ((0, 0.34), (0.34, 0.67), (0.67, 1.01))
    ]
    budget = window.slides._cache.budget / MIB
    print(
        f"memory: window alone {before:.0f} MiB; peaks of the walk's thirds "
        f"{', '.join(f'{v:.0f}' for v in thirds)} MiB; beyond tile cache ({budget:.0f}) and window "
        f"{max(thirds) - budget - before:.0f} MiB"
    )
    window.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = ("open", "move", "tiles", "memory")
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--slide", type=Path)
    parser.add_argument(
        "--step",
        type=int,
        default=2,
        help="each level is this much smaller: 2, or 4 as in SVS files",
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--walk", type=float, default=600.0)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    path = options.slide or large_slide(cache_folder() / "benchmarks", options.step)
    application = create_application()
    keep_responsive()
    with tempfile.TemporaryDirectory() as folder:
        if "open" in options.only:
            measure_open(path, folder, options.rounds)
        if "move" in options.only:
            measure_move(path, folder, options.seconds)
        if "tiles" in options.only:
            measure_tiles(path, folder, 4.0)
        if "memory" in options.only:
            measure_memory(path, folder, options.walk)
    application.processEvents()


if __name__ == "__main__":
    main()
