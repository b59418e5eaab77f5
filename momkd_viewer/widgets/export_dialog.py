"""How large an exported picture is to be."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QWidget,
)

OVERLAY_SIDES = (512, 8192)
_USUAL_SIDE = 4096


class ExportDialog(QDialog):
    """Asks for one number: the scale of a view, or the longest side of a whole slide.

    Args:
        scales: (text, scale) to choose from; None asks for the longest side in pixels.

    Signals:
        size_chosen(int)
    """

    size_chosen = Signal(int)

    def __init__(
        self, scales: Sequence[tuple[str, int]] | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export overlay" if scales is None else "Export view")
        form = QFormLayout(self)
        self.scale = QComboBox()
        self.scale.setAccessibleName("Resolution")
        self.side = QSpinBox()
        self.side.setAccessibleName("Longest side")
        self.side.setRange(*OVERLAY_SIDES)
        self.side.setValue(_USUAL_SIDE)
        self.side.setSingleStep(512)
        self.side.setSuffix(" px")
        if scales is None:
            form.addRow("Longest side", self.side)
        else:
            for text, scale in scales:
                self.scale.addItem(text, scale)
            form.addRow("Resolution", self.scale)
        note = QLabel(
            "PNG with scale bar and legend. It carries the pixel size and the program's name, and\n"
            "neither the slide's name, its label nor anything else that the scanner wrote."
        )
        note.setObjectName("quiet")
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.button(QDialogButtonBox.StandardButton.Save).setText("Choose a file…")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form.addRow(note)
        form.addRow(buttons)
        self.accepted.connect(
            lambda: self.size_chosen.emit(
                self.side.value() if scales is None else self.scale.currentData()
            )
        )
