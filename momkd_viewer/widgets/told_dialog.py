"""What is to be told of a case that leaves the program: what a bundle and a report ask alike."""

from __future__ import annotations

from collections.abc import Sequence

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

#: Why names cannot be asked for.
MASKED = "Not while names are masked (View, Mask names)"

_MOST_PATCHES = 36
_USUAL_PATCHES = 9
_WIDTH = 480
_NAMES = (
    "Unless asked for, it names nobody: Case 1, Slide 1, Reviewer 1. Notes are searched for the names "
    "that are known here, and for no other."
)


class ToldDialog(QDialog):
    """Attributes: verdicts, identities, top: boxes that every such dialog has.

    Signals:
        confirmed(): a file is to be chosen.
    """

    confirmed = Signal()

    def __init__(
        self, title: str, *, masked: bool, has_components: bool, parent: QWidget | None = None
    ) -> None:
        """``masked``: names are masked, so that nothing that tells them can be asked for."""
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(_WIDTH)
        self.verdicts = QCheckBox("Verdicts on the model and on this case")
        self.verdicts.setChecked(True)
        self.identities = QCheckBox("Names of case, patient, slide, and reviewers")
        offer(self.identities, not masked, MASKED)
        self.top = QSpinBox()
        self.top.setRange(1, _MOST_PATCHES)
        self.top.setValue(_USUAL_PATCHES)
        self.top.setEnabled(has_components)
        self.top.setAccessibleName("Patches of each component")
        self.accepted.connect(self.confirmed)

    def lay_out(self, boxes: Sequence[QCheckBox], about: str) -> None:
        """Places the boxes, then what is said of the file and of names in it."""
        note = QLabel(f"{about} {_NAMES}")
        note.setObjectName("quiet")
        note.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.button(QDialogButtonBox.StandardButton.Save).setText("Choose a file…")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        for box in boxes:
            form.addRow(box)
        form.addRow("Patches of each component", self.top)
        form.addRow(note)
        form.addRow(buttons)


def offer(box: QCheckBox, possible: bool, why: str) -> None:
    """Lets a box be ticked, or says why not."""
    box.setEnabled(possible)
    box.setToolTip("" if possible else why)
