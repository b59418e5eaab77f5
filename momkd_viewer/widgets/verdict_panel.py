"""What a reviewer says of a component or a case, and what others say."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.review import Answer, VerdictView
from momkd_viewer.widgets.elided_label import ElidedLabel
from momkd_viewer.widgets.verdict_history import VerdictHistory

_OPEN = "Nothing named"
_CREDIBLE = (
    ("yes", "Yes", "The model may rely on it (Y)"),
    ("no", "No", "The model should not rely on it (N)"),
    ("unsure", "Unsure", "It cannot be said (U)"),
)
_NOTE_LINES = 2
_CAPTION_FROM = 230


class _Note(QPlainTextEdit):
    """Free text that is done with when the focus goes, or with Ctrl+Enter.

    Signals:
        finished()
    """

    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Note")
        self.setPlaceholderText("Note (Ctrl+Enter saves it)")
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        margins = 2 * round(self.document().documentMargin()) + 10
        return QSize(120, _NOTE_LINES * self.fontMetrics().lineSpacing() + margins)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.finished.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.finished.emit()
        else:
            super().keyPressEvent(event)


class VerdictPanel(QWidget):
    """Signals:
    given(Answer): the whole answer, after one part of it was changed.
    undo_wanted(): the last change is to be taken back.
    here_chosen(bool): the component is to be judged in this case alone, or as such.
    """

    given = Signal(object)
    undo_wanted = Signal()
    here_chosen = Signal(bool)

    def __init__(self, what: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(f"Verdict on the {what}")
        self._view = VerdictView()
        self._about: object = None
        self._terms: tuple[str, ...] = ()
        self.term = QComboBox()
        self.term.setEditable(True)
        self.term.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.term.setAccessibleName("Tissue")
        self.term.setToolTip(
            "What it shows; a word that is not listed is added for all (keys 1 to 0)"
        )
        self.term.setMinimumContentsLength(8)
        self.term.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._caption = QLabel("Credible?")
        self._caption.setObjectName("quiet")
        self._group = QButtonGroup(self)
        self._group.setExclusive(False)  # a second click takes an answer back
        self.credible: dict[str, QToolButton] = {}
        for key, title, tip in _CREDIBLE:
            self.credible[key] = self._made_button(key, title, tip)
        self.here = QCheckBox("This case only")
        self.here.setToolTip("Judge the component in the open case, not as such")
        self.note = _Note()
        self._signed = ElidedLabel()
        self._signed.setObjectName("quiet")
        self._history = QToolButton()
        self._history.setText("History…")
        self._history.setObjectName("filter")
        self._history.setToolTip("Every change, and undo")
        self._others, self._agreement = QLabel(), QLabel()
        for label in (self._others, self._agreement):
            label.setObjectName("quiet")
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.popover = VerdictHistory(self)
        self._build()
        self._connect()
        self.show_view(self._view, ())

    def _made_button(self, key: str, title: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(title)
        button.setCheckable(True)
        button.setObjectName("segment")
        button.setProperty("credible", key)
        button.setToolTip(tip)
        button.setAccessibleName(f"Credible: {title.lower()}")
        self._group.addButton(button)
        return button

    def _build(self) -> None:
        asked, buttons, last = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        buttons.setSpacing(0)
        for button in self.credible.values():
            buttons.addWidget(button)
        asked.addWidget(self._caption)
        asked.addLayout(buttons)
        asked.addStretch()
        last.addWidget(self._signed, 1)
        last.addWidget(self._history)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        column.addWidget(self.term)
        column.addLayout(asked)
        column.addWidget(self.here)
        column.addWidget(self.note, 1)
        column.addLayout(last)
        column.addWidget(self._agreement)
        column.addWidget(self._others)
        area = QScrollArea()
        area.setWidget(content)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)

    def _connect(self) -> None:
        self.term.activated.connect(lambda _: self._give_term())
        line = self.term.lineEdit()
        assert line is not None
        line.setPlaceholderText("Tissue: choose or type")
        line.editingFinished.connect(self._give_term)
        for key, button in self.credible.items():
            button.clicked.connect(lambda on, k=key: self._give(credible=k if on else None))
        self.note.finished.connect(self.finish_note)
        self.here.clicked.connect(self._choose_here)
        self._history.clicked.connect(lambda: self.popover.open_at(self._history))
        self.popover.undo_wanted.connect(self.undo_wanted)
        self.term.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The wheel over a closed list would change a verdict that nobody meant to change.
        return event.type() == QEvent.Type.Wheel

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # Of two panes beside each other each is narrow: the buttons must not be cut off.
        self._caption.setVisible(self.width() >= _CAPTION_FROM)

    # -- answering -------------------------------------------------------------------------------

    def answer_credible(self, key: str) -> None:
        """As a click on a button: the same answer again takes it back."""
        self.credible[key].click()

    def answer_term(self, row: int) -> None:
        """Chooses a term by its place in the list; the same one again takes it back."""
        if row < len(self._terms):
            term = self._terms[row]
            self._give(term=None if term == self._view.answer.term else term)

    @property
    def unfinished(self) -> Answer | None:
        """The answer with a note that was not given yet; None where there is none."""
        note = self.note.toPlainText().strip()
        now = self._view.answer
        return None if note == now.note.strip() else replace(now, note=note)

    def finish_note(self) -> None:
        """The note is written: gives it, where it is another one."""
        answer = self.unfinished
        if answer is not None:
            self.given.emit(answer)

    def _give_term(self) -> None:
        text = " ".join(self.term.currentText().split())
        term = None if text in ("", _OPEN) else text
        if term != self._view.answer.term:
            self._give(term=term)

    def _choose_here(self, here: bool) -> None:
        self.finish_note()  # it was on what was judged before
        self.here_chosen.emit(here)

    def _give(self, **change: str | None) -> None:
        now = self._view.answer
        parts = {
            "term": now.term,
            "credible": now.credible,
            "note": self.note.toPlainText().strip(),
        }
        answer = Answer(**{**parts, **change})  # type: ignore[arg-type]
        if answer != now:
            self.given.emit(answer)

    # -- showing ---------------------------------------------------------------------------------

    def show_view(self, view: VerdictView, terms: tuple[str, ...], about: object = None) -> None:
        """Shows what holds; a note that was not given yet is left alone.

        Args:
            about: what is judged, to tell it from what was before.
        """
        keep = about == self._about and self.unfinished is not None
        if about != self._about:
            self._forget_typing()
        self._view, self._about = view, about
        self._show_terms(terms)
        for key, button in self.credible.items():
            button.setChecked(view.answer.credible == key)
        if not keep and self.note.toPlainText() != view.answer.note:
            self.note.setPlainText(view.answer.note)
        self._signed.setText(view.signed or "Not judged by you")
        self._others.setText("\n".join(view.others))
        self._others.setVisible(bool(view.others))
        self._agreement.setText(view.agreement)
        self._agreement.setVisible(bool(view.agreement))
        self._history.setEnabled(bool(view.history))
        self.popover.show_history(view.history, can_undo=view.can_undo)

    def _forget_typing(self) -> None:
        line = self.term.lineEdit()
        assert line is not None
        line.setModified(False)

    def _show_terms(self, terms: tuple[str, ...]) -> None:
        line, term = self.term.lineEdit(), self._view.answer.term
        assert line is not None
        known = terms if term is None or term in terms else (*terms, term)
        if known != self._terms:
            typed = line.text()
            self._terms = known
            self.term.clear()
            self.term.addItems([_OPEN, *known])
            line.setText(typed)
        if not line.isModified():
            self.term.setCurrentIndex(0 if term is None else known.index(term) + 1)
            if term is None:
                line.clear()  # its placeholder asks

    def show_here(self, here: bool, *, possible: bool) -> None:
        """Whether the component is judged in this case alone, and whether it can be."""
        self.here.setVisible(possible)
        self.here.setChecked(here)
