"""Cures of attention on glass, tried and compared side by side."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.cure_rows import CureRow
from momkd_viewer.state.cure_table import CuresOffer, CuresView
from momkd_viewer.widgets.cure_grid import CureGrid
from momkd_viewer.widgets.cure_list import CureList
from momkd_viewer.widgets.progress_strip import ProgressStrip

_SIZE = (1060, 700)
_NO_COHORT = "No cohort is open (File, Open cohort…)"
_NO_CASE = "No slide is open"


class CuresWindow(QDialog):
    """Stays open beside the main window; closing it stops nothing.

    Attributes:
        grid: limits and results, a column a cure.
        cases: the cases of a cohort.

    Signals:
        wanted(): cures are to be tried.
        case_chosen(str): a case is to be opened in the main window.
        mute_wanted(): what the muting cure mutes is to be muted there.
    """

    wanted = Signal()
    case_chosen = Signal(str)
    mute_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.setWindowTitle("Try cures")
        self.resize(*_SIZE)
        self.model = QComboBox()
        self.model.setAccessibleName("Model")
        self.whole, self.case = QRadioButton(), QRadioButton()
        self.start = QPushButton("Try cures")
        self.start.setDefault(True)
        self.strip = ProgressStrip()
        self.grid = CureGrid()
        self.cases = CureList()
        self.flips_only = QCheckBox("Only cases that flip")
        self.flips_only.setChecked(True)
        self._heading, self._message = _text("", bold=True), _text("quiet")
        self._notes = _text("caution")
        self.start.clicked.connect(self.wanted)
        self.flips_only.toggled.connect(self.cases.show_flips_only)
        self.cases.case_chosen.connect(self.case_chosen)
        self.grid.mute_wanted.connect(self.mute_wanted)
        self._build()
        self.show_view(CuresView())

    def _build(self) -> None:
        self._choice = QWidget()
        choice = QHBoxLayout(self._choice)
        choice.setContentsMargins(0, 0, 0, 0)
        choice.addWidget(QLabel("Model"))
        choice.addWidget(self.model)
        choice.addSpacing(12)
        choice.addWidget(self.whole)
        choice.addWidget(self.case)
        choice.addStretch()
        choice.addWidget(self.start)
        above = QWidget()
        inside = QVBoxLayout(above)
        inside.setContentsMargins(0, 6, 8, 0)
        inside.addWidget(self._heading)
        inside.addWidget(self.grid)
        inside.addWidget(self._notes)
        inside.addStretch()
        area = QScrollArea()
        area.setAccessibleName("Cures side by side")
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(above)
        self._below = QWidget()
        column = QVBoxLayout(self._below)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.flips_only)
        column.addWidget(self.cases, 1)
        self._results = QSplitter(Qt.Orientation.Vertical)
        self._results.setChildrenCollapsible(False)
        self._results.addWidget(area)
        self._results.addWidget(self._below)
        self._results.setStretchFactor(0, 3)
        self._results.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        layout.addWidget(self._choice)
        layout.addWidget(self._message)
        layout.addWidget(self._results, 1)
        progress = QHBoxLayout()
        progress.addWidget(self.strip)
        progress.addStretch()
        layout.addLayout(progress)

    def show_offer(self, offer: CuresOffer, *, running: bool) -> None:
        """Shows on what cures can be tried; what was chosen stays where it still can be."""
        if [self.model.itemText(i) for i in range(self.model.count())] != list(offer.models):
            self.model.clear()
            self.model.addItems(list(offer.models))
            self.model.setCurrentIndex(offer.chosen)
        for button, text, other, missing in (
            (self.whole, offer.cohort, "The whole cohort", _NO_COHORT),
            (self.case, offer.case, "This case", _NO_CASE),
        ):
            button.setText(text or other)
            button.setEnabled(bool(text))
            button.setToolTip("" if text else missing)
        chosen = self.whole if self.whole.isChecked() else self.case
        if not chosen.isEnabled() or not (self.whole.isChecked() or self.case.isChecked()):
            (self.whole if offer.cohort else self.case).setChecked(True)
        can = bool(offer.models) and bool(offer.cohort or offer.case)
        self.start.setEnabled(can and not running)

    def show_view(self, view: CuresView) -> None:
        """Shows what came out, but for the cases."""
        self._heading.setText(view.heading)
        self._heading.setVisible(bool(view.heading))
        self.grid.show_columns(view.columns)
        self._notes.setText("\n".join(view.notes))
        self._notes.setVisible(bool(view.notes))
        self._message.setText(view.message)
        self._message.setObjectName("failure" if view.failed else "quiet")
        self._message.style().polish(self._message)
        self._message.setVisible(bool(view.message))

    def show_cases(self, rows: list[CureRow], *, several: bool) -> None:
        """Shows the cases of a cohort; of a single one, the columns say it all."""
        self.cases.show_rows(rows)
        self._below.setVisible(several)

    def hide_all(self, why: str) -> None:
        """Shows nothing but a reason."""
        self.show_view(CuresView(message=why))
        self.cases.show_rows([])
        self.show_contents(False)

    def show_contents(self, shown: bool) -> None:
        """Shows choice and results, or neither."""
        self._choice.setVisible(shown)
        self._results.setVisible(shown)


def _text(style: str, *, bold: bool = False) -> QLabel:
    label = QLabel()
    label.setObjectName(style)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if bold:
        font = label.font()
        font.setBold(True)
        label.setFont(font)
    return label
