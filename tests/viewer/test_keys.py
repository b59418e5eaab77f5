"""Keys, the help sheet, the command palette, and names for screen readers."""

from __future__ import annotations

from pathlib import Path

from driving import another_window, open_all, settle
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QDialog,
    QLineEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from momkd_viewer.main_window import MainWindow
from momkd_viewer.resource_files import resource

DEMO_MODEL = resource("demo/her2.safetensors")  # at hand without training


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
        "slide_label", "export_view", "training",
    ):  # fmt: skip
        window.actions_by_name[name].trigger()
    assert window.training.window is not None
    window.training.window.show_form()
    missing = unnamed(window)
    assert not missing, "\n".join(missing)
    for opened in window.findChildren(QDialog):
        opened.close()
