"""What muting changes: the open slide, the cohort's numbers, and the cases that flip."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.muting_change import ChangeFact, ChangeView, Flip
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.elided_label import ElidedLabel
from momkd_viewer.widgets.table_columns import ROW_HEIGHT, list_rows

_COLUMNS = (
    ("Case", "A case of which the other class is predicted; click to open it"),
    ("Label", "As the cohort records it"),
    ("Prediction", "With all components → without the muted ones"),
    ("Probability", "With all components → without the muted ones"),
    ("Became", "Whether the prediction agrees with the label now"),
)
_MOST_ROWS = 4


class FlipTable(QTableWidget):
    """Cases that flip; a click or Enter opens one.

    Signals:
        case_chosen(str): its id in the cohort.
    """

    case_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self._flips: tuple[Flip, ...] = ()
        self.setAccessibleName("Cases that flip")
        list_rows(self, _COLUMNS)
        self.cellClicked.connect(lambda row, _: self._choose(row))

    def show_flips(self, flips: tuple[Flip, ...]) -> None:
        """Shows other cases; where they are the same, nothing moves."""
        if flips == self._flips:
            return
        self._flips = flips
        self.setRowCount(len(flips))
        for row, flip in enumerate(flips):
            texts = (flip.shown, flip.label, flip.predicted, flip.probability, flip.became)
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if text == "wrong":
                    item.setForeground(colour("failure"))
                self.setItem(row, column, item)

    def sizeHint(self) -> QSize:
        """A few rows: with more, the table scrolls and not the panel around it."""
        shown = min(self.rowCount(), _MOST_ROWS)
        height = self.horizontalHeader().sizeHint().height() + shown * ROW_HEIGHT
        return QSize(super().sizeHint().width(), height + 2 * self.frameWidth())

    def _choose(self, row: int) -> None:
        self.case_chosen.emit(self._flips[row].case_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentRow() >= 0:
            self._choose(self.currentRow())
        else:
            super().keyPressEvent(event)


class ChangePanel(QWidget):
    """Signals:
    case_chosen(str): a case that flips is to be opened.
    save_wanted(): the model is to be saved without what is muted.
    score_wanted(): the cohort is to be scored (again).
    """

    case_chosen = Signal(str)
    save_wanted = Signal()
    score_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("What muting changes")
        self._muted = ElidedLabel()
        self.save = QPushButton("Save as curated model…")
        self.save.setToolTip("A copy of the model file that leaves the muted components out")
        self.score = QPushButton("Score the cohort")
        self.score.setToolTip("Predict every case with all components and without the muted ones")
        self._message, self._notes = _text("quiet"), _text("caution")
        self._facts: list[QLabel] = []
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self.flips = FlipTable()
        self.save.clicked.connect(self.save_wanted)
        self.score.clicked.connect(self.score_wanted)
        self.flips.case_chosen.connect(self.case_chosen)
        self._build()

    def _build(self) -> None:
        header = QHBoxLayout()
        header.addWidget(self._muted, 1)
        header.addWidget(self.score)
        header.addWidget(self.save)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(10, 6, 10, 6)
        column.setSpacing(6)
        column.addLayout(header)
        column.addLayout(self._grid)
        column.addWidget(self._message)
        column.addWidget(self.flips, 1)
        column.addWidget(self._notes)
        column.addStretch(0)
        area = QScrollArea()
        area.setAccessibleName("What muting changes")
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)

    def show_change(self, view: ChangeView) -> None:
        """Shows what holds now."""
        self._muted.setText(view.muted)
        self.save.setEnabled(view.can_save)
        self.score.setVisible(view.can_score)
        self._show_facts(view.facts)
        self._message.setText(view.message)
        self._message.setObjectName("failure" if view.failed else "quiet")
        self._message.style().polish(self._message)
        self._message.setVisible(bool(view.message))
        self._notes.setText("\n".join(view.notes))
        self._notes.setVisible(bool(view.notes))
        self.flips.show_flips(view.flips or ())
        self.flips.updateGeometry()
        self.flips.setVisible(bool(view.flips))

    def _show_facts(self, facts: tuple[ChangeFact, ...]) -> None:
        """Lines are kept and filled anew: a screen reader stays where it is."""
        while len(self._facts) < 2 * len(facts):
            is_name = len(self._facts) % 2 == 0
            label = _text("quiet" if is_name else "", wraps=not is_name)
            self._grid.addWidget(label, *divmod(len(self._facts), 2))
            self._facts.append(label)
        texts = [part for fact in facts for part in (fact.name, fact.value)]
        for position, label in enumerate(self._facts):
            shown = position < len(texts)
            label.setVisible(shown)
            label.setText(texts[position] if shown else "")
            label.setToolTip(facts[position // 2].tip if shown else "")


def _text(style: str, *, wraps: bool = True) -> QLabel:
    label = QLabel()
    label.setObjectName(style)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wraps)
    label.setAlignment(Qt.AlignmentFlag.AlignTop)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
