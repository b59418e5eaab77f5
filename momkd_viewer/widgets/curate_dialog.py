"""Who saves a model without some components, and why."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

_WIDTH = 460


class CurateDialog(QDialog):
    """Signals:
    confirmed(str, str, bool): who, why, whether the saved model is to be opened.
    """

    confirmed = Signal(str, str, bool)

    def __init__(self, model: str, muted: str, who: str, parent: QWidget | None = None) -> None:
        """``muted`` names the components that are left out; '' where they are taken back in."""
        super().__init__(parent)
        self.setWindowTitle("Save as curated model")
        self.setMinimumWidth(_WIDTH)
        self.who = QLineEdit(who)
        self.who.setAccessibleName("Who leaves them out")
        self.why = QPlainTextEdit()
        self.why.setAccessibleName("Why")
        self.why.setTabChangesFocus(True)
        self.why.setMaximumHeight(84)
        self.opens = QCheckBox("Open it afterwards")
        self.opens.setChecked(True)
        note = QLabel(
            "Who and why are kept in the file, with the time and the hash of the model it is made "
            "from. Weights, threshold and metrics stay as they are; nothing is retrained."
        )
        note.setObjectName("quiet")
        note.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        self.save = buttons.button(QDialogButtonBox.StandardButton.Save)
        self.save.setText("Choose a file…")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow("Model", QLabel(model))
        form.addRow("Left out", QLabel(muted or "nothing: all components are taken back in"))
        form.addRow("Who", self.who)
        form.addRow("Why", self.why)
        form.addRow("", self.opens)
        form.addRow(note)
        form.addRow(buttons)
        self.who.textChanged.connect(self._check)
        self.why.textChanged.connect(self._check)
        self._check()
        (self.why if who else self.who).setFocus()
        self.accepted.connect(
            lambda: self.confirmed.emit(
                self.who.text().strip(), self.why.toPlainText().strip(), self.opens.isChecked()
            )
        )

    def _check(self) -> None:
        """Both have to be said."""
        stated = bool(self.who.text().strip()) and bool(self.why.toPlainText().strip())
        self.save.setEnabled(stated)
