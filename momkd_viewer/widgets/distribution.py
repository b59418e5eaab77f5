"""How affinity is spread over a slide's patches, and where the attention goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from momkd_viewer.widgets.colours import colour, theme

if TYPE_CHECKING:
    import pyqtgraph

_BINS = 40  # even, so that zero is an edge


class Distribution(QWidget):
    """A histogram of affinity, in two colours by sign, with the attention mass as a line.

    The plot is made when it is first looked at: its library takes a third of a second and 30 MiB.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Distribution of affinity and attention")
        self._values: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._theme = theme()
        self._plot: pyqtgraph.PlotWidget | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(4, 8, 8, 4)

    def _made(self) -> pyqtgraph.PlotWidget:
        """The plot, made now at the latest."""
        if self._plot is not None:
            return self._plot
        import pyqtgraph

        self._plot = plot = pyqtgraph.PlotWidget(background=colour("window"))
        plot.setAccessibleName("Histogram of affinity, with attention as a line")
        item = plot.getPlotItem()
        item.setLabel("bottom", "affinity (C⁺ − C⁻)")
        item.setLabel("left", "share, %")
        item.setMenuEnabled(False)
        item.hideButtons()
        item.getAxis("bottom").enableAutoSIPrefix(False)
        item.setMouseEnabled(x=False, y=False)
        item.addLegend(offset=(-8, 8))
        # The plot takes what there is; its own wish would widen the whole side.
        plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._column.addWidget(plot)
        return plot

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self._theme != theme():
            self._theme = theme()
            if self._plot is None:
                return
            self._plot.setBackground(colour("window"))
            for side in ("bottom", "left"):
                axis = self._plot.getPlotItem().getAxis(side)
                axis.setPen(colour("quiet"))
                axis.setTextPen(colour("quiet"))
            self._draw()

    def clear(self) -> None:
        self._values = None
        if self._plot is not None:
            self._plot.getPlotItem().clear()

    def show_values(self, affinity: NDArray[np.float32], attention: NDArray[np.float32]) -> None:
        """Shows N patches: affinity (N,) and attention (N,), which sums to 1."""
        self._values = affinity, attention
        if self.isVisible():
            self._draw()

    def _draw(self) -> None:
        if self._values is None:
            return
        plot = self._made()
        import pyqtgraph

        affinity, attention = self._values
        bound = float(np.abs(affinity).max()) or 1.0
        edges = np.linspace(-bound, bound, _BINS + 1)
        middle, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
        share = np.histogram(affinity, edges)[0] / len(affinity) * 100
        mass = np.histogram(affinity, edges, weights=attention)[0] * 100
        brushes = [colour("positive" if x > 0 else "negative") for x in middle]
        item = plot.getPlotItem()
        item.clear()
        item.addItem(
            pyqtgraph.BarGraphItem(
                x=middle, height=share, width=width * 0.9, brushes=brushes, pen=None
            )
        )
        pen = pyqtgraph.mkPen(colour("series"), width=2)
        item.plot(middle, mass, pen=pen, name="attention")
