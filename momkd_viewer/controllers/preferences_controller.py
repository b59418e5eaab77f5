"""Keeps preferences, and has them take effect."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, replace

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from momkd_core.storage import review_file
from momkd_viewer.controllers.display_controller import DisplayController
from momkd_viewer.controllers.theme_controller import ThemeController
from momkd_viewer.controllers.view_pair import ViewPair
from momkd_viewer.state.preferences import Preferences
from momkd_viewer.state.theme import THEME_CHOICES
from momkd_viewer.widgets.preferences_dialog import PreferencesDialog

_GROUP = "preferences"
_MIB = 1024 * 1024


class PreferencesController(QObject):
    """Attributes:
    now: what the user prefers.

    Signals:
        changed(): they are others now.
    """

    changed = Signal()

    def __init__(
        self,
        window: QWidget,
        settings: QSettings,
        views: ViewPair,
        display: DisplayController,
        theme: ThemeController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._settings = window, settings
        self._views, self._display, self._theme = views, display, theme
        self._actions: Mapping[str, QAction] = {}
        names = asdict(Preferences())
        self.now = Preferences.from_kept(
            {name: settings.value(f"{_GROUP}/{name}") for name in names}
        )
        self._take_effect()

    def attach(self, actions: Mapping[str, QAction]) -> None:
        """Has the theme's menu entries show which one is chosen."""
        self._actions = actions
        self._show_theme()

    def show_dialog(self) -> PreferencesDialog:
        """Opens the preferences."""
        dialog = PreferencesDialog(
            self.now, self._window, review_set_outside="MOMKD_REVIEW" in os.environ
        )
        dialog.chosen.connect(self.choose)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def choose(self, preferences: Preferences) -> None:
        """Keeps preferences for the next start too."""
        self.now = preferences
        for name, value in asdict(preferences).items():
            self._settings.setValue(f"{_GROUP}/{name}", value)
        self._take_effect()
        self._show_theme()
        self.changed.emit()

    def name_reviewer(self, name: str) -> None:
        """Who signs verdicts from now on."""
        self.choose(replace(self.now, reviewer=name))

    @property
    def review(self) -> str:
        """Where verdicts are kept: a path or URL; ``MOMKD_REVIEW`` goes before the preferences."""
        set_outside = "MOMKD_REVIEW" in os.environ
        return review_file() if set_outside or not self.now.review else self.now.review

    def choose_theme(self, theme: str) -> None:
        self.choose(replace(self.now, theme=theme))

    def _take_effect(self) -> None:
        self._views.set_cache_budget(self.now.cache_mib * _MIB)
        self._views.set_readers(self.now.readers)
        self._display.set_profile_default(self.now.colour_managed)
        self._theme.choose(self.now.theme)

    def _show_theme(self) -> None:
        for name in THEME_CHOICES:
            if f"theme_{name}" in self._actions:
                self._actions[f"theme_{name}"].setChecked(name == self.now.theme)
