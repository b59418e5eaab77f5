"""Preferences of the user."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QWidget,
)

from momkd_viewer.state.preferences import CACHE_MIB, READERS, Preferences

_THEMES = (("dark", "Dark"), ("light", "Light"), ("system", "As the system"))


class PreferencesDialog(QDialog):
    """Signals:
    chosen(Preferences): confirmed.
    """

    chosen = Signal(object)

    def __init__(self, now: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Preferences")
        self.cache = QSpinBox()
        self.cache.setRange(*CACHE_MIB)
        self.cache.setSingleStep(64)
        self.cache.setSuffix(" MiB")
        self.readers = QSpinBox()
        self.readers.setRange(*READERS)
        self.readers.setSpecialValueText("One a processor core")
        self.theme = QComboBox()
        for name, text in _THEMES:
            self.theme.addItem(text, name)
        self.profile = QCheckBox("Apply slides' colour profiles")
        note = QLabel("Readers take effect with the next slide, all else at once.")
        note.setObjectName("quiet")
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok
            | QDialogButtonBox.StandardButton.Cancel
            | QDialogButtonBox.StandardButton.RestoreDefaults
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        buttons.button(QDialogButtonBox.StandardButton.RestoreDefaults).clicked.connect(
            lambda: self.show_preferences(Preferences())
        )
        self.accepted.connect(lambda: self.chosen.emit(self.preferences))
        form = QFormLayout(self)
        for name, widget in (
            ("Memory for tiles", self.cache),
            ("Reader threads", self.readers),
            ("Theme", self.theme),
        ):
            widget.setAccessibleName(name)
            form.addRow(name, widget)
        for wide in (self.profile, note, buttons):
            form.addRow(wide)
        self.show_preferences(now)

    @property
    def preferences(self) -> Preferences:
        return Preferences(
            cache_mib=self.cache.value(),
            theme=str(self.theme.currentData()),
            colour_managed=self.profile.isChecked(),
            readers=self.readers.value(),
        )

    def show_preferences(self, preferences: Preferences) -> None:
        self.cache.setValue(preferences.cache_mib)
        self.readers.setValue(preferences.readers)
        self.theme.setCurrentIndex([name for name, _ in _THEMES].index(preferences.theme))
        self.profile.setChecked(preferences.colour_managed)
