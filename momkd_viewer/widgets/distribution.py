"""How affinity is spread over a slide's patches, and where the attention goes."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from momkd_viewer.widgets.colours import colour, theme

_BINS = 40  # even, so that zero is an edge


class Distribution(QWidget):
    """A histogram of affinity, in two colours by sign, with the attention mass as a line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Distribution of affinity and attention")
        self._values: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._theme = theme()
        self._plot = pg.PlotWidget(background=colour("window"))
        self._plot.setAccessibleName("Histogram of affinity, with attention as a line")
        item = self._plot.getPlotItem()
        item.setLabel("bottom", "affinity (C⁺ − C⁻)")
        item.setLabel("left", "share, %")
        item.setMenuEnabled(False)
        item.hideButtons()
        item.getAxis("bottom").enableAutoSIPrefix(False)
        item.setMouseEnabled(x=False, y=False)
        item.addLegend(offset=(-8, 8))
        # The plot takes what there is; its own wish would widen the whole side.
        self._plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 8, 8, 4)
        layout.addWidget(self._plot)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self._theme != theme():
            self._theme = theme()
            self._plot.setBackground(colour("window"))
            for side in ("bottom", "left"):
                axis = self._plot.getPlotItem().getAxis(side)
                axis.setPen(colour("quiet"))
                axis.setTextPen(colour("quiet"))
            if self._values is not None:
                self.show_values(*self._values)

    def clear(self) -> None:
        self._values = None
        self._plot.getPlotItem().clear()

    def show_values(self, affinity: NDArray[np.float32], attention: NDArray[np.float32]) -> None:
        """Shows N patches: affinity (N,) and attention (N,), which sums to 1."""
        self.clear()
        self._values = affinity, attention
        bound = float(np.abs(affinity).max()) or 1.0
        edges = np.linspace(-bound, bound, _BINS + 1)
        middle, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
        share = np.histogram(affinity, edges)[0] / len(affinity) * 100
        mass = np.histogram(affinity, edges, weights=attention)[0] * 100
        brushes = [colour("positive" if x > 0 else "negative") for x in middle]
        item = self._plot.getPlotItem()
        item.addItem(
            pg.BarGraphItem(x=middle, height=share, width=width * 0.9, brushes=brushes, pen=None)
        )
        item.plot(middle, mass, pen=pg.mkPen(colour("series"), width=2), name="attention")
