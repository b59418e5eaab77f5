"""The toolbar's part for the overlay: which one, of which component, how opaque, which values."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QSlider, QToolButton, QWidget

from momkd_viewer.state.overlay_values import OverlayChoice, every_component, kinds


class OverlayBar(QWidget):
    """Signals:
    kind_chosen(str): one of :data:`~momkd_viewer.state.overlay_values.KINDS`.
    component_chosen(str, int): memory and component whose similarity is to be shown.
    opacity_chosen(float): 0 to 1.
    range_wanted(): the range of values is to be chosen, below the button.
    peeked(bool): whether the overlay is to be hidden for the moment.
    """

    kind_chosen = Signal(str)
    component_chosen = Signal(str, int)
    opacity_chosen = Signal(float)
    range_wanted = Signal()
    peeked = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setStyleSheet("OverlayBar { background: transparent }")
        self._box = QComboBox()
        self._box.setAccessibleName("Overlay")
        self._box.setToolTip("What the colours over the slide show")
        self._box.activated.connect(lambda _: self.kind_chosen.emit(self._box.currentData()))
        self._components = QComboBox()
        self._components.setAccessibleName("Component")
        self._components.setToolTip("The component that patches are compared with")
        self._components.activated.connect(self._on_component)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, 100)
        self._slider.setFixedWidth(84)
        self._slider.setAccessibleName("Overlay opacity")
        self._slider.setToolTip("Overlay opacity (Ctrl+wheel)")
        self._slider.valueChanged.connect(lambda v: self.opacity_chosen.emit(v / 100))
        self.range_button = QToolButton()
        self.range_button.setText("Range…")
        self.range_button.setToolTip("Show patches of some values only")
        self.range_button.setCheckable(True)
        self.range_button.clicked.connect(lambda _: self.range_wanted.emit())
        self.peek_button = QToolButton()
        self.peek_button.setText("Peek")
        self.peek_button.setToolTip("Hold: the slide without its overlay (H)")
        self.peek_button.setAccessibleName("Hold to see the slide without its overlay")
        self.peek_button.pressed.connect(lambda: self.peeked.emit(True))
        self.peek_button.released.connect(lambda: self.peeked.emit(False))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        for widget in (
            self._box,
            self._components,
            self._slider,
            self.range_button,
            self.peek_button,
        ):
            layout.addWidget(widget)

    def show_choice(self, choice: OverlayChoice, components: int) -> None:
        """Shows a choice without emitting it back.

        Args:
            components: of each memory of the shown model; 0 where it has none to choose from.
        """
        _fill(self._box, [(text, kind) for kind, text in kinds()])
        self._box.setCurrentIndex(self._box.findData(choice.kind))
        names = every_component(components)
        _fill(self._components, [(name.text, name) for name in names])
        at = names.index(choice.component) if choice.component in names else -1
        self._components.setCurrentIndex(at)
        self._components.setVisible(choice.kind == "similarity" and components > 0)
        self.range_button.setEnabled(choice.kind != "none")
        self.range_button.setChecked(choice.has_range)
        self.peek_button.setEnabled(choice.kind != "none")

    def show_opacity(self, opacity: float) -> None:
        """Shows an opacity without emitting it back."""
        self._slider.blockSignals(True)
        self._slider.setValue(round(opacity * 100))
        self._slider.blockSignals(False)

    def _on_component(self, at: int) -> None:
        name = self._components.itemData(at)
        self.component_chosen.emit(name.memory, name.index)


def _fill(box: QComboBox, entries: Sequence[tuple[str, object]]) -> None:
    """Gives a box other entries, where it has not got these."""
    if [box.itemText(at) for at in range(box.count())] != [text for text, _ in entries]:
        box.clear()
        for text, data in entries:
            box.addItem(text, data)


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
