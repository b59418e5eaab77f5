"""Reader threads that turn wanted tiles into images."""

from __future__ import annotations

import logging
import threading
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from momkd_core.errors import MomkdError, SlideError
from momkd_core.slide import RgbImage, Slide
from momkd_viewer.state.tile_pyramid import TileKey, TilePyramid
from momkd_viewer.state.tile_queue import TileQueue

log = logging.getLogger(__name__)


def to_qimage(pixels: RgbImage) -> QImage:
    """RGB (h, w, 3) as an image in the format that QPainter draws fastest; owns its bytes."""
    height, width = pixels.shape[:2]
    wrapped = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return wrapped.convertToFormat(QImage.Format.Format_RGB32)


class TileReader(QObject):
    """Reads tiles of one slide in the order its queue says.

    Signals:
        tile_ready(TileKey, QImage)
        tile_failed(TileKey, MomkdError)
    """

    tile_ready = Signal(object, QImage)
    tile_failed = Signal(object, object)

    def __init__(
        self, slide: Slide, pyramid: TilePyramid, workers: int, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.slide = slide
        self.pyramid = pyramid
        self.queue = TileQueue()
        self._threads = [
            threading.Thread(target=self._read_on, name=f"tile-reader-{n}", daemon=True)
            for n in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends the threads; no signal is emitted after it returns."""
        self.queue.close()
        for thread in self._threads:
            thread.join()

    def _read_on(self) -> None:
        while (key := self.queue.take()) is not None:
            try:
                x0, y0 = self.pyramid.origin(key)
                width, height = self.pyramid.size(key)
                image = to_qimage(self.slide.read(x0, y0, key.level, width, height))
            except MomkdError as error:
                self._tell(self.tile_failed, key, error)
            except Exception as error:
                log.error("a tile could not be read", exc_info=error)
                self._tell(self.tile_failed, key, SlideError(str(error), "See the log file"))
            else:
                self._tell(self.tile_ready, key, image)

    def _tell(self, signal: Any, key: TileKey, outcome: object) -> None:
        self.queue.done(key)
        if not self.queue.closed:
            signal.emit(key, outcome)
