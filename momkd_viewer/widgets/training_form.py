"""The form of a new training: what it learns from, what it predicts, how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.training_choice import (
    METHODS,
    PRESETS,
    CohortLook,
    LabelColumn,
    TrainingChoice,
)
from momkd_viewer.widgets.path_field import PathField
from momkd_viewer.widgets.settings_field import SettingsField

_PAUSE_MS = 350  # after the last change, before it is checked
_TABLES = "Tables (*.csv *.csv.gz *.parquet);;All files (*)"


class TrainingForm(QWidget):
    """Signals:
    cohort_named(Path): the table to look at.
    label_chosen(str): a run folder may be named after it.
    settled(): a change is made and its typing has paused.
    start_wanted(): the button was pressed.
    """

    cohort_named = Signal(Path)
    label_chosen = Signal(str)
    settled = Signal()
    start_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look: CohortLook | None = None
        self.cohort = PathField("Choose the cohort table", "Cohort tables (*.csv);;All files (*)")
        self.expression = PathField("Choose the expression table", _TABLES)
        self.features = PathField("Choose the folder of features", folder=True)
        self.out = PathField("Choose the run folder", folder=True)
        self.label, self.positive, self.negative = QComboBox(), QComboBox(), QComboBox()
        self.group = QComboBox()
        self.method, self.preset = QComboBox(), QComboBox()
        self.method.addItems(METHODS)
        self.preset.addItems(PRESETS)
        self.folds, self.epochs = _count(5, 2, 50), _count(50, 1, 10_000)
        self.seed = _count(0, 0, 2**31 - 1)
        self.settings = SettingsField()
        self.organ, self.stain, self.note = QLineEdit(), QLineEdit(), QLineEdit()
        self.organ.setPlaceholderText("for instance breast")
        self.stain.setPlaceholderText("for instance H&E")
        self.note.setPlaceholderText("what a user of the model must know")
        self.refit = QCheckBox("Then train one model on all cases")
        self.refit.setChecked(True)
        self.problem = QLabel()
        self.problem.setObjectName("failure")
        self.problem.setWordWrap(True)
        self.start = QPushButton("Start training")
        self.start.setAutoDefault(False)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._arrange()
        self._connect()
        self.show_problem("Choose a cohort table.")

    # -- what is chosen --------------------------------------------------------------------------

    @property
    def choice(self) -> TrainingChoice:
        """What the form says now, whether it can be trained or not."""
        return TrainingChoice(
            cohort=self.cohort.path,
            expression=self.expression.path,
            label=_data(self.label),
            positive=_data(self.positive),
            negative=_data(self.negative),
            out=self.out.path,
            features=self.features.path if self.features.path != Path() else None,
            method=self.method.currentText(),
            preset=PRESETS[self.preset.currentIndex()],
            folds=self.folds.value(),
            epochs=self.epochs.value(),
            seed=self.seed.value(),
            settings=self.settings.assignments,
            group=_data(self.group),
            organ=self.organ.text().strip(),
            stain=self.stain.text().strip(),
            note=self.note.text().strip(),
            refit=self.refit.isChecked(),
        )

    @property
    def runs_folder(self) -> Path | None:
        """Where a run of this cohort is proposed to lie; None until the table is read."""
        return self._look.out if self._look is not None else None

    def show_look(self, look: CohortLook) -> None:
        """Offers what a cohort has; fields that are filled in already stay."""
        self._look = look
        for field, found in ((self.expression, look.expression), (self.features, look.features)):
            if field.path == Path() and found is not None:
                field.set_path(found)
        self.features.setPlaceholderText("as the table says" if look.rows_have_features else "")
        with QSignalBlocker(self.label), QSignalBlocker(self.group):
            _fill(self.label, [(_of(c), c.name) for c in look.columns], "Choose a column")
            groups = [(column.name, column.name) for column in look.columns]
            _fill(self.group, groups, "Patients stay together")
        self._on_label()

    def show_problem(self, text: str) -> None:
        """Says why this cannot be trained; '' where it can."""
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        self.start.setEnabled(not text)

    def propose_out(self, folder: Path) -> None:
        self.out.set_path(folder)

    # -- inside ----------------------------------------------------------------------------------

    def _arrange(self) -> None:
        inner = QWidget()
        form = QFormLayout(inner)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignVCenter)
        form.setVerticalSpacing(10)
        for name, widgets in (
            ("Cohort table", (self.cohort,)),
            ("Expression table", (self.expression,)),
            ("Features", (self.features,)),
            ("Label", (self.label,)),
            ("Positive, negative", (self.positive, self.negative)),
            ("Method, preset", (self.method, self.preset)),
            ("Folds, epochs, seed", (self.folds, self.epochs, self.seed)),
            ("Folds keep together", (self.group,)),
            ("Further settings", (self.settings,)),
            ("Organ, stain", (self.organ, self.stain)),
            ("Note in the model", (self.note,)),
            ("Run folder", (self.out,)),
        ):
            form.addRow(name, _row(name, widgets))
        form.addRow("", self.refit)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setAccessibleName("What is trained")
        area.setWidget(inner)
        title = QLabel("New training")
        title.setObjectName("title")
        about = QLabel(
            "It goes on as a process of its own, also when this window is closed, and a training "
            "that was stopped or killed goes on from its last finished epoch."
        )
        about.setObjectName("quiet")
        about.setWordWrap(True)
        bottom = QHBoxLayout()
        bottom.addWidget(self.problem, 1)
        bottom.addStretch()
        bottom.addWidget(self.start)
        column = QVBoxLayout(self)
        column.addWidget(title)
        column.addWidget(about)
        column.addWidget(area, 1)
        column.addLayout(bottom)

    def _connect(self) -> None:
        self.cohort.changed.connect(self._on_cohort)
        self.label.currentIndexChanged.connect(self._on_label)
        self.positive.currentIndexChanged.connect(self._on_positive)
        for signal in (
            self.expression.changed,
            self.features.changed,
            self.out.changed,
            self.negative.currentIndexChanged,
            self.group.currentIndexChanged,
            self.method.currentIndexChanged,
            self.preset.currentIndexChanged,
            self.epochs.valueChanged,
            self.seed.valueChanged,
            self.folds.valueChanged,
            self.settings.changed,
        ):
            signal.connect(self._on_change)
        self._pause.timeout.connect(self.settled)
        self.start.clicked.connect(self.start_wanted)

    def _on_change(self) -> None:
        self.start.setEnabled(False)  # until it is checked
        self._pause.start()

    def _on_cohort(self) -> None:
        self._look = None
        for box in (self.label, self.positive, self.negative, self.group):
            box.clear()
        self.start.setEnabled(False)
        self.cohort_named.emit(self.cohort.path)

    def _on_label(self) -> None:
        column = self._column()
        values = column.values if column is not None else ()
        with QSignalBlocker(self.positive):
            _fill(self.positive, [(f"{v} ({n})", v) for v, n in values], "Choose a value")
        for likely in (
            "positive",
            "pos",
            "high",
            "yes",
            "1",
        ):  # a proposal, seen and changed at once
            if (at := self.positive.findData(likely)) > 0:
                self.positive.setCurrentIndex(at)
        self._on_positive()
        self.label_chosen.emit(_data(self.label))

    def _on_positive(self) -> None:
        column = self._column()
        values = column.values if column is not None else ()
        others = [(f"{v} ({n})", v) for v, n in values if v != _data(self.positive)]
        with QSignalBlocker(self.negative):
            _fill(self.negative, others, "Choose a value" if len(others) > 1 else "")
            self.negative.setCurrentIndex(0)
        self._on_change()

    def _column(self) -> LabelColumn | None:
        columns = self._look.columns if self._look is not None else ()
        return next((c for c in columns if c.name == _data(self.label)), None)


def _of(column: LabelColumn) -> str:
    told = ", ".join(f"{value} {count}" for value, count in column.values[:4])
    return f"{column.name} ({told}{', …' if len(column.values) > 4 else ''})"


def _data(box: QComboBox) -> str:
    return str(box.currentData() or "")


def _fill(box: QComboBox, entries: Sequence[tuple[str, str]], nothing: str) -> None:
    box.clear()
    if nothing:
        box.addItem(nothing, "")
    for text, value in entries:
        box.addItem(text, value)


def _count(value: int, least: int, most: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(least, most)
    box.setValue(value)
    return box


def _row(name: str, widgets: Sequence[QWidget]) -> QWidget:
    names = name.split(", ")
    if len(names) != len(widgets):
        names = [name] * len(widgets)
    row = QWidget()
    row.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for one, widget in zip(names, widgets, strict=True):
        widget.setAccessibleName(one.capitalize())
        layout.addWidget(widget, 1)
    return row
