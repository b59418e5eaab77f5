"""Keys, palette, navigation, bookmarks, display, themes, export and label pictures, in the window."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from driving import LIMIT_MS, open_all, settle
from PIL import Image
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QAccessible, QImage, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QInputDialog,
    QLabel,
    QLineEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot
from shiboken6 import isValid
from synthetic import tissue_image

from momkd_viewer.controllers.theme_controller import apply_theme
from momkd_viewer.jobs.bookmark_work import bookmark_file
from momkd_viewer.main_window import MainWindow
from momkd_viewer.resource_files import resource
from momkd_viewer.state.rendition import Rendition
from momkd_viewer.widgets.colours import theme

DEMO_MODEL = resource("demo/her2.safetensors")  # at hand without training


@pytest.fixture(autouse=True)
def dark_again() -> Iterator[None]:
    yield
    application = QApplication.instance()
    if theme() != "dark" and isinstance(application, QApplication):
        apply_theme(application, "dark")


@pytest.fixture(scope="module")
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


@contextmanager
def another_window(settings: Path) -> Iterator[MainWindow]:
    """A second start of the application."""
    window = MainWindow(QSettings(str(settings), QSettings.Format.IniFormat))
    try:
        yield window
    finally:
        window.close()
        window.deleteLater()


def shot(window: MainWindow) -> np.ndarray:
    """The middle of the canvas, (h, w, 3)."""
    view = window.canvas.slide_view
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    flat = np.frombuffer(image.constBits(), np.uint8)
    rows = flat.reshape(image.height(), image.bytesPerLine())[:, : image.width() * 3]
    y, x = image.height() // 2, image.width() // 2
    # A copy: the bytes go with the image.
    return rows.reshape(image.height(), -1, 3)[y - 80 : y + 80, x - 120 : x + 120].copy()


def dialog(window: MainWindow, kind: str) -> QDialog:
    return next(d for d in window.findChildren(QDialog) if type(d).__name__ == kind)


def chunks(path: Path) -> dict[bytes, bytes]:
    """The chunks of a PNG by their type."""
    data, at, found = path.read_bytes(), 8, {}
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        found[kind] = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(
            kind + found[kind]
        )
        at += 12 + length
    return found


# -- keys ----------------------------------------------------------------------------------------


def test_a_key_is_changed_in_the_help_sheet_and_survives(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    canvas = window.canvas.slide_view
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_F1)
    sheet = window.tools.keys.sheet
    assert sheet is not None and sheet.isVisible()
    sheet.search.setText("fit slide")
    sheet.choose("fit")
    sheet.editor.setKeySequence(QKeySequence("C"))
    qtbot.mouseClick(sheet.set_button, Qt.MouseButton.LeftButton)
    assert "Show overlay" in sheet.message.text() and sheet.take_button.isVisible()
    sheet.editor.setKeySequence(QKeySequence("J"))
    qtbot.mouseClick(sheet.set_button, Qt.MouseButton.LeftButton)
    sheet.close()
    assert canvas.view is not None and canvas.view.is_fitted
    canvas.zoom(4)
    qtbot.keyClick(window, Qt.Key.Key_0)
    assert not canvas.view.is_fitted, "its old key is free"
    qtbot.keyClick(window, Qt.Key.Key_J)
    assert canvas.view.is_fitted
    assert "(J)" in window.actions_by_name["fit"].toolTip()
    with another_window(tmp_path / "settings.ini") as again:
        assert again.actions_by_name["fit"].shortcut() == QKeySequence("J")
    sheet.all_reset_wanted.emit()
    assert window.actions_by_name["fit"].shortcut() == QKeySequence("0")


def test_the_help_sheet_lists_every_action_and_the_mouse(window: MainWindow) -> None:
    window.actions_by_name["show_keys"].trigger()
    sheet = window.tools.keys.sheet
    assert sheet is not None
    listed = {item.data(0, Qt.ItemDataRole.UserRole): item for item in sheet._items()}
    assert set(window.actions_by_name) <= set(listed)
    gestures = " ".join(item.text(0) for item in sheet._items())
    assert "Ctrl+wheel" in gestures and "Space" in gestures
    sheet.search.setText("opacity nothing")
    assert all(item.isHidden() for item in sheet._items())
    sheet.close()


def test_the_palette_runs_what_is_typed(qtbot: QtBot, window: MainWindow, slide_path: Path) -> None:
    open_all(qtbot, window, slide_path)
    palette, canvas = window.tools.keys.palette, window.canvas.slide_view
    qtbot.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert palette.isVisible()
    qtbot.keyClicks(palette.line, "turn right")
    current = palette.list.currentItem()
    assert "Ctrl+Alt+Right" in current.text(1)
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert not palette.isVisible()
    assert canvas.view is not None and canvas.view.rotation == 90
    assert "turned 90°" in window.position.text()
    window.slides.close()
    settle(qtbot, window)
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(palette.line, "turn right")
    assert "needs" in palette._hint.text()
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert palette.isVisible(), "nothing to turn"
    qtbot.keyClick(palette.line, Qt.Key.Key_Escape)
    assert not palette.isVisible()


_INTERACTIVE = (
    QAbstractButton, QComboBox, QLineEdit, QAbstractSlider, QAbstractSpinBox, QAbstractItemView
)  # fmt: skip


def unnamed(root: QWidget) -> list[str]:
    """Widgets that a screen reader would announce by nothing but their kind."""
    found = []
    for widget in root.findChildren(QWidget):
        interactive = isinstance(widget, _INTERACTIVE) or (
            widget.focusPolicy() & Qt.FocusPolicy.TabFocus and type(widget) is not QWidget
        )
        parts = isinstance(widget, QScrollBar) or widget.objectName().startswith("qt_")
        inside = isinstance(widget.parentWidget(), (QComboBox, QAbstractSpinBox, QAbstractItemView))
        held = inside or "Private" in widget.parentWidget().metaObject().className()
        if not interactive or parts or held:
            continue
        spoken = QAccessible.queryAccessibleInterface(widget)
        if spoken is not None and not spoken.text(QAccessible.Text.Name):
            found.append(
                f"{type(widget).__name__} {widget.objectName()} in {widget.parentWidget()}"
            )
    return found


def test_every_widget_has_a_name_for_screen_readers(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    open_all(qtbot, window, slide_path, DEMO_MODEL)
    for name in (
        "show_keys", "display", "preferences", "go_to", "edit_bookmarks", "turn_freely",
        "slide_label", "export_view",
    ):  # fmt: skip
        window.actions_by_name[name].trigger()
    missing = unnamed(window)
    assert not missing, "\n".join(missing)
    for opened in window.findChildren(QDialog):
        opened.close()


# -- navigation ----------------------------------------------------------------------------------


def test_going_to_a_typed_place(qtbot: QtBot, window: MainWindow, slide_path: Path) -> None:
    open_all(qtbot, window, slide_path)
    window.canvas.slide_view.zoom(4)
    window.actions_by_name["go_to"].trigger()
    asked = dialog(window, "GoToDialog")
    asked.line.setText("5000 10")
    asked.place_typed.emit(asked.line.text(), "µm")
    assert "768" in asked.message.text() and asked.isVisible(), "it says how far the slide reaches"
    asked.place_typed.emit("300 200", "µm")
    view = window.canvas.slide_view.view
    assert view is not None
    assert (view.centre_x, view.centre_y) == pytest.approx((600, 400))
    assert not asked.isVisible()


def test_back_and_forward(qtbot: QtBot, window: MainWindow, slide_path: Path) -> None:
    open_all(qtbot, window, slide_path)
    canvas, back = window.canvas.slide_view, window.actions_by_name["go_back"]
    qtbot.waitUntil(lambda: window.tools.navigation.history is not None)
    with qtbot.waitSignal(canvas.rested):
        canvas.fit()
        canvas.zoom(1.01)
    canvas.fit()
    assert not back.isEnabled() and canvas.view is not None
    for x, y in ((400, 300), (1100, 900)):
        with qtbot.waitSignal(canvas.rested):
            canvas.centre_on(x, y, 0.5)
    assert back.isEnabled()
    back.trigger()
    assert (canvas.view.centre_x, canvas.view.centre_y) == (400, 300)
    back.trigger()
    assert canvas.view.downsample > 1 and not back.isEnabled()
    for _ in range(2):
        window.actions_by_name["go_forward"].trigger()
    assert (canvas.view.centre_x, canvas.view.centre_y) == (1100, 900)
    with qtbot.waitSignal(canvas.rested):
        canvas.zoom(1.02)
    assert not window.actions_by_name["go_forward"].isEnabled()


def test_bookmarks_survive_a_restart(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    canvas = window.canvas.slide_view
    canvas.centre_on(500, 400, 0.5)
    canvas.rotate_to(30)
    window.actions_by_name["add_bookmark"].trigger()
    asked = window.findChildren(QInputDialog)[0]
    assert "40× at 250, 200 µm" in asked.textValue()
    asked.setTextValue("Tumour")
    asked.accept()
    canvas.fit()
    window.tools.bookmarks.add("All of it")
    settle(qtbot, window)
    kept = bookmark_file(slide_path)
    assert "tissue" not in kept.read_text(encoding="utf-8") and "tissue" not in kept.name
    with another_window(tmp_path / "other.ini") as again:
        again.show()
        open_all(qtbot, again, slide_path)
        again.actions_by_name["edit_bookmarks"].trigger()
        listed = again.tools.bookmarks.window
        assert listed is not None and listed.list.count() == 2
        listed.chosen.emit(0)
        view = again.canvas.slide_view.view
        assert view is not None
        assert (view.centre_x, view.centre_y, view.downsample, view.rotation) == (500, 400, 0.5, 30)
        listed.list.item(0).setText("Edge")
        listed.deleted.emit(1)
        settle(qtbot, again)
        assert [b.name for b in again.tools.bookmarks.bookmarks] == ["Edge"]
        assert "Edge" in kept.read_text(encoding="utf-8")
        listed.deleted.emit(0)
        settle(qtbot, again)
        assert not kept.exists()


def test_nothing_in_the_status_bar_overflows(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    window.resize(1280, 800)
    open_all(qtbot, window, slide_path)
    window.canvas.slide_view.rotate_to(33.5)
    window.canvas.slide_view.hovered.emit(1_234_567.0, 1_234_567.0)
    for strip in (window.strip, window.cases_strip, window.demo_strip, window.export_strip):
        strip.show_progress(12, 34567, "a rather long description of what is going on")
    window._busy.setText("opening a slide with quite a long name that nobody would want to read")
    QApplication.processEvents()
    assert window.width() == 1280
    right = window.position.mapTo(window, window.position.rect().topRight()).x()
    assert right < 1280
    for strip in (window.strip, window.cases_strip, window.demo_strip, window.export_strip):
        strip.finish()


# -- display -------------------------------------------------------------------------------------


def test_a_stain_alone_is_seen_and_reset(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    window.canvas.slide_view.centre_on(768, 640, 1.0)
    settle(qtbot, window)
    plain = shot(window)
    window.actions_by_name["display"].trigger()
    panel = window.tools.display.panel
    assert (
        panel is not None and not panel.profile.isEnabled() and "no colour" in panel._reason.text()
    )
    told: list[Rendition] = []
    panel.rendition_chosen.connect(told.append)
    panel.stain.setCurrentIndex(1)
    panel.stain.activated.emit(1)
    for value in range(1, 31):  # as while a slider is dragged
        panel.sliders["Contrast"].setValue(value)
    qtbot.waitUntil(lambda: bool(told))
    settle(qtbot, window)
    assert len(told) == 1, "changes within a frame are one"
    changed = shot(window)
    expected = told[0].apply(np.ascontiguousarray(plain))
    np.testing.assert_array_equal(changed, expected)
    chip = window.tools.display.chip
    assert chip.isVisible() and "haematoxylin alone, contrast 1.6" in chip.text()
    qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    np.testing.assert_array_equal(shot(window), plain)
    assert not chip.isVisible() and panel.stain.currentIndex() == 0
    panel.close()


# -- theme and preferences -----------------------------------------------------------------------


def test_the_theme_is_switched_and_remembered(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    window.actions_by_name["theme_light"].trigger()
    bar = window.menuBar().grab().toImage()
    assert bar.pixelColor(bar.width() - 4, 4).lightness() > 200
    canvas = window.canvas.slide_view.grab().toImage()
    beside = canvas.pixelColor(2, canvas.height() // 2)
    assert beside.red() == beside.green() == beside.blue() > 150
    assert window.actions_by_name["theme_light"].isChecked()
    with another_window(tmp_path / "settings.ini") as again:
        assert again.tools.preferences.now.theme == "light"
    window.actions_by_name["theme_system"].trigger()
    assert theme() in ("dark", "light")
    assert [window.actions_by_name[f"theme_{t}"].isChecked() for t in ("light", "system")] == [
        False,
        True,
    ]


def test_preferences_take_effect_and_are_kept(qtbot: QtBot, window: MainWindow) -> None:
    window.actions_by_name["preferences"].trigger()
    asked = dialog(window, "PreferencesDialog")
    asked.cache.setValue(128)
    asked.readers.setValue(1)
    asked.profile.setChecked(False)
    asked.accept()
    assert window.slides._cache.budget == 128 * 2**20 and window.slides.readers == 1
    assert not window.slides.rendition.colour_managed and not window.tools.display.chip.isVisible()
    assert window._settings.value("preferences/cache_mib") in (128, "128")


# -- export --------------------------------------------------------------------------------------


def test_an_exported_view_is_what_is_seen_and_says_nothing_else(
    qtbot: QtBot, window: MainWindow, labelled_slide: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, labelled_slide, DEMO_MODEL)
    canvas = window.canvas.slide_view
    with qtbot.waitSignal(canvas.rested):  # what moves is painted in haste
        canvas.centre_on(256, 256, 0.5)
    settle(qtbot, window)
    shown = shot(window)
    for scale in (1, 2):
        path = tmp_path / f"{scale}.png"
        with qtbot.waitSignal(window.tools.export.exported, timeout=LIMIT_MS):
            window.tools.export.export_view(path, scale)
        found = chunks(path)
        assert set(found) == {b"IHDR", b"tEXt", b"pHYs", b"IDAT", b"IEND"}
        assert found[b"tEXt"].startswith(b"Software\0MoMKD Viewer ")
        per_metre = struct.unpack(">IIB", found[b"pHYs"])
        assert per_metre == (4_000_000 * scale, 4_000_000 * scale, 1), "0.25 µm a screen pixel"
        raw = path.read_bytes()
        assert not any(word in raw for word in (b"Meier", b"Aperio", b"tmp"))
        with Image.open(path) as picture:
            assert picture.size == (canvas.width() * scale, canvas.height() * scale)
            if scale == 1:
                x, y = picture.width // 2, picture.height // 2
                inside = np.asarray(picture)[y - 80 : y + 80, x - 120 : x + 120]
                difference = np.abs(inside.astype(int) - shown)
                assert (difference <= 2).mean() > 0.99


def test_the_whole_overlay_is_exported_with_its_legend_below(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path, DEMO_MODEL)
    window.overlay.set_opacity(1.0)
    window.canvas.slide_view.rotate_to(45)
    path = tmp_path / "overlay.png"
    with qtbot.waitSignal(window.tools.export.exported, timeout=LIMIT_MS):
        window.tools.export.export_overlay(path, 1024)
    result = window.analysis.result
    assert result is not None
    with Image.open(path) as picture:
        width, height = picture.size
        scale = width / 1536
        assert width == 1024 and height > round(1280 * scale) + 60, "a strip below the slide"
        patch = int(np.abs(result.affinity).argmax())
        x, y = (result.coords[patch] + result.size_level0 / 2) * scale
        red, _, blue = picture.getpixel((int(x), int(y)))
        assert (red > blue + 40) == (result.affinity[patch] > 0)
    settle(qtbot, window)
    assert not window.export_strip.isVisible()


def test_a_picture_that_cannot_be_written_is_named(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    (tmp_path / "file").write_text("")
    window.tools.export.export_view(tmp_path / "file" / "view.png", 1)
    qtbot.waitUntil(window.canvas.banner.isVisible, timeout=LIMIT_MS)
    assert "view.png" in window.canvas.banner.text


def test_a_picture_that_has_to_wait_says_so(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    for name in ("first.png", "second.png"):
        window.tools.export.export_view(tmp_path / name, 1)
    assert "still being exported" in window.canvas.banner.text
    settle(qtbot, window)
    assert (tmp_path / "first.png").exists() and not (tmp_path / "second.png").exists()
    window.tools.export.export_view(tmp_path / "second.png", 1)
    settle(qtbot, window)
    assert (tmp_path / "second.png").exists()


# -- privacy -------------------------------------------------------------------------------------


def test_label_and_macro_are_hidden_until_they_are_asked_for(
    qtbot: QtBot, window: MainWindow, labelled_slide: Path
) -> None:
    open_all(qtbot, window, labelled_slide)
    window.actions_by_name["slide_label"].trigger()
    asked = dialog(window, "LabelDialog")
    texts = " ".join(label.text() for label in asked.findChildren(QLabel))
    assert "may name the patient" in texts and "label" in texts
    assert not asked.findChildren(QLabel, "sheet")
    qtbot.mouseClick(asked.show_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(asked.findChildren(QLabel, "sheet")), timeout=LIMIT_MS)
    green = asked.findChildren(QLabel, "sheet")[0].pixmap().toImage().pixelColor(20, 20)
    assert green.green() > 180 and green.red() < 20
    window.slides.close()
    settle(qtbot, window)
    assert not isValid(asked), "it spoke of the slide that is gone"
