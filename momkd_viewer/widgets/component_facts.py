"""Tables of one component: genes that go with it, and the components nearest to it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.blinding import HIDDEN, blinded
from momkd_viewer.state.component_portrait import Neighbour, TrainingProfile
from momkd_viewer.widgets.table_columns import name_columns

_GENES = (
    ("Gene", "Its expression goes with the component's share of a case"),
    ("ρ", "Spearman's rank correlation over training cases"),
    ("q", "False discovery rate over all components and genes of this model"),
    ("n", "Training cases"),
)
_NEAR = (
    ("Component", "Click to go to it"),
    ("cosine", "Cosine of both components' vectors: 1 is the same direction"),
)


class _Table(QTableWidget):
    """A small table of text; Enter activates a row as a click does."""

    row_chosen = Signal(int)

    def __init__(self, name: str, columns: tuple[tuple[str, str], ...]) -> None:
        super().__init__(0, len(columns))
        self.setAccessibleName(name)
        name_columns(self, columns)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setMinimumSectionSize(30)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        self.setShowGrid(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.cellClicked.connect(lambda row, _: self.row_chosen.emit(row))

    def show_rows(self, rows: list[tuple[str, ...]]) -> None:
        self.setRowCount(len(rows))
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column:
                    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    item.setTextAlignment(right)
                self.setItem(row, column, item)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentRow() >= 0:
            self.row_chosen.emit(self.currentRow())
        else:
            super().keyPressEvent(event)


class GeneTable(QWidget):
    """Genes associated with a component, or why there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._message = QLabel()
        self._message.setObjectName("hint")
        self._message.setWordWrap(True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._table = _Table("Genes associated with the component", _GENES)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._message)
        layout.addWidget(self._table)

    @property
    def text(self) -> str:
        """What is said in place of genes; '' where there are some."""
        return "" if self._message.isHidden() else self._message.text()

    def show_profile(self, profile: TrainingProfile) -> None:
        genes = () if blinded() else profile.genes
        self._table.show_rows([(g.name, f"{g.rho:+.2f}", f"{g.q:.2g}", str(g.n)) for g in genes])
        self._message.setText(_why_none(profile))
        self._message.setVisible(not genes)
        self._table.setVisible(bool(genes))


def _why_none(profile: TrainingProfile) -> str:
    if blinded():
        return HIDDEN
    if profile.cases is None:
        return (
            "This model file holds no gene associations; models trained with expression from now "
            "on do."
        )
    if not profile.expression:
        return "This model was trained without expression, so nothing is known of genes."
    return (
        f"No gene goes with this component's share over {profile.cases} training cases at a false "
        "discovery rate of 5 %."
    )


class NearestTable(_Table):
    """The components nearest to one.

    Signals:
        component_chosen(ComponentName): one is to be looked at.
    """

    component_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__("Nearest components", _NEAR)
        self._neighbours: tuple[Neighbour, ...] = ()
        self.row_chosen.connect(
            lambda row: self.component_chosen.emit(self._neighbours[row].component)
        )

    def show_neighbours(self, neighbours: tuple[Neighbour, ...]) -> None:
        self._neighbours = neighbours
        self.show_rows([(one.component.text, f"{one.cosine:+.3f}") for one in neighbours])
