"""A key that does something for as long as it is held: an action tells of its press only."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QWidget


class HeldKey(QObject):
    """Watches a window for the release of an action's key, whichever that is.

    Signals:
        released(): the key was let go, or the window is no longer the active one.
    """

    released = Signal()

    def __init__(self, window: QWidget, action: QAction) -> None:
        super().__init__(window)
        self._action = action
        action.setAutoRepeat(False)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.WindowDeactivate:
            self.released.emit()
        elif kind == QEvent.Type.KeyRelease and isinstance(event, QKeyEvent):
            keys = {
                shortcut[0].key()  # type: ignore[index]  # it can, though not in its stub
                for shortcut in self._action.shortcuts()
                if shortcut.count()
            }
            if event.key() in keys and not event.isAutoRepeat():
                self.released.emit()
        return False
