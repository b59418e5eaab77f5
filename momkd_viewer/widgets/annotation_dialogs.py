"""Dialogs of annotations: properties of the selected ones, and a new class."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QCheckBox,
    QColorDialog,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from momkd_viewer.state.annotations import Annotation, AnnotationClass, Colour
from momkd_viewer.widgets.annotation_panel import swatch

#: Offered for new classes, one after the other.
_NEW_COLOURS: tuple[Colour, ...] = (
    (200, 30, 170), (90, 60, 200), (120, 160, 0), (0, 120, 90), (190, 90, 60), (60, 60, 60),
)  # fmt: skip


class _Dialog(QDialog):
    def __init__(self, title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(340)
        self.form = QFormLayout(self)
        self._buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)


class PropertiesDialog(_Dialog):
    """Name, class and note; of several annotations the class alone.

    Attributes:
        name, note, locked: as typed; None where several are selected.
        class_name: '' for none.
    """

    def __init__(
        self,
        chosen: Sequence[Annotation],
        classes: Sequence[AnnotationClass],
        size: str,
        parent: QWidget | None = None,
    ) -> None:
        one = chosen[0] if len(chosen) == 1 else None
        super().__init__("Annotation" if one else f"{len(chosen)} annotations", parent)
        self._name = QLineEdit(one.name if one else "")
        self._class = QComboBox()
        self._class.setAccessibleName("Class")
        self._class.addItem("No class", "")
        for known in classes:
            self._class.addItem(swatch(known.colour), known.name, known.name)
        names = {item.class_.name if item.class_ else "" for item in chosen}
        self._class.setCurrentIndex(self._class.findData(names.pop()) if len(names) == 1 else -1)
        self._note = QPlainTextEdit(one.note if one else "")
        self._note.setMaximumHeight(90)
        self._note.setTabChangesFocus(True)
        self._locked = QCheckBox("Locked: neither moved, changed nor deleted")
        self._locked.setChecked(one.locked if one else False)
        self._one = one
        if one:
            self.form.addRow("Name", self._name)
        self.form.addRow("Class", self._class)
        if one:
            self.form.addRow("Note", self._note)
            if size:
                self.form.addRow("Size", QLabel(size))
            self.form.addRow("", self._locked)
        self.form.addRow(self._buttons)

    @property
    def class_name(self) -> str | None:
        """None: left as they are, which differ."""
        data = self._class.currentData()
        return None if data is None else str(data)

    @property
    def name(self) -> str | None:
        return self._name.text().strip() if self._one else None

    @property
    def note(self) -> str | None:
        return self._note.toPlainText().strip() if self._one else None

    @property
    def locked(self) -> bool | None:
        return self._locked.isChecked() if self._one else None


class ClassDialog(_Dialog):
    """A new class.

    Signals:
        made(AnnotationClass)
    """

    made = Signal(object)

    def __init__(self, known: Sequence[AnnotationClass], parent: QWidget | None = None) -> None:
        super().__init__("New class", parent)
        taken = {one.colour for one in known}
        free = [colour for colour in _NEW_COLOURS if colour not in taken]
        self._colour: Colour = (free or list(_NEW_COLOURS))[0]
        self._name = QLineEdit()
        self._name.textChanged.connect(self._check)
        self._button = QPushButton("Change…")
        self._button.setIcon(swatch(self._colour, 16))
        self._button.clicked.connect(self._ask_colour)
        self.form.addRow("Name", self._name)
        self.form.addRow("Colour", self._button)
        self.form.addRow(self._buttons)
        self.accepted.connect(
            lambda: self.made.emit(AnnotationClass(self._name.text().strip(), self._colour))
        )
        self._check()

    def _check(self) -> None:
        ok = self._buttons.button(QDialogButtonBox.StandardButton.Ok)
        ok.setEnabled(bool(self._name.text().strip()))

    def _ask_colour(self) -> None:
        dialog = QColorDialog(QColor(*self._colour), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(self._set_colour)
        dialog.open()

    def _set_colour(self, colour: QColor) -> None:
        self._colour = (colour.red(), colour.green(), colour.blue())
        self._button.setIcon(swatch(self._colour, 16))
