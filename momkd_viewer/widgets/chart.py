"""A plot in a panel, in the theme's colours: made when it is first looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from momkd_viewer.widgets.colours import colour, theme

if TYPE_CHECKING:
    import pyqtgraph


class Chart(QWidget):
    """A plot that is made when it is first looked at, or a sentence in its place."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._theme = theme()
        self._plot: pyqtgraph.PlotWidget | None = None
        self._stale = True
        self._message = QLabel()
        self._message.setObjectName("hint")
        self._message.setWordWrap(True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._key = QLabel()  # above the chart, which is too small to spare a corner for it
        self._key.setObjectName("quiet")
        self._key.setTextFormat(Qt.TextFormat.RichText)
        self._key.setWordWrap(True)
        layout = self._layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 4, 2)
        layout.setSpacing(2)
        layout.addWidget(self._message)
        layout.addWidget(self._key)

    @property
    def text(self) -> str:
        """What is said in place of a chart; '' where there is one."""
        return self._message.text()

    def show_reason(self, text: str) -> None:
        """Says why there is nothing to draw; '' where there is."""
        self._message.setText(text)
        self._message.setVisible(bool(text))
        self._key.setVisible(not text)
        if self._plot is not None:
            self._plot.setVisible(not text)
        self._stale = True
        if self.isVisible():
            self._draw_now()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._draw_now()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self._theme != theme():
            self._theme = theme()
            self._stale = True
            if self._plot is not None:
                self._dress(self._plot)
                self._draw_now()

    def _draw_now(self) -> None:
        if not self._stale or self._message.text():
            return
        self._stale = False
        if self.ready:
            item = self._made().getPlotItem()
            item.clear()
            self.draw(item)
        elif self._plot is not None:
            self._plot.getPlotItem().clear()

    @property
    def ready(self) -> bool:
        """Whether there is something to draw; not while it is still being worked out."""
        raise NotImplementedError

    def _made(self) -> pyqtgraph.PlotWidget:
        if self._plot is None:
            import pyqtgraph

            self._plot = plot = pyqtgraph.PlotWidget()
            item = plot.getPlotItem()
            item.setMenuEnabled(False)
            item.hideButtons()
            item.setMouseEnabled(x=False, y=False)
            item.getAxis("bottom").enableAutoSIPrefix(False)
            item.getAxis("left").enableAutoSIPrefix(False)
            plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
            self._dress(plot)
            self._layout.addWidget(plot, 1)
            self.set_up(item)
        self._plot.show()
        return self._plot

    def _dress(self, plot: pyqtgraph.PlotWidget) -> None:
        plot.setBackground(colour("window"))
        for side in ("bottom", "left"):
            axis = plot.getPlotItem().getAxis(side)
            axis.setPen(colour("quiet"))
            axis.setTextPen(colour("quiet"))

    def show_key(self, *entries: tuple[str, str]) -> None:
        """Says what colours mean: (token, meaning)."""
        squares = (f"<span style='color:{colour(t).name()}'>■</span>&nbsp;{w}" for t, w in entries)
        self._key.setText(" &nbsp; ".join(squares))

    def set_up(self, item: pyqtgraph.PlotItem) -> None:
        """Names the axes, once."""
        raise NotImplementedError

    def draw(self, item: pyqtgraph.PlotItem) -> None:
        """Draws into an empty plot."""
        raise NotImplementedError
