"""The slides that were opened last: kept, and offered by the welcome page and the menu."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtWidgets import QMenu

from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.widgets.welcome import Welcome

_KEPT = "recent"
_MOST = 8


class RecentSlides(QObject):
    """Signals:
    chosen(Path): one of them is to be opened again.
    """

    chosen = Signal(Path)

    def __init__(
        self,
        slides: SlideController,
        welcome: Welcome,
        menu: QMenu,
        mask: NameMask,
        settings: QSettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._slides, self._welcome, self._menu = slides, welcome, menu
        self._mask, self._settings = mask, settings
        welcome.recent_chosen.connect(lambda at: self.chosen.emit(Path(self.paths[at])))
        slides.opened.connect(self._on_opened)
        self.show()

    @property
    def paths(self) -> list[str]:
        """The latest first."""
        value = self._settings.value(_KEPT, [])
        paths = [value] if isinstance(value, str) else list(value or [])  # type: ignore[call-overload]
        return [str(path) for path in paths]

    def _on_opened(self) -> None:
        source = self._slides.source
        assert source is not None
        recent = dict.fromkeys([str(source.path.resolve()), *self.paths])
        self._settings.setValue(_KEPT, list(recent)[:_MOST])
        self.show()

    def show(self) -> None:
        """Offers them, as names are shown now."""
        paths = self.paths
        names = [self._mask.slide(Path(path)) for path in paths]
        self._welcome.show_recent(names)
        self._menu.clear()
        for path, name in zip(paths, names, strict=True):
            action = self._menu.addAction(name)
            action.setToolTip(self._mask.text(path))
            action.triggered.connect(lambda checked=False, p=path: self.chosen.emit(Path(p)))
        self._menu.setEnabled(bool(paths))
