"""The detail pane: shows one component, or two side by side, and keeps them at what holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDockWidget, QMainWindow

from momkd_core.result import SlideResult
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.memory_controller import MemoryController
from momkd_viewer.controllers.overlay_controller import OverlayController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.component_work import GalleryRequest, gather, portray
from momkd_viewer.jobs.runner import Job, JobRunner, Work
from momkd_viewer.state.component_patches import Gallery, GalleryPatch, PatchPlace
from momkd_viewer.state.components import ComponentView
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.widgets.component_detail import ComponentDetail, GalleryChoice
from momkd_viewer.widgets.component_pane import ComponentPane
from momkd_viewer.widgets.memory_browser import MemoryBrowser

_HEIGHT = 300
_HINT = "Click a component's card to see its patches here."
_NO_COHORT = "No cohort has been read with this model."
#: Gives a component's patches over a cohort.
CohortGallery = Callable[[ComponentName, GalleryChoice], Gallery]


class _Part:
    """A part of the panes that jobs fill, and what it is filled for.

    Attributes:
        jobs: that are under way for it, or were.
    """

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._of: tuple[SlideResult, tuple[object, ...]] | None = None

    def begin(self, result: SlideResult, *asked: object) -> bool:
        """Whether it has to be worked out; what is under way for something else is void then."""
        known = self._of
        # Results are told apart by identity, not by content.
        if known is not None and known[0] is result and known[1] == asked:
            return False
        self._of = result, asked
        for job in self.jobs:
            job.cancel()
        self.jobs = []
        return True

    def forget(self) -> None:
        """It is worked out anew when it is asked for again."""
        self._of = None


class ComponentController(QObject):
    """Signals:
    shown_changed(): other components are shown, or none.
    """

    shown_changed = Signal()

    def __init__(
        self,
        window: QMainWindow,
        browser: MemoryBrowser,
        slides: SlideController,
        analysis: AnalysisController,
        overlay: OverlayController,
        memory: MemoryController,
        jobs: JobRunner,
    ) -> None:
        super().__init__(window)
        self._browser, self._slides, self._analysis = browser, slides, analysis
        self._overlay, self._memory, self._jobs = overlay, memory, jobs
        self._components: tuple[ComponentName, ...] = ()
        self._cohort: CohortGallery = lambda name, choice: Gallery((), 0, 0, 0, _NO_COHORT)
        self._worded: Callable[[str], str] = str
        self._portraits, self._galleries = _Part(), _Part()
        self.detail = ComponentDetail()
        self.dock = QDockWidget("Component", window)
        self.dock.setObjectName("Component")
        self.dock.setWidget(self.detail)
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.dock)
        # The cards keep their height: the pane lies below the slide alone.
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        # Under the cases too: beside them it would leave neither of both enough width.
        window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.BottomDockWidgetArea)
        self.dock.hide()
        self._window = window
        self._connect()

    def _connect(self) -> None:
        self._browser.opened.connect(self.open)
        self._memory.cards_changed.connect(self.refresh)
        self._overlay.choice_changed.connect(lambda _: self._show_mapped())
        self._memory.patch_pointed.connect(self._mark)
        self._memory.pictures.arrived.connect(self._on_picture)
        self.detail.chosen.connect(lambda _: self.refresh())
        self.detail.compare_wanted.connect(self.compare)
        self.detail.closed.connect(self.dock.hide)
        self.dock.visibilityChanged.connect(lambda _: self.refresh())
        for pane in self.detail.panes:
            self._connect_pane(pane)

    def _connect_pane(self, pane: ComponentPane) -> None:
        analysis, overlay, memory = self._analysis, self._overlay, self._memory
        pane.muted.connect(lambda name, on: analysis.set_muted(name.memory, name.index, on))
        pane.mapped.connect(
            lambda name, on: (
                overlay.show_component(name.memory, name.index) if on else overlay.hide_component()
            )
        )
        pane.neighbour_chosen.connect(lambda name: self._replace(pane, name))
        gallery = pane.gallery
        gallery.pictures = memory.pictures.picture
        gallery.explain(memory.pictures.reason)
        gallery.seen.connect(lambda places: memory.pictures.want(gallery, places))
        gallery.chosen.connect(self._go_to)
        gallery.entered_patch.connect(self._point_at)
        gallery.left_patch.connect(memory.highlight_chosen)

    # -- which components ------------------------------------------------------------------------

    @property
    def components(self) -> tuple[ComponentName, ...]:
        """Those that are shown: none, one, or two."""
        return self._components

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries do, by their names in the table of actions."""
        return {"component_pane": self.toggle}

    def toggle(self) -> None:
        """Hides the pane, or shows it: with the first card's component where none was opened."""
        if self.dock.isVisible():
            self.dock.hide()
        elif self._components or not self._memory.views:
            self._show_dock()
            self.refresh()
        else:
            self.open(max(self._memory.views, key=lambda view: view.attention).component)

    def open(self, component: ComponentName, beside: bool = False) -> None:
        """Shows a component, in place of what is there or beside it."""
        if beside and self._components and component not in self._components:
            self._components = (self._components[0], component)
        elif component not in self._components:
            self._components = (component, *self._components[1:])
        self._show_dock()
        self.refresh()
        self.shown_changed.emit()

    def _show_dock(self) -> None:
        if self.dock.isHidden():
            self.dock.show()
            self._window.resizeDocks([self.dock], [_HEIGHT], Qt.Orientation.Vertical)
        self.dock.raise_()

    def compare(self, component: ComponentName | None) -> None:
        """Shows a second component beside the first; None: the first alone."""
        if component is not None:
            self.open(component, beside=True)
        elif self._components:
            self._components = self._components[:1]
            self.refresh()
            self.shown_changed.emit()

    def _replace(self, pane: ComponentPane, component: ComponentName) -> None:
        position = self.detail.panes.index(pane)
        kept = list(self._components)
        kept[position] = component
        self._components = tuple(dict.fromkeys(kept))
        self._browser.reveal(component)
        self.refresh()
        self.shown_changed.emit()

    def set_cohort(self, gallery: CohortGallery) -> None:
        """Where patches of the cohort come from, or why there are none."""
        self._cohort = gallery
        self.gather_again()

    def gather_again(self) -> None:
        """Shows the patches anew: those of the cohort are others now."""
        self._galleries.forget()
        self.refresh()

    def word(self, worded: Callable[[str], str]) -> None:
        """How texts are shown: names may be masked."""
        self._worded = worded
        for pane in self.detail.panes:
            pane.gallery.word(worded)

    # -- what they show --------------------------------------------------------------------------

    def refresh(self) -> None:
        """Shows what the chosen result says of the components, unless that is there already."""
        if self.dock.isHidden():
            self._browser.mark_open(())
            return
        outcome, views = self._analysis.outcome, self._memory.views
        known = [view.component for view in views]
        self._components = tuple(name for name in self._components if not views or name in known)
        self._browser.mark_open(self._components)
        if outcome is None or not views or not self._components:
            self._portraits.forget()
            self._galleries.forget()
            self.detail.show_message(_HINT if views else "There is no result to show patches of.")
            return
        self.detail.show_message("")
        second = self._components[1] if len(self._components) > 1 else None
        others = [name for name in known if name != self._components[0]]
        self.detail.show_comparison(others, second)
        by_name: dict[ComponentName, ComponentView] = {view.component: view for view in views}
        mapped = self._mapped
        for pane, name in zip(self.detail.panes, self._components, strict=False):
            pane.show_view(by_name[name], mapped=name == mapped, closable=second is not None)
        if self._portraits.begin(outcome.result, self._components):
            self._portray(outcome.result)
        if self._galleries.begin(outcome.result, self._components, self.detail.choice):
            self._gather(outcome.result, self.detail.choice)

    def _portray(self, result: SlideResult) -> None:
        """Charts of every pane."""
        shown = self._analysis.analysis.shown
        assert shown is not None
        for pane, name in zip(self.detail.panes, self._components, strict=False):
            self._start(self._portraits, portray(result, shown.model, name), pane.show_portrait)

    def _gather(self, result: SlideResult, choice: GalleryChoice) -> None:
        """Patches of every pane."""
        source = self._slides.source
        for pane, name in zip(self.detail.panes, self._components, strict=False):
            if choice.scope == "cohort":
                gallery = self._cohort(name, choice)
                reason = self._worded(gallery.reason)  # it may name a slide that failed
                pane.show_gallery(replace(gallery, reason=reason), "cohort")
            elif source is not None:
                request = GalleryRequest(name, choice.kind, choice.count, source.path)
                show = partial(pane.show_gallery, scope="this slide")
                self._start(self._galleries, gather(result, request), show)

    def _start(self, part: _Part, work: Work, show: Callable[[Any], None]) -> None:
        part.jobs.append(
            self._jobs.start(
                work, done=show, failed=lambda error: self._analysis.failed.emit(str(error))
            )
        )

    @property
    def _mapped(self) -> ComponentName | None:
        choice = self._overlay.choice
        return choice.component if choice.kind == "similarity" else None

    def _show_mapped(self) -> None:
        for pane in self.detail.shown_panes:
            pane.show_mapped(self._mapped)

    def show_again(self) -> None:
        """Shows all of it anew: it is worded or coloured in another way from now on."""
        self._portraits.forget()
        self._galleries.forget()
        self.refresh()

    # -- patches ---------------------------------------------------------------------------------

    def _on_picture(self, place: PatchPlace) -> None:
        for pane in self.detail.shown_panes:
            pane.gallery.picture_arrived(place)

    def _mark(self, patch: int | None) -> None:
        for pane in self.detail.shown_panes:
            pane.gallery.mark(patch)

    def _go_to(self, patch: GalleryPatch) -> None:
        if patch.position is not None:
            self._memory.go_to_patch(patch.position)
        elif patch.place is not None:
            self._memory.go_to_place(patch.place)

    def _point_at(self, patch: GalleryPatch) -> None:
        if patch.position is not None:
            self._memory.highlight(patch.position)
