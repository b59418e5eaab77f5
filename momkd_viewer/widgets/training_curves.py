"""The curves of trainings: a grid of plots by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from momkd_viewer.state.training_curves import PLOTS, Curve, Plot
from momkd_viewer.widgets.chart import Chart
from momkd_viewer.widgets.colours import colour

if TYPE_CHECKING:
    import pyqtgraph

_COLUMNS = 3
_THIN_ALPHA = 90
_DECADES = 1.6  # of a logarithmic scale, from which on powers of ten are enough


class CurveChart(Chart):
    """One plot; its title stands above it, with what the colours mean."""

    def __init__(self, plot: Plot, parent: QWidget | None = None) -> None:
        super().__init__(plot.title, parent)
        self._about = plot
        self._curves: Sequence[Curve] = ()
        title = QLabel(plot.title)
        title.setObjectName("plotTitle")
        self._layout.insertWidget(0, title)
        self._message.setContentsMargins(0, 0, 0, 0)

    @property
    def curves(self) -> Sequence[Curve]:
        return self._curves

    def show_curves(self, curves: Sequence[Curve], reason: str) -> None:
        """Shows curves, or the reason why there are none."""
        if curves == self._curves and bool(self.text) != bool(curves):
            return
        self._curves = curves
        self.show_reason("" if curves else reason)

    @property
    def ready(self) -> bool:
        return bool(self._curves)

    def set_up(self, item: pyqtgraph.PlotItem) -> None:
        item.setLabel("bottom", "epoch")
        item.showGrid(y=True, alpha=0.15)
        item.setLogMode(y=self._about.log)

    def draw(self, item: pyqtgraph.PlotItem) -> None:
        import pyqtgraph

        for curve in self._curves:
            pen = pyqtgraph.mkPen(
                colour(curve.token, _THIN_ALPHA if curve.thin else 255),
                width=1 if curve.thin else 2,
                style=Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine,
            )
            values = np.asarray(curve.values, float)
            if self._about.log:
                values = np.where(values > 0, values, np.nan)
            epochs = np.arange(1, len(values) + 1)
            if not (known := np.isfinite(values).sum()):
                continue
            alone = known == 1  # a line of one point is not seen
            symbol = {"symbol": "o", "symbolSize": 5, "symbolBrush": pen.color()} if alone else {}
            item.plot(epochs, values, pen=pen, connect="finite", **symbol)
        longest = max(len(curve.values) for curve in self._curves)
        item.setXRange(1, max(2, longest), padding=0.02)
        if self._about.highest is not None:
            item.setYRange(0, self._about.highest, padding=0.03)
        if self._about.log:
            _label_powers(item, self._curves)
        meant = dict.fromkeys((c.token, c.name) for c in self._curves if not c.thin)
        kinds = dict.fromkeys((c.dashed, c.kind) for c in self._curves if c.kind)
        note = ", ".join(f"{'dashed' if dashed else 'solid'} {kind}" for dashed, kind in kinds)
        self.show_key(*meant, note=note)


class TrainingCurves(QWidget):
    """All plots; a widget of fixed places, so that runs can be compared at a glance."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.charts = {plot.title: CurveChart(plot) for plot in PLOTS}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        for at, chart in enumerate(self.charts.values()):
            row, column = divmod(at, _COLUMNS)
            grid.addWidget(chart, row, column)
            grid.setRowStretch(row, 1)
            grid.setColumnStretch(column, 1)

    def show_curves(self, curves: Mapping[str, Sequence[Curve]], reason: str) -> None:
        """Shows the curves of each plot by its title, or why there are none."""
        for title, chart in self.charts.items():
            chart.show_curves(curves.get(title, ()), reason)


def _label_powers(item: pyqtgraph.PlotItem, curves: Sequence[Curve]) -> None:
    """1, 2 and 5 of each power of ten, or powers alone where there are many; else all ten are named."""
    logs = [math.log10(v) for curve in curves for v in curve.values if v > 0]
    low, high = min(logs, default=0.0), max(logs, default=1.0)
    steps = (1, 2, 5) if high - low < _DECADES else (1,)
    powers = range(math.floor(low) - 1, math.ceil(high) + 2)
    values = [step * 10.0**power for power in powers for step in steps]
    item.getAxis("left").setTicks([[(math.log10(value), f"{value:g}") for value in values]])
