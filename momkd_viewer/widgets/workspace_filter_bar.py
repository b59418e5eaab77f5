"""Above the table of a workspace: which cases are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.workspace_filter import Filter, Span, flag_choices

#: field -> (name for screen readers, choices); those of labels and flags are set as they hold.
_CHOICES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "correctness": (
        "Correctness",
        (
            ("", "Right or wrong"),
            ("wrong", "Wrong"),
            ("right", "Right"),
            ("unlabelled", "No label"),
        ),
    ),
    "flag": ("Flag", (("", "Any flag or none"),)),
    "label": ("Label", (("", "Any label"),)),
    "predicted": ("Prediction", (("", "Any prediction"),)),
    "reviewed": (
        "Reviewed",
        (("", "Reviewed or not"), ("no", "Not reviewed"), ("yes", "Reviewed")),
    ),
    "state": (
        "Analysis",
        (("", "Analysed or not"), ("failed", "Failed"), ("missing", "Not analysed yet")),
    ),
}
_SPIN_WIDTH = 62
_POLAR = ("correctness", "label", "predicted")


class WorkspaceFilterBar(QWidget):
    """Signals:
    filtered(Filter): the user wants another filter; its text is another's business.
    """

    filtered = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._filter = Filter()
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 6)
        row.setSpacing(4)
        self._boxes: dict[str, QComboBox] = {}
        for name, (spoken, choices) in _CHOICES.items():
            self._boxes[name] = box = QComboBox()
            box.setAccessibleName(spoken)
            box.setMinimumContentsLength(5)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.view().setMinimumWidth(170)
            for value, title in choices:
                box.addItem(title, value)
            box.activated.connect(lambda at, n=name: self._ask(n, self._boxes[n].itemData(at)))
            row.addWidget(box)
        self._spans = {
            "probability": _SpanFields("P", "Probability", row),
            "background": _SpanFields("Glass", "Background focus", row),
        }
        for name, fields in self._spans.items():
            fields.changed.connect(lambda span, n=name: self._ask(n, span))
        self._clear = QPushButton("Clear")
        self._clear.setToolTip("Show all cases again")
        self._clear.clicked.connect(lambda: self.filtered.emit(Filter()))
        row.addWidget(self._clear)

    def _ask(self, name: str, value: object) -> None:
        wanted = replace(self._filter, **{name: value})  # type: ignore[arg-type]
        if wanted != self._filter:
            self.filtered.emit(wanted)

    def show_filter(self, shown: Filter, classes: Sequence[str]) -> None:
        """Sets all controls to what holds.

        Args:
            classes: the answers of the chosen task, for labels and predictions.
        """
        self._filter = shown
        answers = tuple((value, value) for value in classes)
        varying = {"label": answers, "predicted": answers, "flag": flag_choices()}
        for name, choices in varying.items():
            box, items = self._boxes[name], (*_CHOICES[name][1], *choices)
            if [box.itemData(at) for at in range(box.count())] != [value for value, _ in items]:
                box.clear()
                for value, title in items:
                    box.addItem(title, value)
        for name, box in self._boxes.items():
            box.setCurrentIndex(max(0, box.findData(getattr(shown, name))))
            box.setVisible(not (name in _POLAR and blinded()))
        for name, fields in self._spans.items():
            fields.show_span(getattr(shown, name))
        self._spans["probability"].setVisible(not blinded())
        self._clear.setEnabled(not shown.is_empty)


class _SpanFields(QWidget):
    """Signals:
    changed(tuple): lower and upper limit, 0 to 1.
    """

    changed = Signal(tuple)

    def __init__(self, title: str, spoken: str, row: QHBoxLayout) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 0, 0)
        layout.setSpacing(3)
        label = QLabel(title)
        label.setObjectName("quiet")
        layout.addWidget(label)
        self._fields = (QDoubleSpinBox(), QDoubleSpinBox())
        for field, end in zip(self._fields, ("least", "most"), strict=True):
            field.setRange(0.0, 1.0)
            field.setSingleStep(0.05)
            field.setDecimals(2)
            field.setKeyboardTracking(False)
            field.setAccessibleName(f"{spoken}, at {end}")
            field.setToolTip(f"{spoken}, at {end}")
            field.valueChanged.connect(lambda _: self._tell())
            field.setFixedWidth(_SPIN_WIDTH)
            layout.addWidget(field)
        row.addWidget(self)

    def show_span(self, span: Span) -> None:
        for field, value in zip(self._fields, span, strict=True):
            field.blockSignals(True)
            field.setValue(value)
            field.blockSignals(False)

    def _tell(self) -> None:
        low, high = (round(field.value(), 2) for field in self._fields)
        self.changed.emit((low, max(low, high)))
