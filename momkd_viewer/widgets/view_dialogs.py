"""Small windows for the view: go to a typed place, turn by any angle."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDial,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

_HALF_TURN = 180


class GoToDialog(QDialog):
    """Signals:
    place_typed(str, str): two numbers as typed, and their unit (µm or px); stays open.
    """

    place_typed = Signal(str, str)

    def __init__(self, *, microns: bool, start: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Go to coordinate")
        self.line = QLineEdit(start)
        self.line.setAccessibleName("x and y")
        self.line.selectAll()
        self.unit = QComboBox()
        self.unit.setAccessibleName("Unit")
        self.unit.addItems(["µm", "px"] if microns else ["px"])
        self.message = QLabel()
        self.message.setObjectName("failure")
        self.message.setWordWrap(True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setMinimumSize(360, 2 * self.message.fontMetrics().lineSpacing() + 4)
        hint = QLabel("x and y from the slide's top left corner, such as 1200 850")
        hint.setObjectName("quiet")
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Go")
        buttons.accepted.connect(
            lambda: self.place_typed.emit(self.line.text(), self.unit.currentText())
        )
        buttons.rejected.connect(self.reject)
        self.line.textChanged.connect(lambda _: self.message.setText(""))
        row = QHBoxLayout()
        row.addWidget(self.line, 1)
        row.addWidget(self.unit)
        layout = QVBoxLayout(self)
        layout.addWidget(hint)
        layout.addLayout(row)
        layout.addWidget(self.message)
        layout.addWidget(buttons)

    def say(self, text: str) -> None:
        """What is wrong with what was typed."""
        self.message.setText(text)
        self.line.setFocus()


class TurnDialog(QDialog):
    """Signals:
    angle_chosen(float): degrees clockwise, 0 to 360.
    """

    angle_chosen = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Turn the slide")
        self.dial = QDial()
        self.dial.setAccessibleName("Angle")
        self.dial.setWrapping(True)
        self.dial.setRange(-_HALF_TURN, _HALF_TURN)
        self.dial.setSingleStep(1)
        self.dial.setPageStep(15)
        self.dial.setNotchesVisible(True)
        self.dial.setFixedSize(96, 96)
        self.degrees = QDoubleSpinBox()
        self.degrees.setAccessibleName("Degrees clockwise")
        self.degrees.setRange(-_HALF_TURN, _HALF_TURN)
        self.degrees.setDecimals(1)
        self.degrees.setSuffix("°")
        self.degrees.setWrapping(True)
        upright = QPushButton("Upright")
        upright.clicked.connect(lambda: self.angle_chosen.emit(0.0))
        self.dial.valueChanged.connect(lambda value: self.angle_chosen.emit(value % 360.0))
        self.degrees.valueChanged.connect(lambda value: self.angle_chosen.emit(value % 360.0))
        column = QVBoxLayout()
        column.addStretch()
        column.addWidget(QLabel("Clockwise"))
        column.addWidget(self.degrees)
        column.addWidget(upright)
        column.addStretch()
        layout = QHBoxLayout(self)
        layout.addWidget(self.dial)
        layout.addLayout(column)

    def show_angle(self, degrees: float) -> None:
        """Shows an angle of 0 to 360 without emitting it back."""
        signed = (degrees + _HALF_TURN) % 360.0 - _HALF_TURN
        with QSignalBlocker(self.dial):
            self.dial.setValue(round(signed))
        if abs(self.degrees.value() - signed) >= 0.05:  # else it is what was typed
            with QSignalBlocker(self.degrees):
                self.degrees.setValue(signed)
