"""What an empty window says: how to begin."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget


class Welcome(QWidget):
    """Signals:
    slide_wanted(): the open button.
    recent_chosen(str): a recent file.
    """

    slide_wanted = Signal()
    recent_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.setSpacing(10)
        title = QLabel("Look inside a biomarker model")
        title.setObjectName("title")
        hint = QLabel(
            "Drop a slide, a cohort table or a model here, or open a slide.\n"
            "Research use only, not a medical device."
        )
        hint.setObjectName("quiet")
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        button = QPushButton("Open slide…")
        button.clicked.connect(self.slide_wanted)
        self._recent = QLabel()
        self._recent.setTextFormat(Qt.TextFormat.RichText)
        self._recent.setTextInteractionFlags(Qt.TextInteractionFlag.LinksAccessibleByMouse)
        self._recent.linkActivated.connect(self.recent_chosen)
        for widget in (title, hint, button, self._recent):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)

    def show_recent(self, paths: list[str]) -> None:
        if not paths:
            self._recent.setText("")
            return
        rows = "".join(
            f'<p><a style="color:#7db7f0" href="{_escaped(path)}">{_escaped(Path(path).name)}</a></p>'
            for path in paths[:6]
        )
        self._recent.setText(f"<center>Recent{rows}</center>")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
