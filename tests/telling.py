"""All that a window tells, in words."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QWidget,
)

from momkd_viewer.main_window import MainWindow


def told_by(widget: QWidget) -> Iterator[str]:
    """All that a widget shows, or says to a screen reader."""
    yield from (widget.toolTip(), widget.statusTip(), widget.whatsThis(), widget.windowTitle())
    yield widget.accessibleName()
    for action in widget.actions():
        if not action.isVisible():
            continue
        yield from (action.text(), action.toolTip(), action.statusTip())
    if isinstance(widget, (QLabel, QAbstractButton, QLineEdit)):
        yield widget.text()
    if isinstance(widget, QComboBox):
        yield from (widget.itemText(at) for at in range(widget.count()))
    if isinstance(widget, QAbstractItemView) and (model := widget.model()) is not None:
        roles = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)
        columns = 1 if isinstance(widget, QListView) else model.columnCount()
        for row in range(model.rowCount()):
            for column in range(columns):
                yield from (str(model.index(row, column).data(role)) for role in roles)
    spoken = QAccessible.queryAccessibleInterface(widget)
    if spoken is not None:
        yield spoken.text(QAccessible.Text.Name)
        yield spoken.text(QAccessible.Text.Description)


def every_text(window: MainWindow, *, shown: bool = False) -> str:
    """All that the window and its dialogs tell; file dialogs list what is on the disk.

    Args:
        shown: only what can be seen now, menus among it.
    """
    QApplication.processEvents()  # what is cut short is told in a tooltip once it is painted
    choosers = window.findChildren(QFileDialog)
    listed = {part for dialog in choosers for part in dialog.findChildren(QWidget)}
    widgets = [one for one in (window, *window.findChildren(QWidget)) if one not in listed]
    if shown:
        widgets = [one for one in widgets if one.isVisible() or isinstance(one, QMenu)]
    texts = [text for one in widgets for text in told_by(one)]
    return "\n".join(texts)
