"""The toolbar for annotating: tools, what is shown, and the class of what is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolBar, QToolButton, QWidget

from momkd_viewer.state.annotations import UNCLASSIFIED, AnnotationClass
from momkd_viewer.widgets.annotation_panel import swatch
from momkd_viewer.widgets.icons import themed_icon


class AnnotationBar(QToolBar):
    """Signals:
    class_chosen(object): an AnnotationClass, or None for no class.
    class_wanted(): a new one is to be made.
    """

    class_chosen = Signal(object)
    class_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self._icons: list[tuple[QAction, str]] = []
        super().__init__("Annotate", parent)
        self.setObjectName("Annotate")
        self.setOrientation(Qt.Orientation.Vertical)
        self.setMovable(False)
        self.setIconSize(QSize(20, 20))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self._group = QActionGroup(self)
        self._class = QToolButton()
        self._class.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._class.setMenu(self._menu)
        self.class_menu = self._menu

    def show_actions(
        self, tools: Sequence[tuple[QAction, str]], switches: Sequence[tuple[QAction, str]]
    ) -> None:
        """Tools, of which one is chosen, and switches; each with the name of its icon."""
        self._icons = [*tools, *switches]
        for action, _ in self._icons:
            action.setCheckable(True)
        self._show_icons()
        for action, _ in tools:
            self._group.addAction(action)
            self.addAction(action)
        self.addSeparator()
        self.addWidget(self._class)
        self.addSeparator()
        for action, _ in switches:
            self.addAction(action)

    def _show_icons(self) -> None:
        for action, name in self._icons:
            action.setIcon(themed_icon(name))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.StyleChange:
            self._show_icons()
        super().changeEvent(event)

    def show_classes(
        self, classes: Sequence[AnnotationClass], current: AnnotationClass | None
    ) -> None:
        """The classes to choose from, and the one that new annotations get."""
        self._menu.clear()
        for one in (None, *classes):
            colour = one.colour if one else UNCLASSIFIED
            action = self._menu.addAction(swatch(colour, 14), one.name if one else "No class")
            action.setCheckable(True)
            action.setChecked(one == current)
            action.triggered.connect(lambda checked=False, c=one: self.class_chosen.emit(c))
        self._menu.addSeparator()
        self._menu.addAction("New class…").triggered.connect(self._on_new_class)
        name = current.name if current else "none"
        self._class.setIcon(swatch(current.colour if current else UNCLASSIFIED, 20))
        self._class.setToolTip(f"Class of what is selected and of what is drawn: {name}")
        self._class.setAccessibleName(f"Class: {name}")

    def _on_new_class(self) -> None:
        self.class_wanted.emit()
