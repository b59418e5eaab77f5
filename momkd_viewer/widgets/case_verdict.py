"""The verdict on the open case: one line, which unfolds to judge."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from momkd_viewer.state.components import VerdictMark
from momkd_viewer.widgets.component_card import VerdictChip
from momkd_viewer.widgets.verdict_panel import VerdictPanel

_HEIGHT = 156


class CaseVerdict(QWidget):
    """Attributes:
    panel: where the case is judged, while it is unfolded.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fold = QToolButton()
        self._fold.setText("Judge this case")
        self._fold.setCheckable(True)
        self._fold.setArrowType(Qt.ArrowType.RightArrow)
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.setToolTip("Your verdict on the case as a whole")
        self._fold.toggled.connect(self._unfold)
        self._chip = VerdictChip()
        self.panel = VerdictPanel("case")
        self.panel.setFixedHeight(_HEIGHT)
        self.panel.show_here(False, possible=False)
        self.panel.hide()
        row = QHBoxLayout()
        row.setContentsMargins(6, 0, 8, 0)
        row.addWidget(self._fold)
        row.addStretch()
        row.addWidget(self._chip)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self.panel)
        self._chip.show_verdict(None)
        self.hide()

    def show_mark(self, mark: VerdictMark | None) -> None:
        """What is said of the case, in a few words."""
        self._chip.show_verdict(mark)

    def _unfold(self, unfolded: bool) -> None:
        self._fold.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)
        self.panel.finish_note()
        self.panel.setVisible(unfolded)
