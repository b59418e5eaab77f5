"""Letters and digits that judge, while something of a component's pane has the focus."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit, QSpinBox, QWidget

_CREDIBLE = {Qt.Key.Key_Y: "yes", Qt.Key.Key_N: "no", Qt.Key.Key_U: "unsure"}
_DIGITS = {Qt.Key(Qt.Key.Key_0.value + digit): (digit - 1) % 10 for digit in range(10)}
_TYPES = (QLineEdit, QPlainTextEdit, QSpinBox, QComboBox)


class VerdictKeys(QObject):
    """Takes keys before lists search with them and before the window's own shortcuts.

    Signals:
        credible_given(str): yes, no or unsure.
        term_given(int): the term's place in the list.
    """

    credible_given = Signal(str)
    term_given = Signal(int)

    def __init__(self, pane: QWidget) -> None:
        super().__init__(pane)
        for widget in (pane, *pane.findChildren(QWidget)):
            if not isinstance(widget, _TYPES) and not isinstance(widget.parent(), _TYPES):
                widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() not in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            return False
        assert isinstance(event, QKeyEvent)
        key = Qt.Key(event.key())
        plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if plain or not (key in _CREDIBLE or key in _DIGITS):
            return False
        if _typing(watched):
            return False
        if event.type() == QEvent.Type.KeyPress and not event.isAutoRepeat():
            if key in _CREDIBLE:
                self.credible_given.emit(_CREDIBLE[key])
            else:
                self.term_given.emit(_DIGITS[key])
        event.accept()
        return True


def _typing(watched: QObject) -> bool:
    """Whether the key comes up from a field where text is typed."""
    focused = watched.focusWidget() if isinstance(watched, QWidget) else None
    return isinstance(focused, _TYPES)
