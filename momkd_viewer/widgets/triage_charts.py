"""Charts of a workspace's cases: where attention on glass meets certainty, and how it is spread."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt, QTimer, Signal
from PySide6.QtWidgets import QToolTip, QVBoxLayout, QWidget

from momkd_viewer.state.blinding import HIDDEN, blinded
from momkd_viewer.state.triage_points import TriagePoints, points_of
from momkd_viewer.state.workspace import Answers, FloatArray
from momkd_viewer.state.workspace_filter import Mask
from momkd_viewer.state.workspace_order import Rows
from momkd_viewer.state.workspace_views import ON_GLASS
from momkd_viewer.widgets.chart import Chart
from momkd_viewer.widgets.colours import colour

if TYPE_CHECKING:
    import pyqtgraph

# Points are drawn when the table has rested for this long, one chart after the other: ten thousand of
# them take longer to draw than a letter to type.
_REST_MS = 120
_REACH = 12.0  # pixels from a point that still mean it
#: (correct, symbol, its sign in the key, token, meaning): told apart without colours, too.
_Kind = tuple[bool | None, str, str, str, str]
_KINDS: tuple[_Kind, ...] = (
    (True, "o", "●", "accent", "right"),
    (None, "t1", "▲", "quiet", "no label"),
    (False, "x", "✕", "failure", "wrong"),
)
_UNTOLD: tuple[_Kind, ...] = ((None, "o", "●", "quiet", "cases"),)
#: (place, text) on a logarithmic axis.
_LOG_TICKS = [(math.log10(v), f"{v:,}") for v in (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)]
_NO_MODEL = "Open a model and analyse the cases: their points come here."
_NO_POINTS = "None of the shown cases has both numbers yet."


class TriageChart(Chart):
    """One chart of points.

    Signals:
        chosen(int): a point was clicked: the position of its case.
    """

    chosen = Signal(int)

    def __init__(self, name: str, x: tuple[str, str], y: tuple[str, str], rest_ms: int) -> None:
        super().__init__(name)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(rest_ms)
        self._rest.timeout.connect(self._show_points)
        self._x, self._y = x, y  # number and label of each axis
        self.points: TriagePoints | None = None
        self._threshold = 0.5
        self._current = -1
        self._mark: pyqtgraph.ScatterPlotItem | None = None
        self.named: Callable[[int], str] = str

    def show_points(self, answers: Answers | None, rows: Rows) -> None:
        """Shows the cases at ``rows``."""
        if answers is None:
            self.points = None
            self._rest.stop()
            self.show_reason(_NO_MODEL)
            return
        self.points = points_of(answers, rows, self._x[0], self._y[0])
        self._threshold = answers.question.decision.threshold
        self._rest.start()

    def _show_points(self) -> None:
        if self.points is not None:
            self.show_reason("" if len(self.points) else _NO_POINTS)

    def show_current(self, case: int) -> None:
        """Marks a case's point; none where it has none."""
        self._current = case
        if self._mark is not None and self.points is not None:
            self._mark.setData(*self._placed(self.points.cases == case))

    @property
    def drawing(self) -> bool:
        """Whether other points are going to be drawn."""
        return self._rest.isActive()

    @property
    def ready(self) -> bool:
        return self.points is not None

    def _placed(self, which: Mask | slice) -> tuple[FloatArray, FloatArray]:
        assert self.points is not None
        return self.points.x[which], self.points.y[which]

    def set_up(self, item: pyqtgraph.PlotItem) -> None:
        item.setLabel("bottom", self._x[1])
        item.setLabel("left", self._y[1])
        scene = item.scene()
        scene.sigMouseMoved.connect(self._on_moved)
        scene.sigMouseClicked.connect(lambda click: self._on_clicked(click.scenePos()))

    def draw(self, item: pyqtgraph.PlotItem) -> None:
        assert self.points is not None
        import pyqtgraph

        self.draw_lines(item)
        key = []
        for correct, symbol, sign, token, meaning in _UNTOLD if blinded() else _KINDS:
            x, y = self._placed(slice(None) if blinded() else self.points.of(correct))
            pen = pyqtgraph.mkPen(colour(token), width=2.0 if symbol == "x" else 1.0)
            brush = colour(token, 120)
            item.addItem(
                pyqtgraph.ScatterPlotItem(x, y, symbol=symbol, size=9, pen=pen, brush=brush)
            )
            shown = f"<span style='color:{colour(token).name()}'>{sign}</span>"
            key.append(f"{shown}&nbsp;{meaning} {len(x)}")
        self._key.setText(" &nbsp; ".join(key))
        self._mark = pyqtgraph.ScatterPlotItem(
            symbol="o", size=17, pen=pyqtgraph.mkPen(colour("mark"), width=2.5), brush=None
        )
        item.addItem(self._mark)
        self.show_current(self._current)

    def draw_lines(self, item: pyqtgraph.PlotItem) -> None:
        """What is below the points."""

    # -- the mouse -------------------------------------------------------------------------------

    def case_at(self, scene: QPointF) -> int:
        """The case whose point is at a place of the scene; -1 for none."""
        if self.points is None or self._plot is None or not len(self.points):
            return -1
        box = self._plot.getPlotItem().getViewBox()
        place = box.mapSceneToView(scene)
        dx, dy = box.viewPixelSize()
        return self.points.nearest(place.x(), place.y(), dx * _REACH, dy * _REACH)

    def _on_moved(self, scene: QPointF) -> None:
        assert self._plot is not None
        case = self.case_at(scene)
        shape = Qt.CursorShape.PointingHandCursor if case >= 0 else Qt.CursorShape.ArrowCursor
        self._plot.setCursor(shape)
        if case < 0:
            QToolTip.hideText()
            return
        corner = self._plot.mapToGlobal(self._plot.mapFromScene(scene))
        QToolTip.showText(corner, self.named(case), self._plot)

    def _on_clicked(self, scene: QPointF) -> None:
        case = self.case_at(scene)
        if case >= 0:
            self.chosen.emit(case)


