"""Names are masked wherever they are shown; pictures of the glass are shown on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtGui import QAction, QImage
from PySide6.QtWidgets import QWidget

from momkd_core.errors import MomkdError
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.label_work import read_label_pictures
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.widgets.case_list import CaseList
from momkd_viewer.widgets.label_dialog import LabelDialog

_KEPT = "mask_names"
_TABLES = (".csv", ".zip", "")
_NO_PATIENT = (".safetensors",)


class Worded(Protocol):
    """A widget whose messages may hold names."""

    worded: Callable[[str], str]

    def refresh(self) -> None:
        """Words all messages anew."""


def kept_mask(settings: QSettings) -> NameMask:
    """A mask that is on where the user left it on."""
    return NameMask(on=str(settings.value(_KEPT, "false")).lower() == "true")


class PrivacyController(QObject):
    """Signals:
    names_changed(): names are masked from now on, or no more.
    """

    names_changed = Signal()

    def __init__(
        self,
        window: QWidget,
        slides: SlideController,
        cases: CaseController,
        case_list: CaseList,
        worded: Sequence[Worded],
        jobs: JobRunner,
        settings: QSettings,
        mask: NameMask,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._slides, self._jobs = window, slides, jobs
        self._list, self._worded = case_list, worded
        self._settings = settings
        self._action: QAction | None = None
        self.mask = mask
        for widget in worded:
            widget.worded = mask.text
        case_list.show_names(self.mask.case, self.mask.text)
        slides.wanted.connect(self.mask.meet_slide)
        cases.listing.connect(self._on_cohort)

    def attach(self, actions: Mapping[str, QAction]) -> None:
        """Has the menu entry show whether names are masked."""
        self._action = actions["mask_names"]
        self._action.setChecked(self.mask.on)

    # -- names -----------------------------------------------------------------------------------

    def meet(self, path: Path) -> None:
        """Something is going to be opened: its name may turn up in a message."""
        if path.suffix.lower() in _NO_PATIENT:
            return
        if path.suffix.lower() in _TABLES or path.is_dir():
            self.mask.meet_file(path)
        else:
            self.mask.meet_slide(path)

    def _on_cohort(self, entries: list[tuple[str, Path]]) -> None:
        for case, path in entries:
            self.mask.meet_case(case, path)

    def toggle_names(self) -> None:
        """Masks names, or shows them again; the choice is kept."""
        self.mask.on = not self.mask.on
        self._settings.setValue(_KEPT, self.mask.on)
        if self._action is not None:
            self._action.setChecked(self.mask.on)
        self._list.show_names(self.mask.case, self.mask.text)
        for widget in self._worded:
            widget.refresh()
        self.names_changed.emit()

    # -- label and macro -------------------------------------------------------------------------

    def show_label(self) -> LabelDialog | None:
        """Opens the window that shows label and macro once the user says so; None without a slide."""
        slide = self._slides.slide
        if slide is None:
            return None
        dialog = LabelDialog(slide.associated_images, self._window)
        open_ = True

        def closed() -> None:
            nonlocal open_
            open_ = False

        def shown(pictures: list[tuple[str, QImage]]) -> None:
            if open_:
                dialog.show_pictures(pictures)

        def failed(error: MomkdError) -> None:
            if open_:
                dialog.say(self.mask.text(str(error)))

        dialog.pictures_wanted.connect(
            lambda: self._jobs.start(read_label_pictures(slide), done=shown, failed=failed)
        )
        dialog.finished.connect(closed)
        self._slides.closing.connect(dialog.reject)
        dialog.open()
        return dialog
