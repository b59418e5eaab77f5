"""What the program is, in a sentence."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget


def show_about(parent: QWidget, version: str) -> None:
    """Opens the box, which goes when it is closed."""
    box = QMessageBox(parent)
    box.setWindowTitle("About MoMKD Viewer")
    box.setText(
        f"MoMKD Viewer {version}\n\nLook inside a biomarker model: memory affinity and "
        "memory components over whole-slide images.\n\nResearch use only, not a medical device."
    )
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