class _GlassChart(TriageChart):
    """Probability against background focus."""

    def __init__(self) -> None:
        super().__init__(
            "Attention on glass against probability",
            ("probability", "probability of the positive class"),
            ("background", "background focus"),
            _REST_MS,
        )

    def _show_points(self) -> None:
        if blinded():
            self.show_reason(HIDDEN)
        else:
            super()._show_points()

    def draw_lines(self, item: pyqtgraph.PlotItem) -> None:
        import pyqtgraph

        pen = pyqtgraph.mkPen(colour("edge_hot"), width=1, style=Qt.PenStyle.DashLine)
        options = {"color": colour("quiet"), "position": 0.95}
        item.addItem(
            pyqtgraph.InfiniteLine(
                self._threshold, 90, pen, label="threshold", labelOpts={**options, "position": 0.9}
            )
        )
        item.addItem(
            pyqtgraph.InfiniteLine(ON_GLASS, 0, pen, label=f"{ON_GLASS:.0%}", labelOpts=options)
        )
        item.setXRange(0.0, 1.0, padding=0.03)
        assert self.points is not None
        top = max(2 * ON_GLASS, float(self.points.y.max(initial=0.0)))
        item.setYRange(0.0, top, padding=0.05)


class _SpreadChart(TriageChart):
    """How many patches attention is on, against how many components they use."""

    def __init__(self) -> None:
        super().__init__(
            "How attention is spread",
            ("effective_log", "effective patches: few means concentrated"),
            ("entropy", "entropy of component use"),
            2 * _REST_MS,
        )

    def set_up(self, item: pyqtgraph.PlotItem) -> None:
        super().set_up(item)
        item.getAxis("bottom").setTicks([_LOG_TICKS])

    def draw_lines(self, item: pyqtgraph.PlotItem) -> None:
        assert self.points is not None
        x = self.points.x
        item.setXRange(min(0.0, float(x.min(initial=0.0))), float(x.max(initial=1.0)), padding=0.05)
        item.setYRange(0.0, 1.0, padding=0.05)


class TriageCharts(QWidget):
    """Both charts, one below the other.

    Signals:
        chosen(int): a point was clicked: the position of its case.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        import pyqtgraph  # noqa: F401 - while a window opens, rather than at the first point

        self.glass, self.spread = _GlassChart(), _SpreadChart()
        self.both: tuple[TriageChart, TriageChart] = (self.glass, self.spread)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for chart in self.both:
            chart.chosen.connect(self.chosen)
            column.addWidget(chart, 1)

    def show_points(self, answers: Answers | None, rows: Rows) -> None:
        """Shows the cases at ``rows``."""
        for chart in self.both:
            chart.show_points(answers, rows)

    @property
    def idle(self) -> bool:
        """Whether all points are drawn."""
        return not any(chart.drawing for chart in self.both)

    def show_current(self, case: int) -> None:
        """Marks a case in both."""
        for chart in self.both:
            chart.show_current(case)

    def name_cases(self, named: Callable[[int], str]) -> None:
        """How a case is called."""
        for chart in self.both:
            chart.named = named
