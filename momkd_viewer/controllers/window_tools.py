"""What makes the viewer comfortable, put together: navigation, display, keys, export, privacy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from PySide6.QtCore import QObject, QSettings
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QMainWindow, QMenu

from momkd_viewer.controllers.action_controller import ActionController
from momkd_viewer.controllers.bookmark_controller import BookmarkController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.display_controller import DisplayController
from momkd_viewer.controllers.export_controller import ExportController
from momkd_viewer.controllers.navigation_controller import NavigationController
from momkd_viewer.controllers.preferences_controller import PreferencesController
from momkd_viewer.controllers.privacy_controller import PrivacyController, Worded
from momkd_viewer.controllers.theme_controller import ThemeController
from momkd_viewer.controllers.view_pair import ViewPair
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.state.theme import THEME_CHOICES
from momkd_viewer.widgets.case_list import CaseList
from momkd_viewer.widgets.progress_strip import ProgressStrip


class WindowTools(QObject):
    """Attributes: navigation, bookmarks, display, preferences, privacy, export; keys, once attached."""

    def __init__(
        self,
        window: QMainWindow,
        views: ViewPair,
        cases: CaseController,
        case_list: CaseList,
        worded: Sequence[Worded],
        strip: ProgressStrip,
        jobs: JobRunner,
        settings: QSettings,
        mask: NameMask,
    ) -> None:
        super().__init__(window)
        canvas, slides = views.first.canvas, views.first.slides
        self._window, self._slides, self._settings = window, slides, settings
        self.navigation = NavigationController(window, views, self)
        self.bookmarks = BookmarkController(window, canvas, slides, self)
        self.display = DisplayController(window, canvas, slides, self)
        self.preferences = PreferencesController(
            window, settings, views, self.display, ThemeController(self), self
        )
        self.privacy = PrivacyController(
            window, slides, cases, case_list, worded, jobs, settings, mask, self
        )
        self.export = ExportController(window, canvas, slides, strip, jobs, settings, mask, self)
        self.keys: ActionController
        for source in (self.bookmarks, self.export):
            source.failed.connect(canvas.banner.show_message)

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries of these tools do."""
        navigation = self.navigation
        found: dict[str, Callable[[], object]] = {
            "go_to": navigation.ask_for_place,
            "go_back": navigation.go_back,
            "go_forward": navigation.go_forward,
            "turn_left": lambda: navigation.turn(-90.0),
            "turn_right": lambda: navigation.turn(90.0),
            "turn_freely": navigation.show_turning,
            "turn_upright": navigation.turn_upright,
            "add_bookmark": self.bookmarks.ask_for_name,
            "edit_bookmarks": self.bookmarks.show_window,
            "display": self.display.show_panel,
            "preferences": self.preferences.show_dialog,
            "export_view": self.export.ask_for_view,
            "export_overlay": self.export.ask_for_overlay,
            "mask_names": self.privacy.toggle_names,
            "slide_label": self.privacy.show_label,
            "show_keys": self._show_keys,
            "palette": self._show_palette,
        }
        for theme in THEME_CHOICES:
            found[f"theme_{theme}"] = partial(self.preferences.choose_theme, theme)
        return found

    def close_windows(self) -> None:
        """At the end of the application: closes what was opened beside the window."""
        for dialog in self._window.findChildren(QDialog):
            dialog.close()

    def _show_keys(self) -> None:
        self.keys.show_sheet()

    def _show_palette(self) -> None:
        self.keys.show_palette()

    def attach(self, actions: Mapping[str, QAction]) -> None:
        """Takes over the menu entries, once they are made."""
        self.keys = ActionController(
            self._window, dict(actions), self._slides, self._settings, self
        )
        self.navigation.attach(actions)
        self.preferences.attach(actions)
        self.privacy.attach(actions)
        menu = actions["edit_bookmarks"].associatedObjects()[0]
        assert isinstance(menu, QMenu)
        self.bookmarks.attach(menu.addMenu("Go to bookmark"))
