"""The window of trainings: a list of runs, and beside it the form of a new one, a run, or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.training_run import TrainingRun
from momkd_viewer.state.training_words import short
from momkd_viewer.widgets.banner import Banner
from momkd_viewer.widgets.comparison_page import ComparisonPage
from momkd_viewer.widgets.training_form import TrainingForm
from momkd_viewer.widgets.training_page import TrainingPage

_LIST_WIDTH = 250
_PATH = Qt.ItemDataRole.UserRole


class TrainingWindow(QDialog):
    """Attributes:
    form, page, comparison: what is shown beside the list.
    banner: what went wrong.

    Signals:
        chosen(Path): a run of the list.
        comparison_wanted(): of the ticked runs.
        folder_added(Path), folder_removed(Path): a run is to be listed, or no more.
        looked_at(bool): the window is shown, or hidden.
    """

    chosen = Signal(Path)
    comparison_wanted = Signal()
    folder_added = Signal(Path)
    folder_removed = Signal(Path)
    looked_at = Signal(bool)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Training")
        self.setWindowFlag(Qt.WindowType.WindowMinMaxButtonsHint)
        self.resize(1200, 760)
        self._worded: Callable[[str], str] = str
        self.list = QListWidget()
        self.list.setAccessibleName("Runs")
        self.form, self.page, self.comparison = TrainingForm(), TrainingPage(), ComparisonPage()
        self._nothing = QLabel(
            "Runs that are trained here, or added, are listed at the left. Choose one to see how it "
            "stands; tick several to compare them."
        )
        self._nothing.setObjectName("hint")
        self._nothing.setWordWrap(True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.pages = QStackedWidget()
        for page in (self._nothing, self.form, self.page, self.comparison):
            self.pages.addWidget(page)
        self.banner = Banner()
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banner)
        column.addWidget(self.pages, 1)
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self._side())
        halves.addWidget(right)
        halves.setSizes([_LIST_WIDTH, self.width() - _LIST_WIDTH])
        halves.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(halves)
        self.list.currentItemChanged.connect(self._on_current)
        self.list.itemClicked.connect(self._on_current)
        self.list.itemChanged.connect(self._show_enabled)

    def _side(self) -> QWidget:
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(8, 8, 0, 8)
        self.new = QPushButton("New training…")
        self.add = QPushButton("Add run folder…")
        self.remove = QPushButton("Remove from list")
        self.remove.setToolTip("Its files stay, and its training goes on")
        self.compare = QPushButton("Compare ticked runs")
        self.compare.setToolTip("Tick two or more")
        self._show_enabled()
        for button, slot in (
            (self.new, self.show_form),
            (self.compare, self.comparison_wanted),
            (self.add, self._ask_for_folder),
            (self.remove, self._on_remove),
        ):
            button.setAutoDefault(False)
            button.clicked.connect(slot)
        column.addWidget(self.new)
        column.addWidget(self.list, 1)
        column.addWidget(self.compare)
        column.addWidget(self.add)
        column.addWidget(self.remove)
        return side

    def word(self, worded: Callable[[str], str]) -> None:
        """Has all texts worded by a function: names may be masked."""
        self._worded = self.page.worded = self.comparison.worded = self.banner.worded = worded

    # -- the list --------------------------------------------------------------------------------

    @property
    def current(self) -> Path | None:
        """The run that is chosen in the list."""
        row = self.list.currentRow()
        return self._folder(row) if row >= 0 else None

    @property
    def compared(self) -> list[Path]:
        """The ticked runs."""
        rows = range(self.list.count())
        ticked = Qt.CheckState.Checked
        return [self._folder(r) for r in rows if self.list.item(r).checkState() == ticked]

    def list_runs(self, folders: Sequence[Path], runs: Mapping[Path, TrainingRun]) -> None:
        """Lists runs, the newest first; what is chosen and ticked stays so."""
        with QSignalBlocker(self.list):
            listed = [self._folder(row) for row in range(self.list.count())]
            if listed != list(folders):
                self._list_anew(folders)
            for row, folder in enumerate(folders):
                told = short(runs[folder]) if folder in runs else "…"
                item = self.list.item(row)
                item.setText(f"{self._worded(folder.name)}\n{told}")
                item.setToolTip(self._worded(str(folder)))

    def _list_anew(self, folders: Sequence[Path]) -> None:
        current, ticked = self.current, self.compared
        self.list.clear()
        for folder in folders:
            item = QListWidgetItem(self.list)
            item.setData(_PATH, folder)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            state = Qt.CheckState.Checked if folder in ticked else Qt.CheckState.Unchecked
            item.setCheckState(state)
            if folder == current:
                self.list.setCurrentItem(item)
        self._show_enabled()

    def _folder(self, row: int) -> Path:
        folder: Path = self.list.item(row).data(_PATH)
        return folder

    def choose(self, folder: Path) -> None:
        """Chooses a listed run, as a click does."""
        for row in range(self.list.count()):
            if self._folder(row) == folder:
                self.list.setCurrentRow(row)
                self._on_current()

    # -- what is beside it -----------------------------------------------------------------------

    def show_form(self) -> None:
        """Shows the form of a new training."""
        self.list.setCurrentRow(-1)
        self.banner.hide()
        self.pages.setCurrentWidget(self.form)

    def show_run(self, run: TrainingRun, *, busy: bool) -> None:
        """Shows one run."""
        self.page.show_run(run, busy=busy)
        self.pages.setCurrentWidget(self.page)

    def show_comparison(self, runs: Sequence[TrainingRun]) -> None:
        """Shows runs beside each other."""
        self.comparison.show_runs(runs)
        self.pages.setCurrentWidget(self.comparison)

    def show_nothing(self) -> None:
        """Says what the window is for."""
        self.pages.setCurrentWidget(self._nothing)

    # -- events ----------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.looked_at.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.looked_at.emit(False)

    def _on_current(self) -> None:
        self._show_enabled()
        if self.current is not None:
            self.banner.hide()
            self.chosen.emit(self.current)

    def _show_enabled(self) -> None:
        self.remove.setEnabled(self.current is not None)
        self.compare.setEnabled(len(self.compared) > 1)

    def _on_remove(self) -> None:
        if self.current is not None:
            self.folder_removed.emit(self.current)

    def _ask_for_folder(self) -> None:
        dialog = QFileDialog(self, "Add run folder")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.folder_added.emit(Path(name)))
        dialog.open()
