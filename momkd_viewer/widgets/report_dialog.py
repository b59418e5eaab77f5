"""What goes into the report of a case."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QWidget,
)

_MOST_PATCHES = 36
_USUAL_PATCHES = 9
_WIDTH = 480
_MASKED = "Not while names are masked (View, Mask names)"


class ReportDialog(QDialog):
    """Signals:
    confirmed(): a file is to be chosen.
    """

    confirmed = Signal()

    def __init__(
        self, *, masked: bool, has_components: bool, muted: str, parent: QWidget | None = None
    ) -> None:
        """``muted``: names of the components that are left out, '' where none is.

        ``masked``: names are masked, so that nothing that tells them can be asked for.
        """
        super().__init__(parent)
        self.setWindowTitle("Save report as PDF")
        self.setMinimumWidth(_WIDTH)
        self.verdicts = QCheckBox("Verdicts on the model and on this case")
        self.verdicts.setChecked(True)
        self.identities = QCheckBox("Names of case, patient, slide, and reviewers")
        self.identities.setEnabled(not masked)
        self.identities.setToolTip(_MASKED if masked else "")
        self.top = QSpinBox()
        self.top.setRange(1, _MOST_PATCHES)
        self.top.setValue(_USUAL_PATCHES)
        self.top.setEnabled(has_components)
        self.top.setAccessibleName("Patches of each component")
        without = f" It leaves out what is muted now: {muted}." if muted else ""
        note = QLabel(
            "A4 pages for a meeting: the answer and how certain it is, affinity and attention over "
            f"the slide, caveats, components, the model's card.{without} Unless asked for, it names "
            "nobody: Case 1, Slide 1, Reviewer 1. Notes are searched for the names that are known "
            "here, and for no other."
        )
        note.setObjectName("quiet")
        note.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.button(QDialogButtonBox.StandardButton.Save).setText("Choose a file…")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow(self.verdicts)
        form.addRow(self.identities)
        form.addRow("Patches of each component", self.top)
        form.addRow(note)
        form.addRow(buttons)
        self.accepted.connect(self.confirmed)
