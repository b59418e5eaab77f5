"""Small pictures of slides for a table: read when their rows are seen, kept while there is room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPixmap

from momkd_core.errors import MomkdError
from momkd_core.feature_folder import FEATURE_SUFFIXES
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.jobs.thumbnail_work import read_thumbnails
from momkd_viewer.state.picture_queue import PictureQueue
from momkd_viewer.state.tile_cache import TileCache
from momkd_viewer.widgets.workspace_table import PICTURE

_BUDGET = 24 * 1024 * 1024


class SlideThumbnails(QObject):
    """Signals:
    arrived(Path): its picture is there now.
    failed(str): pictures cannot be read at all.
    """

    arrived = Signal(object)
    failed = Signal(str)
    _delivered = Signal(object, object)

    def __init__(self, jobs: JobRunner, ratio: Callable[[], float], parent: QObject) -> None:
        super().__init__(parent)
        self._jobs, self._ratio = jobs, ratio
        self._cache: TileCache[Path, QPixmap] = TileCache(_BUDGET)
        self._queue: PictureQueue[Path] = PictureQueue()
        self._job: Job | None = None
        self._blank: QPixmap | None = None
        self._delivered.connect(self._on_delivered)

    def picture(self, path: Path) -> QPixmap:
        """A picture if it is at hand, an empty one of the same size otherwise."""
        found = self._cache.get(path)
        if found is not None:
            return found
        if self._blank is None or self._blank.devicePixelRatio() != self._ratio():
            self._blank = self._framed(QImage())
        return self._blank

    def want(self, paths: list[Path]) -> None:
        """What is seen now, most urgent first; it replaces what was seen before."""
        missing = [p for p in paths if p not in self._cache and _may_have(p)]
        self._queue.want(0, missing)
        self._read()

    def forget(self) -> None:
        """For another cohort, or another screen."""
        self._queue.clear()
        self._cache.clear()

    def _read(self) -> None:
        if self._job is not None or not self._queue.waiting:
            return
        room = self._room

        def ended() -> None:
            self._job = None
            self._read()  # what was wanted while it ended

        self._job = self._jobs.start(
            read_thumbnails(self._queue, room.width(), room.height(), self._delivered.emit),
            done=lambda _: None,
            failed=self._on_failed,
            finally_=ended,
        )

    def _on_failed(self, error: MomkdError) -> None:
        self._queue.clear()  # or it would be tried for ever
        self.failed.emit(str(error))

    def _on_delivered(self, path: Path, image: QImage) -> None:
        picture = self._framed(image)
        size = picture.width() * picture.height() * 4
        self._cache.put(path, picture, size)
        self.arrived.emit(path)

    @property
    def _room(self) -> QSize:
        """Device pixels of a picture."""
        return (QSizeF(PICTURE) * self._ratio()).toSize()

    def _framed(self, image: QImage) -> QPixmap:
        """A picture in the middle of the room that all have."""
        framed = QPixmap(self._room)
        framed.fill(Qt.GlobalColor.transparent)
        if not image.isNull():
            painter = QPainter(framed)
            room = framed.size() - image.size()
            painter.drawImage(QPoint(room.width() // 2, room.height() // 2), image)
            painter.end()
        framed.setDevicePixelRatio(self._ratio())
        return framed


def _may_have(path: Path) -> bool:
    """Features alone have no picture."""
    return path.suffix.lower() not in FEATURE_SUFFIXES
