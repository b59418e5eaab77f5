"""The second view: a canvas of its own under a line that says what it shows and how it follows."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.elided_label import ElidedLabel
from momkd_viewer.widgets.progress_strip import ProgressStrip
from momkd_viewer.widgets.result_panel import ModelView


class SecondPane(QWidget):
    """Takes the place of a result panel for its own analysis.

    Attributes:
        canvas: where the slide is shown.
        strip: progress of its analysis.
        worded: how messages are shown: names may be masked.

    Signals:
        kind_chosen(str): an overlay.
        linked(bool): whether both views move together.
        slide_wanted(): another slide is to be chosen for it.
        closed(): the pane is to go.
        model_chosen(int), model_closed(int): as a result panel has them.
    """

    kind_chosen = Signal(str)
    linked = Signal(bool)
    slide_wanted = Signal()
    closed = Signal()
    model_chosen = Signal(int)
    model_closed = Signal(int)

    def __init__(self, kinds: tuple[tuple[str, str], ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.canvas = Canvas(welcomes=False)
        self.canvas.slide_view.setAccessibleName("Second slide")
        self.strip = ProgressStrip("Esc")  # one analysis runs at a time: the key has one button
        self.worded: Callable[[str], str] = str
        self._views: list[ModelView] = []
        self._name = ElidedLabel()
        self._result = ElidedLabel()
        self._result.setObjectName("quiet")
        self._models = QComboBox()
        self._models.setAccessibleName("Model of the second view")
        self._models.activated.connect(self.model_chosen)
        self._kinds = QComboBox()
        self._kinds.setAccessibleName("Overlay of the second view")
        for kind, text in kinds:
            self._kinds.addItem(text, kind)
        self._kinds.activated.connect(lambda _: self.kind_chosen.emit(self._kinds.currentData()))
        self._link = _button("Linked", "Both views move together (Ctrl+Alt+S)", checkable=True)
        self._link.toggled.connect(self.linked)
        another = _button("Slide…", "Show another slide here")
        another.clicked.connect(self.slide_wanted)
        close = _button("✕", "Close the second view")
        close.setAccessibleName("Close the second view")
        close.clicked.connect(self.closed)
        for label in (self._name, self._result):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(_row((self._name, 3), (self._result, 4), (close, 0)))
        layout.addLayout(_row((self._kinds, 3), (self._models, 2), (self._link, 0), (another, 0)))
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.strip)

    def show_name(self, text: str) -> None:
        self._name.setText(text)

    def show_kind(self, kind: str) -> None:
        """Shows an overlay's name without emitting it back."""
        self._kinds.setCurrentIndex(self._kinds.findData(kind))

    def show_linked(self, linked: bool) -> None:
        """Shows whether both views move together, without emitting it back."""
        self._link.blockSignals(True)
        self._link.setChecked(linked)
        self._link.blockSignals(False)

    def refresh(self) -> None:
        """Words all messages anew."""
        self.show_models(self._views)

    def show_models(self, views: list[ModelView]) -> None:
        """Which models are open, and what the chosen one says."""
        self._views = views
        self._models.clear()
        for view in views:
            self._models.addItem(view.title)
        self._models.setVisible(len(views) > 1)
        chosen = next((index for index, view in enumerate(views) if view.chosen), None)
        if chosen is None:
            self._say("", "")
            return
        self._models.setCurrentIndex(chosen)
        view = views[chosen]
        if view.probability is None:
            self._say(view.message, view.caution)
        else:
            said = f"{view.title}: {view.predicted} {view.probability:.3f}"
            self._say(said, " ".join(part for part in (view.caution, view.message) if part))

    def _say(self, result: str, more: str) -> None:
        self._result.more = self.worded(more)
        self._result.setText(self.worded(result))


def _row(*widgets: tuple[QWidget, int]) -> QHBoxLayout:
    """Widgets side by side, each with its share of the room that is left."""
    row = QHBoxLayout()
    row.setContentsMargins(8, 2, 6, 2)
    row.setSpacing(6)
    for widget, stretch in widgets:
        row.addWidget(widget, stretch)
    return row


def _button(text: str, tip: str, *, checkable: bool = False) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setCheckable(checkable)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
