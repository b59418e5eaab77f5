"""What one patch says, next to the cursor's read-out at the bottom right of the canvas."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

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

    def show_rows(self, rows: list[tuple[str, str]]) -> None:
        quiet = colour("card_quiet").name()
        body = "".join(
            f"<tr><td style='color:{quiet};padding-right:10px'>{name}</td>"
            f"<td align='right'>{value}</td></tr>"
            for name, value in rows
        )
        self.setText(f"<table cellspacing='0'>{body}</table>")
        self.adjustSize()
        self.show()
