"""Charts of one component: its similarities on the slide, and its way through training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QWidget

from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.component_portrait import Histogram, TrainingProfile
from momkd_viewer.widgets.chart import Chart
from momkd_viewer.widgets.colours import colour

if TYPE_CHECKING:
    import pyqtgraph


class SimilarityChart(Chart):
    """How similar the slide's patches are to a component, by the memory that wins them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Distribution of similarities", parent)
        self._histogram: Histogram | None = None

    def show_histogram(self, histogram: Histogram | None, reason: str) -> None:
        """Shows one, or the reason why there is none; nothing, where that is ''."""
        self._histogram = histogram
        self.show_reason("" if histogram is not None else reason)

    @property
    def ready(self) -> bool:
        return self._histogram is not None

    def set_up(self, item: pyqtgraph.PlotItem) -> None:
        item.setLabel("bottom", "similarity")
        item.setLabel("left", "patches, %")

    def draw(self, item: pyqtgraph.PlotItem) -> None:
        assert self._histogram is not None
        import pyqtgraph

        edges = self._histogram.edges
        positive, negative = self._histogram.positive, self._histogram.negative
        parts = [("positive", "C⁺ wins the patch", positive), ("negative", "C⁻ does", negative)]
        if blinded():
            parts = [("quiet", "all patches", positive + negative)]
        self.show_key(*((token, means) for token, means, _ in parts), ("series", "its own"))
        for token, _, shares in parts:
            item.plot(
                edges,
                shares * 100,
                stepMode="center",
                fillLevel=0,
                brush=colour(token, 110),
                pen=pyqtgraph.mkPen(colour(token), width=1.5),
            )
        item.plot(
            edges,
            self._histogram.won * 100,
            stepMode="center",
            pen=pyqtgraph.mkPen(colour("series"), width=1.5),
        )
        item.setXRange(edges[0], edges[-1], padding=0.02)


class TrainingChart(Chart):
    """A component's activity and drift, epoch by epoch, each as a share of its own maximum."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Activity and drift over training", parent)
        self._profile = TrainingProfile()

    def show_profile(self, profile: TrainingProfile) -> None:
        """Shows it, or says that the model file holds none."""
        self._profile = profile
        self.show_reason(
            ""
            if self.ready
            else "This model file does not say how its components moved in training; models "
            "trained from now on do."
        )

    @property
    def ready(self) -> bool:
        return bool(self._profile.activity or self._profile.drift)

    def set_up(self, item: pyqtgraph.PlotItem) -> None:
        item.setLabel("bottom", "epoch")
        item.setLabel("left", "of its largest, %")

    def draw(self, item: pyqtgraph.PlotItem) -> None:
        import pyqtgraph

        entries = []
        for token, values, name in (
            ("series", self._profile.activity, "activity"),
            ("mark", self._profile.drift, "drift"),
        ):
            if not values:
                continue
            largest = max(values)
            entries.append((token, f"{name}, at most {largest:.3g}"))
            pen = pyqtgraph.mkPen(colour(token), width=2)
            shown = np.asarray(values) / (largest or 1.0) * 100
            epochs = np.arange(1, len(values) + 1)
            symbol = "o" if len(values) == 1 else None
            item.plot(epochs, shown, pen=pen, symbol=symbol)
        item.setYRange(0, 100)
        self.show_key(*entries)
