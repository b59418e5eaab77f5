"""The toolbar's part for the overlay: which one, and how opaque; and the magnification box."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QSlider, QWidget

_KINDS = (("affinity", "Affinity"), ("attention", "Attention"), ("none", "No overlay"))


class OverlayBar(QWidget):
    """Signals:
    kind_chosen(str): affinity, attention or none.
    opacity_chosen(float): 0 to 1.
    """

    kind_chosen = Signal(str)
    opacity_chosen = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setStyleSheet("background: transparent")
        self._box = QComboBox()
        self._box.setAccessibleName("Overlay")
        for kind, text in _KINDS:
            self._box.addItem(text, kind)
        self._box.activated.connect(lambda _: self.kind_chosen.emit(self._box.currentData()))
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, 100)
        self._slider.setFixedWidth(110)
        self._slider.setAccessibleName("Overlay opacity")
        self._slider.setToolTip("Overlay opacity (Ctrl+wheel)")
        self._slider.valueChanged.connect(lambda v: self.opacity_chosen.emit(v / 100))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        for widget in (QLabel("Overlay"), self._box, QLabel("Opacity"), self._slider):
            layout.addWidget(widget)

    def show_state(self, kind: str, opacity: float) -> None:
        """Shows a state without emitting it back."""
        self._box.setCurrentIndex([k for k, _ in _KINDS].index(kind))
        self._slider.blockSignals(True)
        self._slider.setValue(round(opacity * 100))
        self._slider.blockSignals(False)


class MagnificationBox(QComboBox):
    """Shows the magnification; one can be picked or typed.

    Signals:
        magnification_chosen(float)
    """

    magnification_chosen = Signal(float)

    def __init__(self, choices: tuple[float, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setFixedWidth(92)
        self.setAccessibleName("Magnification")
        self.setToolTip("Magnification (10× is 1 µm a screen pixel)")
        for choice in choices:
            self.addItem(f"{choice:g}×")
        self.activated.connect(lambda _: self._emit())
        line = self.lineEdit()
        assert line is not None
        line.returnPressed.connect(self._emit)

    def show_magnification(self, magnification: float | None) -> None:
        line = self.lineEdit()
        assert line is not None
        if not line.hasFocus():
            self.setEditText("–" if magnification is None else f"{magnification:.3g}×")
        self.setEnabled(magnification is not None)

    def _emit(self) -> None:
        text = self.currentText().strip().rstrip("×xX ").replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            return
        self.clearFocus()  # keys and wheel go to the slide again, and the box follows the view
        if 0.001 <= value <= 1000:
            self.magnification_chosen.emit(value)
