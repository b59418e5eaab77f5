"""A path that is typed, or chosen in a dialog."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget


class PathField(QWidget):
    """Args:
        title: of the dialog.
        pattern: what files it lists.
        folder: whether a folder is wanted.

    Signals:
        changed(): by the user or by :meth:`set_path`.
    """

    changed = Signal()

    def __init__(
        self,
        title: str,
        pattern: str = "",
        parent: QWidget | None = None,
        *,
        folder: bool = False,
    ) -> None:
        super().__init__(parent)
        self._title, self._pattern, self._folder = title, pattern, folder
        self._text = QLineEdit()
        self._before = ""
        self._text.editingFinished.connect(self._on_edited)
        browse = QPushButton("Browse…")
        browse.setAutoDefault(False)
        browse.setToolTip(title)
        browse.clicked.connect(self._ask)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._text, 1)
        row.addWidget(browse)
        self.setFocusProxy(self._text)

    @property
    def path(self) -> Path:
        """Absolute; ``Path()`` where nothing is chosen."""
        text = self._text.text().strip()
        return Path(text).expanduser().absolute() if text else Path()

    def set_path(self, path: Path) -> None:
        self._text.setText(str(path))
        self._on_edited()

    def setAccessibleName(self, name: str) -> None:
        super().setAccessibleName(name)
        self._text.setAccessibleName(name)

    def setPlaceholderText(self, text: str) -> None:
        self._text.setPlaceholderText(text)

    def _on_edited(self) -> None:
        if self._text.text() != self._before:
            self._before = self._text.text()
            self.changed.emit()

    def _ask(self) -> None:
        start = str(self.path.parent if self._text.text() else Path.home())
        dialog = QFileDialog(self, self._title, start, self._pattern)
        if self._folder:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.set_path(Path(name)))
        dialog.open()
