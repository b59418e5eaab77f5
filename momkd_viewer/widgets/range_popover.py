"""A range of values by two handles or by typing: what lies outside is transparent."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.widgets.range_slider import RangeSlider

_WIDTH = 300


class RangePopover(QFrame):
    """Signals:
    range_chosen(object, object): low and high; None where there is no limit.
    """

    range_chosen = Signal(object, object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popover")
        self.setAccessibleName("Range of the overlay")
        self._bounds = (0.0, 1.0)
        self._factor = 1.0
        self._title = QLabel()
        self._title.setWordWrap(True)
        self._note = QLabel("Patches outside are transparent; colours stay as they are.")
        self._note.setObjectName("quiet")
        self._note.setWordWrap(True)
        self._slider = RangeSlider()
        self._slider.setAccessibleName("Range")
        self._slider.moved.connect(self._on_slider)
        self._low, self._high = QDoubleSpinBox(), QDoubleSpinBox()
        self._low.setAccessibleName("Lowest value shown")
        self._high.setAccessibleName("Highest value shown")
        for box in (self._low, self._high):
            box.setKeyboardTracking(False)
            box.valueChanged.connect(self._on_typed)
        reset = QPushButton("All values")
        reset.setAutoDefault(False)
        reset.clicked.connect(lambda: self._set(*self._bounds))
        self.setFixedWidth(_WIDTH)
        column = QVBoxLayout(self)
        row = QHBoxLayout()
        for widget in (self._low, QLabel("to"), self._high):
            row.addWidget(widget)
        row.addStretch()
        row.addWidget(reset)
        column.addWidget(self._title)
        column.addWidget(self._slider)
        column.addLayout(row)
        column.addWidget(self._note)

    def show_range(
        self,
        title: str,
        bounds: tuple[float, float],
        low: float | None,
        high: float | None,
        *,
        percent: bool = False,
    ) -> None:
        """Sets what can be chosen and what is.

        Args:
            bounds: the smallest and largest value of a patch.
            percent: values are shares, typed as percent.
        """
        self._title.setText(title)
        self._factor = 100.0 if percent else 1.0
        decimals = 1 if percent else 3
        # Rounded outwards, or the extreme patches would fall out of the full range.
        step = 10.0**-decimals / self._factor
        self._bounds = (
            step * (bounds[0] // step),
            max(-step * (-bounds[1] // step), step * (bounds[0] // step) + step),
        )
        chosen = (
            self._bounds[0] if low is None else low,
            self._bounds[1] if high is None else high,
        )
        self._quietly(True)
        for box in (self._low, self._high):
            box.setSuffix(" %" if percent else "")
            box.setDecimals(decimals)
            box.setRange(*(value * self._factor for value in self._bounds))
            box.setSingleStep((self._bounds[1] - self._bounds[0]) * self._factor / 50)
        self._quietly(False)
        self._write(*chosen)

    def open_below(self, widget: QWidget) -> None:
        self.adjustSize()
        self.move(widget.mapToGlobal(QPoint(0, widget.height() + 4)))
        self.show()
        self._low.setFocus()

    def _on_slider(self, low: float, high: float) -> None:
        start, length = self._bounds[0], self._bounds[1] - self._bounds[0]
        self._set(start + low * length, start + high * length)

    def _on_typed(self) -> None:
        low, high = sorted((self._low.value() / self._factor, self._high.value() / self._factor))
        self._set(low, high)

    def _set(self, low: float, high: float) -> None:
        self._write(low, high)
        tolerance = 1e-9 + 1e-6 * (self._bounds[1] - self._bounds[0])
        self.range_chosen.emit(
            None if low <= self._bounds[0] + tolerance else low,
            None if high >= self._bounds[1] - tolerance else high,
        )

    def _write(self, low: float, high: float) -> None:
        self._quietly(True)
        start, length = self._bounds[0], self._bounds[1] - self._bounds[0]
        self._slider.set_shares((low - start) / length, (high - start) / length)
        self._low.setValue(low * self._factor)
        self._high.setValue(high * self._factor)
        self._quietly(False)

    def _quietly(self, quiet: bool) -> None:
        for widget in (self._low, self._high):
            widget.blockSignals(quiet)
