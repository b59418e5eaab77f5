"""The strip below the table of a workspace: what is known of the chosen case."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from momkd_viewer.state.workspace_detail import CaseDetail
from momkd_viewer.widgets.colours import colour

_NOTHING = "Choose a case to see its slides and the reasons of its flags. Enter opens it."


class WorkspaceDetail(QScrollArea):
    """Signals:
    slide_wanted(int): a slide of the case is to be shown, by its position in it.
    """

    slide_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("The chosen case")
        self._title = QLabel()
        self._slides, self._said = _text(), _text()
        self._slides.linkActivated.connect(lambda link: self.slide_wanted.emit(int(link)))
        self._slides.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(10, 6, 10, 6)
        column.setSpacing(3)
        column.addWidget(self._title)
        row = QHBoxLayout()
        row.setSpacing(20)
        row.addWidget(self._slides, 1)
        row.addWidget(self._said, 1)
        column.addLayout(row)
        column.addStretch()
        self.setWidget(inner)
        self.show_nothing()

    @property
    def text(self) -> str:
        """All that is told, for tests and screen readers."""
        return "\n".join(label.text() for label in (self._title, self._slides, self._said))

    def show_nothing(self) -> None:
        """No case is chosen."""
        self._title.setText(_NOTHING)
        self._title.setObjectName("quiet")
        self._slides.setText("")
        self._said.setText("")

    def show_case(self, name: str, slides: list[str], detail: CaseDetail) -> None:
        """Shows a case by the names that are to be shown; reasons as they are to be read."""
        reviewed = f" · reviewed {detail.reviewed}" if detail.reviewed else ""
        self._title.setText(f"{name}{reviewed}")
        quiet = colour("quiet").name()
        link = colour("accent").name()
        self._slides.setText(
            "".join(
                f"<p style='margin:0 0 3px 0'><a style='color:{link}' href='{at}'>{escape(slide)}"
                f"</a><br><span style='color:{quiet}'>{escape(told)}</span></p>"
                for at, (slide, told) in enumerate(zip(slides, detail.slides, strict=True))
            )
        )
        self._said.setText(
            "".join(
                f"<p style='margin:0 0 3px 0'>{escape(f'{one.task}: ' if one.task else '')}"
                f"<b>{escape(one.what)}</b> <span style='color:{quiet}'>{escape(one.why)}</span></p>"
                for one in detail.said
            )
            or f"<span style='color:{quiet}'>No flags</span>"
        )


def _text() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setWordWrap(True)
    label.setAlignment(Qt.AlignmentFlag.AlignTop)
    return label
