"""What goes into an evidence bundle."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox, QWidget

from momkd_viewer.widgets.told_dialog import MASKED, ToldDialog, offer


class EvidenceDialog(ToldDialog):
    """What a bundle is to tell."""

    def __init__(
        self, *, masked: bool, has_label: bool, has_components: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(
            "Export evidence", masked=masked, has_components=has_components, parent=parent
        )
        self.model = QCheckBox("The model file, so that the bundle opens to the same elsewhere")
        self.model.setChecked(True)
        self.label = QCheckBox("Pictures of the slide's label, which often name the patient")
        why = MASKED if masked else "The slide has no label picture"
        offer(self.label, has_label and not masked, why)
        self.lay_out(
            (self.model, self.verdicts, self.identities, self.label),
            "One zip with a page for any browser, pictures, the model's card and result, every "
            "patch, overlay, annotations and the view.",
        )
