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
    QLineEdit,
    QSpinBox,
    QWidget,
)

from momkd_viewer.state.preferences import CACHE_MIB, READERS, PreferenceError, Preferences

_THEMES = (("dark", "Dark"), ("light", "Light"), ("system", "As the system"))


class PreferencesDialog(QDialog):
    """Signals:
    chosen(Preferences): confirmed.
    """

    chosen = Signal(object)

    def __init__(
        self, now: Preferences, parent: QWidget | None = None, *, review_set_outside: bool = False
    ) -> None:
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
        self.reviewer, self.review = QLineEdit(), QLineEdit()
        self.reviewer.setPlaceholderText("Your name, as your team knows you")
        self.review.setPlaceholderText("Your own file, or postgresql://user@host/database")
        self.review.setMinimumWidth(320)
        if review_set_outside:
            self.review.setEnabled(False)
            self.review.setPlaceholderText("MOMKD_REVIEW says where")
        self._problem = QLabel()
        self._problem.setObjectName("failure")
        self._problem.setWordWrap(True)
        self._problem.hide()
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
        form = QFormLayout(self)
        for name, widget in (
            ("Memory for tiles", self.cache),
            ("Reader threads", self.readers),
            ("Theme", self.theme),
            ("You, as reviewer", self.reviewer),
            ("Verdicts are kept in", self.review),
        ):
            widget.setAccessibleName(name)
            form.addRow(name, widget)
        for wide in (self.profile, note, self._problem, buttons):
            form.addRow(wide)
        self.show_preferences(now)

    def accept(self) -> None:
        """Confirms what can be; says what cannot."""
        try:
            wanted = self.preferences
        except PreferenceError as error:
            self._problem.setText(str(error))
            self._problem.show()
        else:
            super().accept()
            self.chosen.emit(wanted)

    @property
    def preferences(self) -> Preferences:
        """What is set now. Raises :class:`PreferenceError`."""
        return Preferences(
            cache_mib=self.cache.value(),
            theme=str(self.theme.currentData()),
            colour_managed=self.profile.isChecked(),
            readers=self.readers.value(),
            reviewer=self.reviewer.text().strip(),
            review=self.review.text().strip(),
        )

    def show_preferences(self, preferences: Preferences) -> None:
        self.cache.setValue(preferences.cache_mib)
        self.readers.setValue(preferences.readers)
        self.reviewer.setText(preferences.reviewer)
        self.review.setText(preferences.review)
        self.theme.setCurrentIndex([name for name, _ in _THEMES].index(preferences.theme))
        self.profile.setChecked(preferences.colour_managed)
