"""Asks for the resolution of a slide whose file does not state it, in either view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QInputDialog, QWidget

from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.split_controller import SplitController
from momkd_viewer.controllers.view_pair import ShownView

_NO_RESOLUTION = (
    "This slide does not state its resolution, which the models need. "
    "State it, for instance 0.25 µm/px for a 40× scan."
)


class ResolutionController(QObject):
    """Args:
    reopen: opens a slide in the first view, with its microns per pixel.
    """

    def __init__(
        self,
        window: QWidget,
        split: SplitController,
        cases: CaseController,
        reopen: Callable[[Path, float], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._split, self._cases, self._reopen = window, split, cases, reopen
        for view in split.views.both:
            view.analysis.resolution_wanted.connect(lambda v=view: self._offer(v))
            view.canvas.banner.action_taken.connect(lambda v=view: self._ask(v))

    def _offer(self, view: ShownView) -> None:
        view.canvas.banner.show_message(_NO_RESOLUTION, "State resolution…")

    def ask(self) -> None:
        """Asks for the resolution of what the active view shows, and opens it again with that."""
        self._ask(self._split.views.active)

    def _ask(self, view: ShownView) -> None:
        slide = view.slides.slide
        if slide is None:
            return
        dialog = QInputDialog(self._window)
        dialog.setInputMode(QInputDialog.InputMode.DoubleInput)
        dialog.setWindowTitle("Slide resolution")
        dialog.setLabelText("Microns per pixel at full resolution (40× is about 0.25):")
        dialog.setDoubleRange(0.01, 100.0)
        dialog.setDoubleDecimals(4)
        known = slide.known_mpp
        dialog.setDoubleValue(known.mean if known else 0.25)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        own = view is self._split.views.second and not self._split.follows
        path = slide.path
        dialog.doubleValueSelected.connect(lambda value: self._state(path, value, own=own))
        dialog.open()

    def _state(self, path: Path, mpp: float, *, own: bool) -> None:
        self._cases.remember_resolution(path, mpp)
        if own:
            self._split.open(path, mpp)
        else:
            self._reopen(path, mpp)
