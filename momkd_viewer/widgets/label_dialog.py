"""Pictures of the glass itself: hidden until they are asked for."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QDialog, QLabel, QPushButton, QVBoxLayout, QWidget

WARNING = (
    "These pictures may name the patient. Look around before you show them, and close this window "
    "when you have seen them. They are never exported."
)
_LONGEST = 460


class LabelDialog(QDialog):
    """Signals:
    pictures_wanted(): the user clicked on Show.
    """

    pictures_wanted = Signal()

    def __init__(self, names: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Slide label and macro")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        listed = (
            f"This slide has: {', '.join(names)}."
            if names
            else "This slide carries no such pictures."
        )
        text = QLabel(f"{listed}\n\n{WARNING}" if names else listed)
        text.setWordWrap(True)
        text.setMinimumWidth(380)
        self.show_button = QPushButton("Show")
        self.show_button.setEnabled(bool(names))
        self.show_button.setAutoDefault(False)
        self.show_button.clicked.connect(self._ask)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        self._layout = QVBoxLayout(self)
        for widget in (text, self.show_button, close):
            self._layout.addWidget(widget)

    def _ask(self) -> None:
        self.show_button.setEnabled(False)
        self.pictures_wanted.emit()

    def show_pictures(self, pictures: list[tuple[str, QImage]]) -> None:
        """Shows (name, picture); takes the place of the button."""
        self.show_button.hide()
        ratio = self.devicePixelRatioF()
        for at, (name, image) in enumerate(pictures):
            caption, picture = QLabel(name.capitalize()), QLabel()
            picture.setObjectName("sheet")
            picture.setAccessibleName(f"{name} picture of the slide")
            side = round(_LONGEST * ratio)
            pixmap = QPixmap.fromImage(image)
            if max(image.width(), image.height()) > side:
                pixmap = pixmap.scaled(
                    side,
                    side,
                    Qt.AspectRatioMode.KeepAspectRatio,
                    Qt.TransformationMode.SmoothTransformation,
                )
            pixmap.setDevicePixelRatio(ratio)
            picture.setPixmap(pixmap)
            self._layout.insertWidget(1 + 2 * at, caption)
            self._layout.insertWidget(2 + 2 * at, picture)
        self.adjustSize()

    def say(self, text: str) -> None:
        """Why there are no pictures."""
        label = QLabel(text)
        label.setObjectName("failure")
        label.setWordWrap(True)
        self._layout.insertWidget(1, label)
