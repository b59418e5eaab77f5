"""What one patch says, next to the cursor's read-out at the bottom right of the canvas."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from momkd_viewer.state.patch_facts import Fact
from momkd_viewer.widgets.colours import colour


class HoverCard(QLabel):
    """A few lines of name and value."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("hoverCard")
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Patch values")
        self.hide()

    def show_facts(self, rows: list[Fact]) -> None:
        self.setText(f"<table cellspacing='0'>{''.join(_line(row) for row in rows)}</table>")
        self.adjustSize()
        self.show()


def _line(row: Fact) -> str:
    shade = colour("slide_mark" if row.shown else "card_quiet").name()
    weight = "font-weight:600" if row.shown else ""
    return (
        f"<tr><td style='color:{shade};padding-right:10px'>{escape(row.name)}</td>"
        f"<td align='right' style='{weight}'>{escape(row.value)}</td></tr>"
    )
