"""The first line above the table of a workspace: views, search, task, order, columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QToolButton,
    QWidget,
)

from momkd_viewer.state.workspace_columns import Column
from momkd_viewer.state.workspace_order import (
    COHORT,
    FACTOR_WORDS,
    TRIAGE,
    Ordering,
    offered_factors,
)
from momkd_viewer.state.workspace_views import BUILT_IN, View


class WorkspaceBar(QWidget):
    """Signals:
    searched(str), task_chosen(str), ordered(Ordering): the user wants another view.
    view_chosen(View), view_named(str), view_deleted(str): of the menu of views.
    columns_chosen(tuple): keys of the columns to be shown; None for the usual ones.
    """

    searched = Signal(str)
    task_chosen = Signal(str)
    ordered = Signal(object)
    view_chosen = Signal(object)
    view_named = Signal(str)
    view_deleted = Signal(str)
    columns_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ordering = Ordering()
        self._saved: tuple[View, ...] = ()
        self._columns: tuple[Column, ...] = ()
        self._shown: tuple[str, ...] = ()
        self.views = _menu_button("Views ▾", "Views")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a case, a slide, a flag")
        self.search.setClearButtonEnabled(True)
        clear = self.search.findChild(QToolButton)
        assert clear is not None
        clear.setAccessibleName("Clear the search")
        clear.clicked.connect(lambda: self.searched.emit(""))
        self.search.setAccessibleName("Find cases")
        self.search.textEdited.connect(self.searched)
        self.tasks = QComboBox()
        self.tasks.setAccessibleName("Task that order, filters and charts are about")
        self.tasks.setToolTip(self.tasks.accessibleName())
        self.tasks.activated.connect(lambda at: self.task_chosen.emit(self.tasks.itemData(at)))
        self.order = _menu_button("Order ▾", "Order of the cases")
        self.columns = _menu_button("Columns ▾", "Which columns are shown")
        for button, fill in (
            (self.views, self._fill_views),
            (self.order, self._fill_order),
            (self.columns, self._fill_columns),
        ):
            button.menu().aboutToShow.connect(fill)
        self.count = QLabel()
        self.count.setObjectName("quiet")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 6, 8, 6)
        row.setSpacing(6)
        row.addWidget(self.views)
        row.addWidget(self.search, 1)
        for widget in (self.count, self.tasks, self.order, self.columns):
            row.addWidget(widget)

    def show_view(self, view: View, saved: Sequence[View], tasks: Sequence[str]) -> None:
        """Sets all controls to what holds."""
        if self.search.text() != view.filter.text:
            self.search.setText(view.filter.text)
        if [self.tasks.itemData(at) for at in range(self.tasks.count())] != list(tasks):
            self.tasks.clear()
            for task in tasks:
                self.tasks.addItem(task, task)
        self.tasks.setCurrentIndex(max(0, self.tasks.findData(view.task)))
        self.tasks.setVisible(bool(tasks))
        self.views.setText(f"{view.name if view.name and view.holds else 'Views'} ▾")
        self._saved = tuple(saved)
        self._ordering = view.ordering
        self.order.setText(f"Order: {view.ordering.words} ▾")

    def show_columns(self, columns: tuple[Column, ...], shown: tuple[str, ...]) -> None:
        """Offers the columns that may be seen now."""
        self._columns, self._shown = columns, shown

    def _fill_views(self) -> None:
        menu, saved = self.views.menu(), self._saved
        menu.clear()
        for view in (*(one for one in BUILT_IN if one.holds), *saved):
            if saved and view is saved[0]:
                menu.addSeparator()
            menu.addAction(view.name).triggered.connect(
                lambda _=False, v=view: self.view_chosen.emit(v)
            )
        menu.addSeparator()
        menu.addAction("Save this view…").triggered.connect(self._ask_for_name)
        if saved:
            less = menu.addMenu("Delete a view")
            for view in saved:
                less.addAction(view.name).triggered.connect(
                    lambda _=False, v=view: self.view_deleted.emit(v.name)
                )

    def _ask_for_name(self) -> None:
        dialog = QInputDialog(self)
        dialog.setWindowTitle("Save this view")
        dialog.setLabelText("Filters, order and columns are kept under this name:")
        dialog.textValueSelected.connect(self.view_named)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _fill_order(self) -> None:
        menu, ordering = self.order.menu(), self._ordering
        menu.clear()
        menu.addSection("Product of")
        for name in offered_factors():
            action = menu.addAction(FACTOR_WORDS[name])
            action.setCheckable(True)
            action.setChecked(ordering.by == TRIAGE and name in ordering.factors)
            action.triggered.connect(lambda on, n=name: self._change_factor(n, on))
        menu.addSeparator()
        cohort = menu.addAction("As in the cohort")
        cohort.setCheckable(True)
        cohort.setChecked(ordering.by == COHORT)
        cohort.triggered.connect(lambda: self.ordered.emit(replace(ordering, by=COHORT)))

    def _change_factor(self, name: str, on: bool) -> None:
        before = self._ordering.factors if self._ordering.by == TRIAGE else ()
        factors = tuple(
            f for f in FACTOR_WORDS if (f in before and f != name) or (on and f == name)
        )
        by = TRIAGE if factors else COHORT
        self.ordered.emit(replace(self._ordering, by=by, factors=factors or (name,)))

    def _fill_columns(self) -> None:
        menu = self.columns.menu()
        menu.clear()
        parts: dict[str, QMenu] = {}
        for column in self._columns:
            task, _, title = column.title.rpartition("\n")
            place = menu if not task else parts.get(task) or menu.addMenu(task)
            if task:
                parts[task] = place
            action = place.addAction(title)
            action.setToolTip(column.tip)
            action.setCheckable(True)
            action.setChecked(column.key in self._shown)
            action.setEnabled(column.key != "case")
            action.triggered.connect(lambda on, k=column.key: self._change_column(k, on))
        menu.addSeparator()
        menu.addAction("The usual ones").triggered.connect(lambda: self.columns_chosen.emit(None))

    def _change_column(self, key: str, on: bool) -> None:
        keys = [c.key for c in self._columns if (c.key in self._shown and c.key != key)
                or (on and c.key == key)]  # fmt: skip
        self.columns_chosen.emit(tuple(keys))


def _menu_button(text: str, spoken: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setObjectName("filter")
    button.setAccessibleName(spoken)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setMenu(QMenu(button))
    return button
