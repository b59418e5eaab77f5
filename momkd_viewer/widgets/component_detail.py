"""The detail pane: which patches of which scope, of one component or of two side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QSplitter,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.component_patches import GALLERIES, GalleryKind
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.widgets.component_pane import ComponentPane

Scope = Literal["slide", "cohort"]
_SCOPES: tuple[tuple[Scope, str], ...] = (("slide", "This slide"), ("cohort", "Cohort"))
_MOST = 10_000
_NUMBER_WIDTH = 116


@dataclass(frozen=True)
class GalleryChoice:
    """What the galleries show.

    Attributes:
        count: at most so many patches.
        per_patient: at most so many of one patient, in a cohort.
    """

    kind: GalleryKind = "top"
    scope: Scope = "slide"
    count: int = 200
    per_patient: int = 3


class ComponentDetail(QWidget):
    """Attributes:
    panes: the component, and the one that it is compared with.

    Signals:
    chosen(GalleryChoice): other patches are wanted.
    compare_wanted(ComponentName | None): to be shown beside; None: no more.
    closed(): the whole pane is not wanted any more.
    """

    chosen = Signal(object)
    compare_wanted = Signal(object)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choice = GalleryChoice()
        self._message = QLabel()
        self._message.setObjectName("hint")
        self._message.setWordWrap(True)
        self._kinds = QTabBar()
        self._kinds.setDrawBase(False)
        self._kinds.setExpanding(False)
        self._kinds.setAccessibleName("Which patches")
        for row, (_, title, tip) in enumerate(GALLERIES):
            self._kinds.addTab(title)
            self._kinds.setTabToolTip(row, tip)
        self._scope = QComboBox()
        self._scope.setAccessibleName("Patches of this slide or of the cohort")
        for key, title in _SCOPES:
            self._scope.addItem(title, key)
        self._count = self._number("At most so many patches", 1, _MOST, self.choice.count, "k = ")
        self._count.setSingleStep(50)
        self._per_patient = self._number(
            "At most so many patches of one patient", 1, 99, self.choice.per_patient, "≤ "
        )
        self._per_patient.setSuffix(" a patient")
        self._compare = QComboBox()
        self._compare.setAccessibleName("Component to compare with")
        self._compare.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._compare.setMinimumContentsLength(11)
        self._compare.setToolTip("Show a second component beside this one (Ctrl+click on its card)")
        self._close = QToolButton()
        self._close.setText("✕")
        self._close.setToolTip("Close this pane; a click on a card opens it again")
        self._close.setAccessibleName("Close the component pane")
        self.panes = (ComponentPane(), ComponentPane())
        self._build()
        self._connect()
        self.show_message("Click a component's card to see its patches here.")

    @staticmethod
    def _number(tip: str, low: int, high: int, value: int, prefix: str) -> QSpinBox:
        box = QSpinBox()
        box.setRange(low, high)
        box.setValue(value)
        box.setPrefix(prefix)
        box.setToolTip(tip)
        box.setAccessibleName(tip)
        box.setKeyboardTracking(False)
        box.setMaximumWidth(_NUMBER_WIDTH)
        return box

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(6, 2, 6, 2)
        row.setSpacing(6)
        row.addWidget(self._kinds)
        row.addStretch()
        for widget in (
            self._scope,
            self._count,
            self._per_patient,
            self._compare,
            self._close,
        ):
            row.addWidget(widget)
        self._bar = QWidget()
        self._bar.setLayout(row)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        for pane in self.panes:
            self._split.addWidget(pane)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._bar)
        layout.addWidget(self._message, 1)
        layout.addWidget(self._split, 1)

    def _connect(self) -> None:
        self._close.clicked.connect(self.closed)
        self._kinds.currentChanged.connect(lambda _: self._choose())
        self._scope.activated.connect(lambda _: self._choose())
        self._count.valueChanged.connect(lambda _: self._choose())
        self._per_patient.valueChanged.connect(lambda _: self._choose())
        self._compare.activated.connect(
            lambda row: self.compare_wanted.emit(self._compare.itemData(row))
        )
        for pane in self.panes:
            pane.closed.connect(lambda: self.compare_wanted.emit(None))

    def _choose(self) -> None:
        choice = GalleryChoice(
            GALLERIES[self._kinds.currentIndex()][0],
            _SCOPES[self._scope.currentIndex()][0],
            self._count.value(),
            self._per_patient.value(),
        )
        if choice != self.choice:
            self.choice = choice
            self._per_patient.setEnabled(choice.scope == "cohort")
            self.chosen.emit(choice)

    # -- content ---------------------------------------------------------------------------------

    def show_message(self, text: str) -> None:
        """Says why no component is shown; '' where one is."""
        self._message.setText(text)
        self._message.setVisible(bool(text))
        self._bar.setVisible(not text)
        self._split.setVisible(not text)
        self._per_patient.setEnabled(self.choice.scope == "cohort")

    def show_comparison(
        self, components: list[ComponentName], second: ComponentName | None
    ) -> None:
        """The second pane, or none.

        Args:
            components: all that can be compared with the first.
        """
        self.panes[1].setVisible(second is not None)
        shown = [self._compare.itemText(row) for row in range(1, self._compare.count())]
        if shown != [name.text for name in components]:
            self._compare.clear()
            self._compare.addItem("Compare with…", None)
            for name in components:
                self._compare.addItem(name.text, name)
        row = 0 if second is None else components.index(second) + 1
        self._compare.setCurrentIndex(row)

    @property
    def shown_panes(self) -> tuple[ComponentPane, ...]:
        """Those that show a component."""
        return tuple(pane for pane in self.panes if not pane.isHidden())
