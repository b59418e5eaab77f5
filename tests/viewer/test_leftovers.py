"""Nothing is left behind: fifty slides in a row, closing while tiles are read, closing the window."""

from __future__ import annotations

import gc
import os
import sys
import threading
from pathlib import Path

import pytest
from driving import open_all, settle
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from synthetic import tissue_image, write_slide

from momkd_viewer.jobs.tile_reader import TileReader
from momkd_viewer.main_window import MainWindow


def readers() -> int:
    return sum(thread.name.startswith("tile-reader") for thread in threading.enumerate())


def handles(folder: Path) -> int:
    """Open files of a folder, by this process."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            found += str(folder) in str(link.readlink())
        except OSError:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
def test_fifty_slides_in_a_row_leave_nothing_behind(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    paths = [
        write_slide(tmp_path / f"{index}.tif", tissue_image(700, 600, seed=index), levels=1)
        for index in range(5)
    ]
    open_all(qtbot, window, paths[0])
    children = len(window.canvas.findChildren(object))
    for turn in range(50):
        window.open_path(paths[turn % 5])
        if turn % 3:  # some are replaced before they are there, some while they are read
            qtbot.waitUntil(lambda: not window._jobs.idle or window.slides.slide is not None)
        if turn % 7 == 0:
            window.slides.close()
        window.canvas.slide_view.zoom(1.3)
        QApplication.processEvents()
    open_all(qtbot, window, paths[1])
    qtbot.waitUntil(lambda: readers() == (os.cpu_count() or 2))
    gc.collect()
    assert len(window.slides.findChildren(TileReader)) == 1
    assert handles(tmp_path) <= (os.cpu_count() or 2), "OpenSlide keeps one a thread at most"
    assert len(window.canvas.findChildren(object)) == children
    window.slides.close()
    settle(qtbot, window)
    qtbot.waitUntil(lambda: readers() == 0)
    assert handles(tmp_path) == 0


def test_a_window_closed_while_it_reads_ends_all_threads(
    qtbot: QtBot, slide_path: Path, model_path: Path, tmp_path: Path
) -> None:
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    window = MainWindow(settings)
    window.show()
    qtbot.waitExposed(window)
    open_all(qtbot, window, model_path)
    window.open_path(slide_path)
    qtbot.waitUntil(lambda: window.slides.slide is not None)
    window.split.toggle()
    window.canvas.slide_view.zoom(9)
    window.close()
    window.deleteLater()
    QApplication.processEvents()
    alive = [t.name for t in threading.enumerate() if t.name.startswith(("tile-reader", "job"))]
    assert alive == []
