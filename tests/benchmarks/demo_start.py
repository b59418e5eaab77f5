"""Seconds from the start of ``momkd-viewer --demo`` until there is something to see: run by hand.

    python tests/benchmarks/demo_start.py [--rounds 3]

Each round starts from an empty cache (cold), then once more with what the first start left (warm).
Baseline is the time until the window is there. Medians over rounds are printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_STAGES = ("window", "slide", "overlay", "all cases")


def measure(begun: float) -> None:
    """In a process of its own: runs the demo and prints the seconds of each stage."""
    from PySide6.QtCore import QSettings, QTimer

    from momkd_viewer.app import create_application
    from momkd_viewer.jobs.slide_work import load_engine
    from momkd_viewer.main_window import MainWindow

    load_engine()
    application = create_application()
    window = MainWindow(QSettings(f"{os.environ['MOMKD_CACHE']}/s.ini", QSettings.Format.IniFormat))
    window.show()
    application.processEvents()
    seen = {"window": time.time() - begun}
    window.open_demo()

    def look() -> None:
        states = {
            "slide": window.slides.slide is not None and window.slides.tiles_complete,
            "overlay": window.analysis.result is not None,
            "all cases": window.analysis.result is not None and window.settled,
        }
        for stage, reached in states.items():
            if reached and stage not in seen:
                seen[stage] = time.time() - begun
        if len(seen) == len(_STAGES):
            print(*(f"{seen[stage]:.2f}" for stage in _STAGES))
            window.close()
            application.quit()

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(20)
    application.exec()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--begun", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.begun is not None:
        measure(options.begun)
        return 0
    found: dict[str, list[list[float]]] = {"cold": [], "warm": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as cache:
            for start, rounds in found.items():
                environment = {
                    **os.environ, "MOMKD_CACHE": cache, "MOMKD_LOG": str(Path(cache) / "log"),
                    "QT_QPA_PLATFORM": "offscreen",
                }  # fmt: skip
                command = [sys.executable, __file__, "--begun", str(time.time())]
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, check=True
                )
                rounds.append([float(value) for value in done.stdout.split()])
                print(start, done.stdout.strip(), flush=True)
    print(f"\n{'median seconds':<16}" + "".join(f"{stage:>12}" for stage in _STAGES))
    for start, rounds in found.items():
        medians = [statistics.median(values) for values in zip(*rounds, strict=True)]
        print(f"{start:<16}" + "".join(f"{value:>12.2f}" for value in medians))
        print(f"{'x window':<16}" + "".join(f"{value / medians[0]:>12.1f}" for value in medians))
    return 0


if __name__ == "__main__":
    sys.exit(main())
