"""Charts of one component: its similarities on the slide, and its way through training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.component_portrait import Histogram, TrainingProfile
from momkd_viewer.widgets.colours import colour, theme

if TYPE_CHECKING:
    import pyqtgraph


class _Chart(QWidget):
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


class SimilarityChart(_Chart):
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


class TrainingChart(_Chart):
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
