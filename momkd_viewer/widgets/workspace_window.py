"""The cohort workspace: a window of its own, for a second screen where there is one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QLabel, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from momkd_viewer.widgets.banner import Banner
from momkd_viewer.widgets.triage_charts import TriageCharts
from momkd_viewer.widgets.workspace_bar import WorkspaceBar
from momkd_viewer.widgets.workspace_detail import WorkspaceDetail
from momkd_viewer.widgets.workspace_filter_bar import WorkspaceFilterBar
from momkd_viewer.widgets.workspace_table import WorkspaceTable


class WorkspaceWindow(QWidget):
    """Attributes: bar, filters, table, charts, detail, banner.

    Signals:
        closed(): the user closed it; it can be shown again.
    """

    closed = Signal()

    def __init__(self) -> None:
        super().__init__()  # no parent: it would stay above the main window
        self.setWindowTitle("Cohort workspace")
        self.resize(1280, 800)
        self.bar, self.filters = WorkspaceBar(), WorkspaceFilterBar()
        self.table, self.charts = WorkspaceTable(), TriageCharts()
        self.detail, self.banner = WorkspaceDetail(), Banner()
        self._empty = QLabel()
        self._empty.setObjectName("hint")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        table = QWidget()
        self._stack = QStackedLayout(table)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._empty)
        left = QSplitter(Qt.Orientation.Vertical)
        left.addWidget(table)
        left.addWidget(self.detail)
        left.setStretchFactor(0, 1)
        left.setSizes([560, 130])
        left.setChildrenCollapsible(False)
        both = QSplitter(Qt.Orientation.Horizontal)
        both.addWidget(left)
        both.addWidget(self.charts)
        both.setStretchFactor(0, 1)
        both.setSizes([900, 380])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.banner, self.bar, self.filters):
            column.addWidget(widget)
        column.addWidget(both, 1)

    def say(self, text: str) -> None:
        """What stands in place of rows; '' shows these."""
        self._empty.setText(text)
        self._stack.setCurrentWidget(self._empty if text else self.table)

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self.closed.emit()
