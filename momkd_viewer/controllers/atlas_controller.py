"""The cohort's half of the memory browser: read in the background when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from momkd_core.errors import MomkdError
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.component_controller import ComponentController
from momkd_viewer.controllers.inspection_controller import InspectionController
from momkd_viewer.controllers.memory_controller import MemoryController
from momkd_viewer.jobs.atlas_work import AtlasRequest, finder, read_cohort_atlas
from momkd_viewer.jobs.cohort_slides import CohortSlides
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.analysis import CaseEntry
from momkd_viewer.state.cohort_atlas import AtlasSize, CohortAtlas
from momkd_viewer.state.component_patches import Gallery, GalleryPatch
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.widgets.component_detail import GalleryChoice
from momkd_viewer.widgets.progress_strip import ProgressStrip

# Components muted, and numbers stepped, one after the other are answered together.
_SETTLE_MS = 300
_NO_COHORT = "Open a cohort (Ctrl+Shift+O) to see this component's patches over all of its slides."
_NO_MODEL = "There is no model to read the cohort with. Open one first."
_BEING_READ = "The cohort is being read with this model. Its patches appear when that is done."
_STOPPED = "Reading the cohort was stopped. Analysis ▸ Build cohort atlas starts it again."


class AtlasController(QObject):
    """Attributes:
    atlas: of the open cohort by the chosen model; None before it was read.

    Signals:
    failed(str): the cohort cannot be read, or not all of it.
    """

    failed = Signal(str)

    def __init__(
        self,
        cases: CaseController,
        analysis: AnalysisController,
        memory: MemoryController,
        components: ComponentController,
        inspection: InspectionController,
        strip: ProgressStrip,
        slides: CohortSlides,
        jobs: JobRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._cases, self._analysis, self._memory = cases, analysis, memory
        self._components, self._inspection = components, inspection
        self._strip, self._slides, self._jobs = strip, slides, jobs
        self.atlas: CohortAtlas | None = None
        self._of: AtlasRequest | None = None  # what the atlas is for
        self._wanted: AtlasRequest | None = None  # what is being read, or about to be
        self._cohort: list[CaseEntry] = []  # the list that it belongs to
        self._nearest: tuple[str, list[CaseEntry]] | None = None  # of which model and list they are
        self._job: Job | None = None
        self._problem = ""
        self._start = QTimer(self)
        self._start.setSingleShot(True)
        self._start.setInterval(_SETTLE_MS)
        self._start.timeout.connect(self._read)
        strip.cancelled.connect(self._stop)
        cases.opened.connect(self._check)
        analysis.shown_changed.connect(self._check)
        memory.open_place = lambda place: cases.show_file(place.slide, place.mpp)
        components.set_cohort(self.gallery)

    @property
    def idle(self) -> bool:
        """Whether nothing is being read or about to be."""
        return self._job is None and not self._start.isActive()

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries do, by their names in the table of actions."""
        return {"build_atlas": self.build}

    # -- asking ----------------------------------------------------------------------------------

    def build(self) -> None:
        """Reads the cohort, or reads it again where slides came or reading was stopped."""
        choice = self._components.detail.choice
        request = self._request(AtlasSize.of(choice.count, choice.per_patient))
        if request is None:
            self.failed.emit(self._missing())
            return
        self._problem = ""
        if self._of is not None and self._of.entries != request.entries:
            self._of = self.atlas = None
        self._want(request)
        self._components.gather_again()

    def gallery(self, name: ComponentName, choice: GalleryChoice) -> Gallery:
        """A component's patches over the cohort, or why there are none yet; asking has it read."""
        request = self._request(AtlasSize.of(choice.count, choice.per_patient))
        if request is None:
            return Gallery((), 0, 0, 0, self._missing())
        if not self._problem:
            self._want(request)
        if self.atlas is None:
            return Gallery((), 0, 0, 0, self._problem or _BEING_READ)
        found = self.atlas.gallery(name, choice.kind, choice.count, choice.per_patient)
        return replace(found, patches=tuple(self._placed(patch) for patch in found.patches))

    def _placed(self, patch: GalleryPatch) -> GalleryPatch:
        """With its position in the result that is shown, where it lies on the open slide."""
        place = patch.place
        if place is None or not self._memory.is_shown(place):
            return patch
        half = place.size / 2
        return replace(patch, position=self._memory.patch_at(place.x + half, place.y + half))

    def _request(self, size: AtlasSize) -> AtlasRequest | None:
        shown, entries = self._analysis.analysis.shown, self._cases.readable
        if shown is None or shown.model.no_components or not entries:
            return None
        return AtlasRequest(shown.model, shown.model.sha256, shown.muted, entries, size)

    def _missing(self) -> str:
        shown = self._analysis.analysis.shown
        if shown is not None and shown.model.no_components:
            return shown.model.no_components
        return _NO_COHORT if shown is not None else _NO_MODEL

    def _want(self, request: AtlasRequest) -> None:
        """Has it read, unless it is there or on its way."""
        for known in (self._of, self._wanted):
            if known and known.same_cohort(request) and known.size.serves(request.size):
                return
        self._wanted, self._cohort = request, self._cases.work.entries
        self._start.start()

    # -- reading ---------------------------------------------------------------------------------

    def _read(self) -> None:
        request = self._wanted
        if request is None:
            return
        if self._job is not None:
            self._job.cancel()

        def done(atlas: CohortAtlas) -> None:
            if self._wanted is request:
                self.atlas, self._of, self._wanted = atlas, request, None
                self._nearest = request.model.origin_sha256, self._cohort
                self._inspection.set_nearest(finder(atlas))
                self._components.gather_again()
                if atlas.failures:
                    first = atlas.atlas.failures[0]
                    self.failed.emit(f"{atlas.failures}, the first: {first.error}")

        def failed(error: MomkdError) -> None:
            if self._wanted is request:
                self._wanted, self._problem = None, str(error)
                self._components.gather_again()
            self.failed.emit(str(error))

        def ended() -> None:
            if self._job is job:
                self._job = None
                self._strip.finish()

        job = self._jobs.start(
            read_cohort_atlas(request, self._slides),
            done=done,
            failed=failed,
            progress=self._strip.show_progress,
            finally_=ended,
        )
        self._job = job

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self._wanted, self._problem = None, _STOPPED
        self._components.gather_again()

    def _check(self) -> None:
        """What was read, or is being read, is void for another cohort, model or muting."""
        self._check_nearest()
        request = self._of or self._wanted
        if request is None and not self._problem:
            return
        asked, same = self._analysis.asked, self._cohort is self._cases.work.entries
        if request is not None and same and asked == (request.model_sha256, request.muted):
            return
        if self._job is not None:
            self._job.cancel()
        self._start.stop()
        self.atlas = self._of = self._wanted = None
        self._problem = ""
        self._components.gather_again()

    def _check_nearest(self) -> None:
        """Likeness depends on cohort and model, not on the muting, nor on what curation left out."""
        shown = self._analysis.analysis.shown
        if self._nearest is None:
            return
        model, cohort = self._nearest
        same = shown is not None and shown.model.origin_sha256 == model
        if not same or cohort is not self._cases.work.entries:
            self._nearest = None
            self._inspection.set_nearest(None)
