"""What goes into an evidence bundle."""

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


class EvidenceDialog(QDialog):
    """Signals:
    confirmed(): a file is to be chosen.
    """

    confirmed = Signal()

    def __init__(
        self, *, masked: bool, has_label: bool, has_components: bool, parent: QWidget | None = None
    ) -> None:
        """``masked``: names are masked, so that nothing that tells them can be asked for."""
        super().__init__(parent)
        self.setWindowTitle("Export evidence")
        self.setMinimumWidth(_WIDTH)
        self.model = QCheckBox("The model file, so that the bundle opens to the same elsewhere")
        self.verdicts = QCheckBox("Verdicts on the model and on this case")
        self.identities = QCheckBox("Names of case, patient, slide, and reviewers")
        self.label = QCheckBox("Pictures of the slide's label, which often name the patient")
        self.model.setChecked(True)
        self.verdicts.setChecked(True)
        for box, possible, why in (
            (self.identities, not masked, _MASKED),
            (
                self.label,
                has_label and not masked,
                _MASKED if masked else "The slide has no label picture",
            ),
        ):
            box.setEnabled(possible)
            box.setToolTip("" if possible else why)
        self.top = QSpinBox()
        self.top.setRange(1, _MOST_PATCHES)
        self.top.setValue(_USUAL_PATCHES)
        self.top.setEnabled(has_components)
        self.top.setAccessibleName("Patches of each component")
        note = QLabel(
            "One zip with a page for any browser, pictures, the model's card and result, every "
            "patch, overlay, annotations and the view. Unless asked for, it names nobody: Case 1, "
            "Slide 1, Reviewer 1. Notes are searched for the names that are known here, and for no "
            "other."
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
        for box in (self.model, self.verdicts, self.identities, self.label):
            form.addRow(box)
        form.addRow("Patches of each component", self.top)
        form.addRow(note)
        form.addRow(buttons)
        self.accepted.connect(self.confirmed)
