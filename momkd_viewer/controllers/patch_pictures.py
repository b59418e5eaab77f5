"""Pictures of patches: read when they are seen, kept while there is room."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from momkd_core.errors import MomkdError
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.patch_work import read_pictures
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.component_patches import PatchPlace
from momkd_viewer.state.picture_queue import PictureQueue
from momkd_viewer.state.tile_cache import TileCache

#: Side of the pictures in logical pixels; galleries show them as they are, cards smaller.
PICTURE_SIDE = 96
_BUDGET = 96 * 1024 * 1024
# Views that change together (cards, two galleries) are asked for together.
_GATHER_MS = 5


class PatchPictures(QObject):
    """One store for cards, galleries and the inspector.

    Signals:
        arrived(PatchPlace): its picture, or the reason why there is none, is there now.
        failed(str): a slide's patches cannot be read; said once a slide.
    """

    arrived = Signal(object)
    failed = Signal(str)
    _delivered = Signal(int, object, object)

    def __init__(
        self,
        slides: SlideController,
        jobs: JobRunner,
        ratio: Callable[[], float],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._slides, self._jobs, self._ratio = slides, jobs, ratio
        self._cache: TileCache[PatchPlace, QImage] = TileCache(_BUDGET)
        self._unreadable: dict[PatchPlace, str] = {}
        self._queue: PictureQueue[PatchPlace] = PictureQueue()
        self._job: Job | None = None
        self._generation = 0
        self._start = QTimer(self)
        self._start.setSingleShot(True)
        self._start.setInterval(_GATHER_MS)
        self._start.timeout.connect(self._read)
        self._delivered.connect(self._on_delivered)
        slides.closing.connect(self._on_closing)

    def picture(self, place: PatchPlace | None) -> QImage | None:
        """A picture if it is at hand; a null one where there will be none."""
        if place is None or not place.has_pixels or place in self._unreadable:
            return QImage()
        return self._cache.get(place)

    def reason(self, place: PatchPlace | None) -> str:
        """Why there is no picture; '' where there is one, or may be."""
        if place is None:
            return "The slide of this patch is not known, so there is no picture"
        if not place.has_pixels:
            return "There are features of this slide alone, so there is no picture"
        return self._unreadable.get(place, "")

    def want(self, view: object, places: list[PatchPlace]) -> None:
        """What a view sees now, most urgent first; it replaces what the view saw before."""
        missing = [p for p in places if p.has_pixels and self.picture(p) is None]
        self._queue.want(id(view), missing)
        if missing and not self._start.isActive():
            self._start.start()

    def _read(self) -> None:
        if self._job is not None or not self._queue.waiting:
            return
        generation = self._generation

        def ended() -> None:
            if self._generation == generation:
                self._job = None
                self._read()  # what was wanted while it ended

        self._job = self._jobs.start(
            read_pictures(
                self._queue,
                self._slides.slide,
                round(PICTURE_SIDE * self._ratio()),
                lambda place, image: self._delivered.emit(generation, place, image),
            ),
            done=lambda _: None,
            failed=self._on_failed,
            finally_=ended,
        )

    def _on_failed(self, error: MomkdError) -> None:
        self._queue.clear()  # or it would be tried for ever
        self.failed.emit(str(error))

    def _on_delivered(self, generation: int, place: PatchPlace, image: QImage | str) -> None:
        if generation != self._generation:
            return
        if isinstance(image, str):
            known = any(other.slide == place.slide for other in self._unreadable)
            self._unreadable[place] = image
            if not known:
                self.failed.emit(image)
        else:
            self._cache.put(place, image, image.sizeInBytes())
        self.arrived.emit(place)

    def _on_closing(self) -> None:
        """The open slide goes: its reads end. A file that failed may be there again the next time."""
        self._generation += 1
        self._queue.clear()
        self._unreadable.clear()
        if self._job is not None:
            self._job.cancel()
            self._job = None
