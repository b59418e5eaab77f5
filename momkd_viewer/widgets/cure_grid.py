"""Cures side by side: a column each, with its switch and limit on top and what came out below."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.cure_table import KINDS, CureColumn, CureKind

_FACTS = 4  # of every column
_FIRST_FACT = 3
_WORDS = _FIRST_FACT + _FACTS


class CureHead(QWidget):
    """Whether a cure is tried, and with which limit."""

    def __init__(self, kind: CureKind) -> None:
        super().__init__()
        self.tried = QCheckBox(kind.title)
        self.tried.setChecked(True)
        font = self.tried.font()
        font.setBold(True)
        self.tried.setFont(font)
        self.limit = QDoubleSpinBox()
        self.limit.setDecimals(0)
        self.limit.setRange(1, 100)
        self.limit.setSingleStep(5)
        self.limit.setSuffix(" %")
        self.limit.setValue(100 * kind.limit)
        self.limit.setAccessibleName(f"{kind.title}: {kind.asks}, per cent")
        self.tried.toggled.connect(self.limit.setEnabled)
        asks = _text("quiet", f"{kind.asks[0].upper()}{kind.asks[1:]}")
        asks.setAlignment(Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout()
        row.addWidget(asks, 1)
        row.addWidget(self.limit)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.addWidget(self.tried)
        column.addLayout(row)


class CureWords(QWidget):
    """What to make of a cure: what stands out in a frame with a sign, notes below.

    Signals:
        mute_wanted(): what it mutes is to be muted in the window.
    """

    mute_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.hides = _text("hides", "")
        self.notes = _text("quiet", "")
        self.mute = QPushButton("Mute these in the window")
        self.mute.setToolTip("Leave these components out: overlay, results and cohort follow")
        self.mute.clicked.connect(self.mute_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        for widget in (self.hides, self.notes):
            column.addWidget(widget)
        column.addWidget(self.mute, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch()
        self.show_column(CureColumn())

    def show_column(self, column: CureColumn) -> None:
        _fill(self.hides, "\n".join(f"⚠ {reason}" for reason in column.hides))
        _fill(self.notes, "\n".join(column.notes))
        self.mute.setVisible(column.can_mute)


class CureGrid(QFrame):
    """Signals:
    mute_wanted(): what the muting cure mutes is to be muted in the window.
    """

    mute_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heads = {kind.name: CureHead(kind) for kind in KINDS}
        self.words = {kind.name: CureWords() for kind in KINDS}
        self._names = [_text("quiet", "", wraps=False) for _ in range(_FACTS)]
        self._does: dict[str, QLabel] = {}
        self._refused: dict[str, QLabel] = {}
        self._values: dict[str, list[QLabel]] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(5)
        for row, name in enumerate(self._names, start=_FIRST_FACT):
            grid.addWidget(name, row, 0)
        for at, kind in enumerate(KINDS, start=1):
            grid.setColumnStretch(at, 1)
            self._does[kind.name] = _text("quiet", "")
            self._refused[kind.name] = _text("failure", "")
            self._values[kind.name] = [_text("", "") for _ in range(_FACTS)]
            grid.addWidget(self.heads[kind.name], 0, at)
            grid.addWidget(self._does[kind.name], 1, at)
            grid.addWidget(self._refused[kind.name], 2, at)
            for row, value in enumerate(self._values[kind.name], start=_FIRST_FACT):
                grid.addWidget(value, row, at)
            grid.addWidget(self.words[kind.name], _WORDS, at)
            self.words[kind.name].mute_wanted.connect(self.mute_wanted)
        grid.setRowStretch(_WORDS, 1)
        self.show_columns({})

    @property
    def limits(self) -> dict[str, float]:
        """Tissue fractions of the cures that are to be tried, by name."""
        chosen = {name: head for name, head in self.heads.items() if head.tried.isChecked()}
        return {name: head.limit.value() / 100 for name, head in chosen.items()}

    def show_columns(self, columns: Mapping[str, CureColumn]) -> None:
        """Shows what came out; labels are kept and filled anew: a screen reader stays where it is."""
        names = next(([f.name for f in c.facts] for c in columns.values() if c.facts), [])
        for at, label in enumerate(self._names):
            _fill(label, names[at] if at < len(names) else "")
        for kind in KINDS:
            column = columns.get(kind.name, CureColumn())
            _fill(self._does[kind.name], column.does)
            _fill(self._refused[kind.name], f"⊘ {column.refused}" if column.refused else "")
            for at, label in enumerate(self._values[kind.name]):
                fact = column.facts[at] if at < len(column.facts) else None
                _fill(label, fact.value if fact else "")
                label.setToolTip(fact.tip if fact else "")
                label.setAccessibleName(f"{kind.title}, {fact.name}: {fact.value}" if fact else "")
            self.words[kind.name].show_column(column)


def _fill(label: QLabel, text: str) -> None:
    label.setText(text)
    label.setVisible(bool(text))


def _text(style: str, text: str, *, wraps: bool = True) -> QLabel:
    label = QLabel(text)
    label.setObjectName(style)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wraps)
    label.setAlignment(Qt.AlignmentFlag.AlignTop)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if wraps:  # columns are of one width, whatever they say
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label
