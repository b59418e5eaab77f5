"""What an empty window says: how to begin."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget


class Welcome(QWidget):
    """Signals:
    slide_wanted(), demo_wanted(): the buttons.
    recent_chosen(int): a recent file, by its position.
    """

    slide_wanted = Signal()
    demo_wanted = Signal()
    recent_chosen = Signal(int)

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
        self._news = QLabel()
        self._news.setObjectName("news")
        self._news.hide()
        button = QPushButton("Open slide…")
        button.clicked.connect(self.slide_wanted)
        demo = QPushButton("Open the demo")
        demo.setToolTip("Drawn slides with a model: no data needed")
        demo.clicked.connect(self.demo_wanted)
        self._recent = QLabel()
        self._recent.setTextFormat(Qt.TextFormat.RichText)
        self._recent.setTextInteractionFlags(Qt.TextInteractionFlag.LinksAccessibleByMouse)
        self._recent.linkActivated.connect(lambda link: self.recent_chosen.emit(int(link)))
        for widget in (title, self._news, hint, button, demo, self._recent):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)

    def say(self, text: str) -> None:
        """What is going on while there is no slide to show; '' takes it away."""
        self._news.setText(text)
        self._news.setVisible(bool(text))

    def show_recent(self, names: list[str]) -> None:
        """Offers recent files by the names that are to be shown; links tell no more than these."""
        if not names:
            self._recent.setText("")
            return
        rows = "".join(
            f'<p><a href="{position}">{_escaped(name)}</a></p>'
            for position, name in enumerate(names[:6])
        )
        self._recent.setText(f"<center>Recent{rows}</center>")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
