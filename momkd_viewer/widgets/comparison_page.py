"""Several runs beside each other: what they reached, how they differ, and their curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.run_comparison import comparison
from momkd_viewer.state.training_curves import PLOTS, SERIES, compared
from momkd_viewer.state.training_run import TrainingRun
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.training_curves import TrainingCurves

MOST = len(SERIES)

_ROW_HEIGHT = 24
_SQUARE = 10


class ComparisonPage(QWidget):
    """Attributes:
    worded: how texts are shown: names may be masked.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.worded: Callable[[str], str] = str
        self._title = QLabel()
        self._title.setObjectName("title")
        about = QLabel(
            "Each curve is the mean over a run's folds. Below: where their choices differ."
        )
        about.setObjectName("quiet")
        self.curves = TrainingCurves()
        self.table = QTableWidget(0, 0)
        self.table.setAccessibleName("Results and choices of the compared runs")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.table.verticalHeader().setMinimumSectionSize(_ROW_HEIGHT)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.curves)
        halves.addWidget(self.table)
        halves.setStretchFactor(0, 2)
        halves.setStretchFactor(1, 1)
        column = QVBoxLayout(self)
        column.addWidget(self._title)
        column.addWidget(about)
        column.addWidget(halves, 1)

    def show_runs(self, runs: Sequence[TrainingRun]) -> None:
        """Shows runs beside each other, :data:`MOST` of them at most."""
        named = [(self.worded(run.folder.name), run) for run in runs[:MOST]]
        left_out = len(runs) - len(named)
        self._title.setText(
            f"{len(named)} runs" + (f" ({left_out} more are not shown)" if left_out else "")
        )
        curves = {plot.title: compared(named, plot) for plot in PLOTS}
        self.curves.show_curves(curves, "None of them has trained an epoch.")
        self._fill([name for name, _ in named], comparison([run for _, run in named]))

    def _fill(self, names: list[str], rows: list[tuple[str, tuple[str, ...]]]) -> None:
        self.table.setColumnCount(len(names))
        self.table.setRowCount(len(rows))
        for column, name in enumerate(names):
            item = QTableWidgetItem(_square(SERIES[column]), name)
            self.table.setHorizontalHeaderItem(column, item)
        self.table.setVerticalHeaderLabels([what for what, _ in rows])
        for row, (_, texts) in enumerate(rows):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(self.worded(text))
                item.setToolTip(item.text())
                self.table.setItem(row, column, item)


def _square(token: str) -> QIcon:
    """What the curves of a run are drawn in."""
    picture = QPixmap(_SQUARE, _SQUARE)
    picture.fill(colour(token))
    return QIcon(picture)
