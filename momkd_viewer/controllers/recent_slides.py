"""The slides and cohorts that were opened last: kept, offered by the welcome page and the menu."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtWidgets import QMenu

from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.widgets.welcome import Welcome

_KEPT, _KEPT_COHORTS = "recent", "recent_cohorts"
# Cohorts are kept apart: their own slides would push them out.
_MOST, _MOST_COHORTS = 8, 3


class RecentSlides(QObject):
    """Signals:
    chosen(Path): one of them is to be opened again.
    """

    chosen = Signal(Path)

    def __init__(
        self,
        slides: SlideController,
        cases: CaseController,
        welcome: Welcome,
        menu: QMenu,
        mask: NameMask,
        settings: QSettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._cases = cases
        self._slides, self._welcome, self._menu = slides, welcome, menu
        self._mask, self._settings = mask, settings
        welcome.recent_chosen.connect(
            lambda at: self.chosen.emit(Path([*self.cohorts, *self.paths][at]))
        )
        slides.opened.connect(self._on_opened)
        cases.opened.connect(self._on_cohort)
        self.show()

    @property
    def paths(self) -> list[str]:
        """Slides, the latest first."""
        return self._kept(_KEPT)

    @property
    def cohorts(self) -> list[str]:
        """Tables of cases and folders of slides, the latest first."""
        return self._kept(_KEPT_COHORTS)

    def _kept(self, name: str) -> list[str]:
        value = self._settings.value(name, [])
        paths = [value] if isinstance(value, str) else list(value or [])  # type: ignore[call-overload]
        return [str(path) for path in paths]

    def _on_opened(self) -> None:
        source = self._slides.source
        assert source is not None
        recent = dict.fromkeys([str(source.path.resolve()), *self.paths])
        self._settings.setValue(_KEPT, list(recent)[:_MOST])
        self.show()

    def _on_cohort(self) -> None:
        table = self._cases.table
        assert table is not None
        recent = dict.fromkeys([str(table.resolve()), *self.cohorts])
        self._settings.setValue(_KEPT_COHORTS, list(recent)[:_MOST_COHORTS])
        self.show()

    def show(self) -> None:
        """Offers them, as names are shown now."""
        cohorts, slides = self.cohorts, self.paths
        paths = [*cohorts, *slides]
        names = [self._mask.file(Path(path)) for path in cohorts]
        names += [self._mask.slide(Path(path)) for path in slides]
        self._welcome.show_recent(names)
        self._menu.clear()
        for path, name in zip(paths, names, strict=True):
            action = self._menu.addAction(name)
            action.setToolTip(self._mask.text(path))
            action.triggered.connect(lambda checked=False, p=path: self.chosen.emit(Path(p)))
        self._menu.setEnabled(bool(paths))
