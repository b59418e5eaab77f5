"""Fixtures of the window's tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from synthetic import tissue_image

from momkd_viewer.app import create_application
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.blinding import set_blinded


@pytest.fixture(scope="session", autouse=True)
def styled(qapp: QApplication) -> None:
    create_application()


@pytest.fixture(autouse=True)
def open_eyed() -> Iterator[None]:
    """The application judges blinded or not as a whole: what a test switched on ends with it."""
    yield
    set_blinded(False)


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    # The window before is a ring of objects: Python would let hundreds lie, with all their pictures.
    gc.collect()
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    shown = MainWindow(settings)
    shown.show()
    qtbot.waitExposed(shown)
    yield shown
    shown.close()
    shown.deleteLater()
    QApplication.processEvents()
    left = [w for w in QApplication.topLevelWidgets() if w is not shown and w.isVisible()]
    assert not left, f"widgets outlived the window: {left}"


@pytest.fixture(scope="session")
def labelled_slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Aperio-like file of 512 px with a green label and words of its own."""
    path = tmp_path_factory.mktemp("aperio") / "Meier.svs"
    label = np.zeros((60, 80, 3), np.uint8)
    label[..., 1] = 200
    about = "Aperio Image Library v1\n512x512|AppMag = 20|MPP = 0.5|User = Dr Meier"
    with tifffile.TiffWriter(path) as file:
        file.write(
            tissue_image(512, 512), tile=(256, 256), description=about, photometric="rgb",
            metadata=None,
        )  # fmt: skip
        for name, picture in (("thumbnail", label), ("label", label)):
            file.write(
                picture, description=f"Aperio Image Library v1\n{name} 80x60", photometric="rgb",
                metadata=None, rowsperstrip=60, subfiletype=int(name == "label"),
            )  # fmt: skip
    return path
