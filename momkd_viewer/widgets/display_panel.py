"""How the slide's pixels are shown: sliders, stain, colour profile; and the chip that says so."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QGridLayout,
    QLabel,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.rendition import STAINS, Rendition, Stain

_STEPS = 100
_CONTRAST_RANGE = 5.0  # a fifth to five times
_GAMMA_RANGE = 3.0
_FRAME_MS = 16


class DisplayPanel(QDialog):
    """Signals:
    rendition_chosen(Rendition): at most once a frame while a slider is dragged.
    reset_wanted(): pixels are to be shown as they are.
    """

    rendition_chosen = Signal(object)
    reset_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Display")
        self.setAccessibleName("Brightness, contrast, stain")
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(10)
        self._numbers: dict[str, QLabel] = {}
        self.sliders = {
            name: self._slider(row, name)
            for row, name in enumerate(("Brightness", "Contrast", "Gamma"))
        }
        self.stain = QComboBox()
        self.stain.setAccessibleName("Stain")
        self.stain.addItems(["All stains", "Haematoxylin", "Eosin"])
        self.stain.setToolTip("What one stain alone would look like (colour deconvolution)")
        self.stain.activated.connect(lambda _: self._changed())
        self._grid.addWidget(QLabel("Stain"), 3, 0)
        self._grid.addWidget(self.stain, 3, 1, 1, 2)
        self.profile = QCheckBox("Apply the slide's colour profile")
        self.profile.toggled.connect(lambda _: self._changed())
        self._reason = QLabel("This slide carries no colour profile.")
        self._reason.setObjectName("quiet")
        reset = QPushButton("Reset")
        reset.setAutoDefault(False)
        reset.clicked.connect(self.reset_wanted)
        note = QLabel("Display only: models read the slide's own pixels.")
        note.setObjectName("quiet")
        layout = QVBoxLayout(self)
        layout.addLayout(self._grid)
        for widget in (self.profile, self._reason, note, reset):
            layout.addWidget(widget)
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.setInterval(_FRAME_MS)
        self._frame.timeout.connect(lambda: self.rendition_chosen.emit(self.rendition))

    def _slider(self, row: int, name: str) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(-_STEPS, _STEPS)
        slider.setFixedWidth(190)
        slider.setAccessibleName(name)
        slider.setPageStep(10)
        slider.valueChanged.connect(lambda _: self._changed())
        number = QLabel()
        number.setMinimumWidth(number.fontMetrics().horizontalAdvance("+0.00 "))
        self._numbers[name] = number
        self._grid.addWidget(QLabel(name), row, 0)
        self._grid.addWidget(slider, row, 1)
        self._grid.addWidget(number, row, 2)
        return slider

    @property
    def rendition(self) -> Rendition:
        """What the sliders say."""
        at = {name: slider.value() / _STEPS for name, slider in self.sliders.items()}
        return Rendition(
            colour_managed=self.profile.isChecked(),
            brightness=at["Brightness"],
            # Equal steps of the slider are equal ratios, so that the middle changes nothing.
            contrast=round(_CONTRAST_RANGE ** at["Contrast"], 3),
            gamma=round(_GAMMA_RANGE ** at["Gamma"], 3),
            stain=STAINS[self.stain.currentIndex()],
        )

    @property
    def is_dragging(self) -> bool:
        """Whether a slider is held, or a choice is still to be told."""
        held = any(slider.isSliderDown() for slider in self.sliders.values())
        return held or self._frame.isActive()

    def show_rendition(self, rendition: Rendition, *, has_profile: bool) -> None:
        """Shows choices without emitting them back."""
        for widget in (*self.sliders.values(), self.stain, self.profile):
            widget.blockSignals(True)
        self.sliders["Brightness"].setValue(round(rendition.brightness * _STEPS))
        self.sliders["Contrast"].setValue(_position(rendition.contrast, _CONTRAST_RANGE))
        self.sliders["Gamma"].setValue(_position(rendition.gamma, _GAMMA_RANGE))
        self.stain.setCurrentIndex(STAINS.index(rendition.stain))
        self.profile.setChecked(rendition.colour_managed)
        for widget in (*self.sliders.values(), self.stain, self.profile):
            widget.blockSignals(False)
        self.profile.setEnabled(has_profile)
        self.profile.setToolTip(
            "Show the colours that the scanner states" if has_profile else self._reason.text()
        )
        self._reason.setVisible(not has_profile)
        self._frame.stop()  # what is shown now is newer
        self._show_numbers()

    def _changed(self) -> None:
        self._show_numbers()
        if not self._frame.isActive():
            self._frame.start()

    def _show_numbers(self) -> None:
        shown = self.rendition
        self._numbers["Brightness"].setText(f"{shown.brightness:+.2f}")
        self._numbers["Contrast"].setText(f"{shown.contrast:.2f}")
        self._numbers["Gamma"].setText(f"{shown.gamma:.2f}")


def _position(value: float, span: float) -> int:
    return round(math.log(value) / math.log(span) * _STEPS)


class RenditionChip(QToolButton):
    """Floats at the top of the canvas while pixels are not shown as they are; a click resets."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setObjectName("chip")
        self.setToolTip("The display is changed. Click to show the slide as it is")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        canvas.installEventFilter(self)
        self.hide()

    def show_text(self, text: str) -> None:
        """'' hides it."""
        self.setText(f"{text}   ✕")
        self.setAccessibleName(f"Display changed: {text}. Reset")
        self.adjustSize()
        self._place()
        self.setVisible(bool(text))

    def _place(self) -> None:
        parent = self.parentWidget()
        assert parent is not None
        self.move((parent.width() - self.width()) // 2, 12)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)


def in_words(rendition: Rendition) -> str:
    """What differs from the plain picture: ``haematoxylin, contrast 1.4``; '' for nothing."""
    parts: list[str] = []
    stain: Stain = rendition.stain
    if stain != "all":
        parts.append(f"{stain} alone")
    if rendition.brightness:
        parts.append(f"brightness {rendition.brightness:+.2f}")
    parts += [
        f"{name} {value:.2g}"
        for name, value in (("contrast", rendition.contrast), ("gamma", rendition.gamma))
        if value != 1
    ]
    return ", ".join(parts)
