"""Entry point of ``momkd-viewer``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import (
    QEventLoop,
    QMessageLogContext,
    QSettings,
    QTimer,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from momkd_core import __version__
from momkd_core.cli.console import print_error, set_up_logging
from momkd_core.cli.options import positive_number
from momkd_viewer.controllers.theme_controller import apply_theme
from momkd_viewer.jobs.slide_work import load_engine
from momkd_viewer.main_window import MainWindow
from momkd_viewer.resource_files import resource

_SCREENSHOT_LIMIT_S = 3600
_ORGANISATION = "momkd"


@dataclass(frozen=True)
class View:
    """A requested view: level-0 point and microns a screen pixel."""

    x: float
    y: float
    mpp: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the application; returns its exit code."""
    options = _parser().parse_args(arguments)
    options.model = [path for several in options.model for path in several]
    set_up_logging(debug=options.debug, warnings_to_stderr=options.debug)
    if not _display_found():
        if options.screenshot is None:
            print_error(
                "There is no display to open a window on. Start it in a desktop session, or use "
                "--screenshot."
            )
            return 1
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    qInstallMessageHandler(_log_qt_message)
    keep_responsive()
    if options.demo or options.model:
        load_engine()
    application = create_application()
    private = tempfile.TemporaryDirectory(prefix="momkd-")
    # A picture taken by a script is no slide that the user opened: it leaves the recent files alone.
    settings = (
        QSettings(f"{private.name}/settings.ini", QSettings.Format.IniFormat)
        if options.screenshot is not None
        else None
    )
    window = MainWindow(settings)
    if options.size is not None:
        window.resize(*options.size)
    window.set_overlay(options.overlay)
    window.show()
    if options.screenshot is not None:
        code = _screenshot(window, options)
        private.cleanup()
        return code
    if options.demo:
        window.open_demo()
    for path in options.model:
        window.open_path(path)
    if options.input is not None:
        window.open_path(options.input, mpp=options.slide_mpp)
    if options.view is not None:
        window.slides.opened.connect(lambda: _apply_view(window, options.view))
    code = int(application.exec())
    private.cleanup()
    return code


def keep_responsive() -> None:
    """Lets the GUI thread have the interpreter back within half a millisecond of asking for it.

    By default another thread may keep it for five at a time, which a frame asks for dozens of times.
    """
    sys.setswitchinterval(0.0005)


def create_application() -> QApplication:
    """The styled application object; the running one where there is one already."""
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(["momkd-viewer"])
    application.setApplicationName("MoMKD Viewer")
    application.setOrganizationName(_ORGANISATION)
    application.setApplicationVersion(__version__)
    application.setStyle("Fusion")
    apply_theme(application, "dark")
    application.setWindowIcon(QIcon(str(resource("icons/app.svg"))))
    return application


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="momkd-viewer",
        description="Look inside a biomarker model, patch by patch and memory by memory.",
        epilog="example:\n  momkd-viewer slide.svs --model runs/her2/folds/0/model.safetensors",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", nargs="?", type=Path, metavar="SLIDE|COHORT|BUNDLE")
    parser.add_argument(
        "--model",
        action="append",
        nargs="+",
        default=[],
        type=Path,
        metavar="MODEL",
        help="model file or run folder; several are shown side by side",
    )
    parser.add_argument(
        "--demo", action="store_true", help="drawn slides with a model: no data needed"
    )
    parser.add_argument("--slide-mpp", type=positive_number, metavar="X", help="microns per pixel")
    parser.add_argument("--screenshot", type=Path, metavar="PNG", help="analyse, save, exit")
    parser.add_argument("--size", type=_size, metavar="WxH", help="window size, e.g. 1280x800")
    parser.add_argument(
        "--overlay",
        choices=("affinity", "attention", "none"),
        default="affinity",
        help="default %(default)s",
    )
    parser.add_argument("--view", type=_view, metavar="X,Y,MPP", help="level-0 centre and µm/px")
    parser.add_argument("--debug", action="store_true", help="print the log")
    parser.add_argument("--version", action="version", version=f"momkd-viewer {__version__}")
    return parser


def _log_qt_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    """Qt's own messages belong in the log file, not on a user's terminal."""
    severe = kind in (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)
    logging.getLogger("qt").log(logging.ERROR if severe else logging.INFO, "%s", text)


def _display_found() -> bool:
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    try:
        size = int(width), int(height)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 1280x800") from error
    if not all(200 <= side <= 16384 for side in size):
        raise argparse.ArgumentTypeError(f"{text!r} is out of range")
    return size


def _view(text: str) -> View:
    try:
        x, y, mpp = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form X,Y,MPP") from error
    if mpp <= 0:
        raise argparse.ArgumentTypeError("MPP must be positive")
    return View(x, y, mpp)


def _apply_view(window: MainWindow, view: View) -> None:
    window.canvas.slide_view.set_microns_per_pixel(view.mpp)
    window.canvas.slide_view.centre_on(view.x, view.y)


def _screenshot(window: MainWindow, options: argparse.Namespace) -> int:
    """Opens what was named, waits until all is shown, saves the window; 1 on any failure."""
    failures: list[str] = []
    for source in (
        window.slides,
        window.analysis,
        window.cases,
        window.demo,
        window.evidence_opening,
    ):
        source.failed.connect(failures.append)
    window.analysis.resolution_wanted.connect(
        lambda: failures.append(
            "The slide does not state its resolution (µm/px). State it with --slide-mpp."
        )
    )
    broken = sys.excepthook

    def fail(kind: type[BaseException], error: BaseException, trace: object) -> None:
        # A slot that raised may never let the window settle.
        broken(kind, error, trace)  # type: ignore[arg-type]
        print_error(f"Something unexpected failed ({kind.__name__}: {error}). Please report it.")
        os._exit(1)

    sys.excepthook = fail
    if options.demo:
        window.open_demo()
        _wait(window)
    for path in options.model:
        window.open_path(path)
    _wait(window)
    if options.input is not None:
        window.open_path(options.input, mpp=options.slide_mpp)
    _wait(window)
    if options.view is not None:
        _apply_view(window, options.view)
        _wait(window)
    for failure in dict.fromkeys(failures):
        print_error(failure)
    saved = window.grab().save(str(options.screenshot), "PNG")
    if not saved:
        print_error(f"{options.screenshot} cannot be written. Choose another place.")
    window.close()
    return 0 if saved and not failures else 1


def _wait(window: MainWindow) -> None:
    """Runs the event loop until the window has settled for a few turns."""
    loop = QEventLoop()
    deadline = time.monotonic() + _SCREENSHOT_LIMIT_S
    calm = 0
    timer = QTimer()

    def look() -> None:
        nonlocal calm
        calm = calm + 1 if window.settled else 0
        if calm >= 4 or time.monotonic() > deadline:
            loop.quit()

    timer.timeout.connect(look)
    timer.start(30)
    loop.exec()
    timer.stop()


if __name__ == "__main__":
    sys.exit(main())
