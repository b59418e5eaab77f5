"""Reader threads that turn wanted tiles into images."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Any, NamedTuple

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from momkd_core.errors import Cancelled, MomkdError, SlideError
from momkd_viewer.jobs.tile_source import TileSource
from momkd_viewer.state.rendition import Rendition
from momkd_viewer.state.tile_queue import TileQueue, TileRequest

log = logging.getLogger(__name__)


class Tile(NamedTuple):
    """A tile's image and how it was rendered."""

    image: QImage
    rendition: Rendition


class TileReader(QObject):
    """Reads tiles of one slide in the order its queue says.

    Signals:
        tile_ready(TileKey, Tile)
        tile_failed(TileKey, MomkdError)
    """

    tile_ready = Signal(object, object)
    tile_failed = Signal(object, object)

    def __init__(self, source: TileSource, workers: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.source = source
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
        while (request := self.queue.take()) is not None:
            rendition = self.source.rendition
            try:
                image = self.source.tile(request.key, partial(self.queue.is_stale, request))
            except Cancelled:
                self.queue.give_up(request)
            except MomkdError as error:
                self._tell(self.tile_failed, request, error)
            except Exception as error:
                log.error("a tile could not be read", exc_info=error)
                self._tell(self.tile_failed, request, SlideError(str(error), "See the log file"))
            else:
                self._tell(self.tile_ready, request, Tile(image, rendition))

    def _tell(self, signal: Any, request: TileRequest, outcome: object) -> None:
        self.queue.done(request)
        if not self.queue.closed:
            signal.emit(request.key, outcome)
