"""Asks the model what one patch is: Shift+click, or the canvas's context menu."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenu

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.component_controller import ComponentController
from momkd_viewer.controllers.memory_controller import MemoryController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.component_work import FindNearest, Inspected, inspect_patch
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.component_patches import GalleryPatch, PatchPlace
from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.patch_inspector import PatchInspector

_HEIGHT = 300


class InspectionController(QObject):
    """Attributes:
    find_nearest: finds the nearest patches of a cohort; None before one has been read.
    """

    def __init__(
        self,
        window: QMainWindow,
        canvas: Canvas,
        slides: SlideController,
        analysis: AnalysisController,
        memory: MemoryController,
        components: ComponentController,
        jobs: JobRunner,
    ) -> None:
        super().__init__(window)
        self.find_nearest: FindNearest | None = None
        self._window, self._canvas, self._slides = window, canvas, slides
        self._analysis, self._memory, self._components = analysis, memory, components
        self._jobs = jobs
        self._job: Job | None = None
        self.panel = PatchInspector()
        self.dock = QDockWidget("Patch", window)
        self.dock.setObjectName("Patch")
        self.dock.setWidget(self.panel)
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.dock)
        self.dock.hide()
        view, pictures, nearest = canvas.slide_view, memory.pictures, self.panel.nearest
        view.asked.connect(self.ask)
        view.menu_wanted.connect(self._open_menu)
        analysis.shown_changed.connect(self._on_result)
        slides.closing.connect(self._forget)
        pictures.arrived.connect(self._on_picture)
        nearest.pictures = pictures.picture
        nearest.explain(pictures.reason)
        nearest.seen.connect(lambda places: pictures.want(nearest, places))
        nearest.chosen.connect(self._go_to)
        self.panel.similarities.component_chosen.connect(components.open)
        self.panel.closed.connect(self.dock.hide)

    # -- asking ----------------------------------------------------------------------------------

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries do, by their names in the table of actions."""
        return {"inspect_patch": self.ask_at_cursor}

    def ask_at_cursor(self) -> None:
        """Says what the patch under the cursor is; in the middle of the view, where there is none."""
        canvas = self._canvas.slide_view
        if canvas.view is not None:
            self.ask(*(canvas.nearest or (canvas.view.centre_x, canvas.view.centre_y)))

    def ask(self, x: float, y: float) -> None:
        """Says what the patch at a level-0 point is; nothing, where there is none."""
        patch = self._memory.patch_at(x, y)
        if patch is not None:
            self._show(patch)
            self._memory.choose_patch(patch)

    def _show(self, patch: int) -> None:
        outcome, source = self._analysis.outcome, self._slides.source
        if outcome is None or source is None:
            return
        if self._job is not None:
            self._job.cancel()

        def done(found: Inspected) -> None:
            self._job = None
            self.panel.show_inspection(found.inspection, found.nearest)
            self._memory.pictures.want(self.panel, [found.inspection.place])
            self._on_picture(found.inspection.place)
            if self.dock.isHidden():
                self._window.tabifyDockWidget(self._components.dock, self.dock)
                self.dock.show()
                self._window.resizeDocks([self.dock], [_HEIGHT], Qt.Orientation.Vertical)
            self.dock.raise_()

        self._job = self._jobs.start(
            inspect_patch(outcome, source.path, patch, self.find_nearest),
            done=done,
            failed=lambda error: self._analysis.failed.emit(str(error)),
        )

    def set_nearest(self, find: FindNearest | None) -> None:
        """Where the nearest patches of a cohort come from; None: no cohort has been read."""
        self.find_nearest = find
        self._on_result()

    def show_again(self) -> None:
        """Shows all of it anew: it is worded or coloured in another way from now on."""
        self._on_result()

    def _on_result(self) -> None:
        """Another result of the same slide: the patch is asked about again."""
        shown = self.panel.inspection
        if shown is None or self._analysis.result is None:
            return
        half = shown.place.size / 2
        patch = self._memory.patch_at(shown.place.x + half, shown.place.y + half)
        if patch is not None:
            self._show(patch)

    def _forget(self) -> None:
        """The slide goes, and with it the patch."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self.panel.clear()

    def _open_menu(self, x: float, y: float, at: QPoint) -> None:
        menu = QMenu(self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text, slot in self.entries(x, y):
            action = menu.addAction(text)
            action.setEnabled(slot is not None)
            if slot is not None:
                action.triggered.connect(slot)
        menu.popup(at)

    def entries(self, x: float, y: float) -> list[tuple[str, Callable[[], None] | None]]:
        """The menu of a level-0 point: texts, and what they do; None: not here."""
        patch = self._memory.patch_at(x, y)
        ask = None if patch is None else (lambda: self.ask(x, y))
        return [("What is this patch?\tShift+click", ask)]

    # -- patches ---------------------------------------------------------------------------------

    def _on_picture(self, place: PatchPlace) -> None:
        self.panel.nearest.picture_arrived(place)
        shown = self.panel.inspection
        picture = self._memory.pictures.picture(place)
        if shown is not None and shown.place == place and picture is not None:
            self.panel.show_picture(picture)

    def _go_to(self, patch: GalleryPatch) -> None:
        if patch.place is not None:
            self._memory.go_to_place(patch.place)
