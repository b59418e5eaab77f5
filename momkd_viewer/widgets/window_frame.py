"""The window without anything behind it: its widgets in their places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QSplitter, QToolBar, QVBoxLayout, QWidget

from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.case_list import CaseList
from momkd_viewer.widgets.case_verdict import CaseVerdict
from momkd_viewer.widgets.distribution import Distribution
from momkd_viewer.widgets.elided_label import ElidedLabel
from momkd_viewer.widgets.memory_browser import MemoryBrowser
from momkd_viewer.widgets.progress_strip import ProgressStrip
from momkd_viewer.widgets.queue_bar import QueueBar
from momkd_viewer.widgets.result_panel import ResultPanel

_SIDE_WIDTH = 378
_CASES_WIDTH = 338


class WindowFrame(QMainWindow):
    """Attributes:
    splitter: room for the canvas and what is shown beside it.
    strip, atlas_strip, demo_strip, export_strip: progress in the status bar.
    queue_bar: below the cases, how far their analysis is.
    busy: what is being opened, in the status bar.
    position: read-outs, in the status bar.

    Signals:
    dropped(Path): a file or folder was dropped on the window.
    """

    dropped = Signal(Path)

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.resize(1280, 800)
        self.canvas = Canvas()
        self.results = ResultPanel()
        self.case_verdict = CaseVerdict()
        self.browser = MemoryBrowser()
        self.distribution = Distribution()
        self.browser.addTab(self.distribution, "Distribution")
        self.cases_list = CaseList()
        self.strip = ProgressStrip("Esc")
        self.queue_bar = QueueBar()
        self.atlas_strip = ProgressStrip()
        self.demo_strip = ProgressStrip()
        self.export_strip = ProgressStrip()
        self.busy = ElidedLabel()
        self.position = ElidedLabel()
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.canvas)
        self.setCentralWidget(self.splitter)
        self._side_dock = self._dock(
            "Models and memory", self._side(), Qt.DockWidgetArea.RightDockWidgetArea
        )
        self._cases_dock = self._dock(
            "Cases", _column(self.cases_list, self.queue_bar), Qt.DockWidgetArea.LeftDockWidgetArea
        )
        self._cases_dock.hide()
        self._fill_status_bar()

    def _side(self) -> QWidget:
        side = QWidget()
        side.setMinimumWidth(_SIDE_WIDTH)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.results)
        column.addWidget(self.case_verdict)
        column.addWidget(self.browser, 1)
        return side

    def _fill_status_bar(self) -> None:
        status = self.statusBar()
        status.setSizeGripEnabled(False)
        self.busy.setContentsMargins(10, 0, 10, 0)
        status.addWidget(self.busy)
        strips = (
            self.strip,
            self.demo_strip,
            self.atlas_strip,
            self.export_strip,
        )
        for strip in strips:
            status.addWidget(strip)
        self.position.setContentsMargins(0, 0, 10, 0)
        status.addPermanentWidget(self.position)

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title)
        dock.setObjectName(title)
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        dock.setWidget(widget)
        self.addDockWidget(area, dock)
        return dock

    def add_side_tab(self, title: str, widget: QWidget) -> None:
        """Places a widget behind models and memory."""
        dock = self._dock(title, widget, Qt.DockWidgetArea.RightDockWidgetArea)
        self.tabifyDockWidget(self._side_dock, dock)
        self._side_dock.raise_()

    def add_over_cases(self, widget: QWidget) -> None:
        """Places a widget over the list of cases."""
        both = QWidget()
        column = QVBoxLayout(both)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(widget)
        column.addWidget(self._cases_dock.widget(), 1)
        self._cases_dock.setWidget(both)

    def show_cases(self) -> None:
        """Shows the list of cases."""
        first = not self._cases_dock.isVisible()
        self._cases_dock.show()
        if first:
            self.resizeDocks([self._cases_dock], [_CASES_WIDTH], Qt.Orientation.Horizontal)

    def add_tools(
        self, actions: Sequence[QAction], magnification: QWidget, overlay: QWidget
    ) -> None:
        """The bar below the menu: actions, magnification, what the overlay shows."""
        bar = QToolBar("Tools")
        bar.setObjectName("Tools")
        bar.setMovable(False)
        bar.addActions(actions)
        bar.addWidget(magnification)
        bar.addSeparator()
        bar.addWidget(overlay)
        self.addToolBar(bar)

    # -- drag and drop ---------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        for path in paths:
            # After the drop has ended: the sender's window waits for it.
            QTimer.singleShot(0, self, lambda path=path: self.dropped.emit(path))


def _column(main: QWidget, below: QWidget) -> QWidget:
    """A widget that takes all the room, and one below it."""
    both = QWidget()
    column = QVBoxLayout(both)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(main, 1)
    column.addWidget(below)
    return both
