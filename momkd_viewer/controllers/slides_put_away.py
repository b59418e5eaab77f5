"""Slides that are shown no more: their running reads end in the background, then their files close."""

from __future__ import annotations

import logging

from momkd_core.errors import MomkdError
from momkd_core.slide import Slide
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.jobs.tile_reader import TileReader

log = logging.getLogger(__name__)


class SlidesPutAway:
    """Holds them until they are closed: waiting for reads from a slow share would freeze the window."""

    def __init__(self, jobs: JobRunner) -> None:
        self._jobs = jobs
        self._closing: list[tuple[TileReader, Slide]] = []

    def add(self, reader: TileReader, slide: Slide) -> None:
        """Closes a slide once its reader has ended."""
        self._closing.append((reader, slide))

        def end(report: object, cancel: object) -> None:
            reader.close()
            slide.close()

        def ended(_: object) -> None:
            self._closing.remove((reader, slide))
            reader.deleteLater()

        self._jobs.start(end, done=ended, failed=_log_failure)

    def shut_down(self) -> None:
        """At the end of the application: waits for readers, then closes the files."""
        for reader, slide in self._closing:
            reader.close()
            slide.close()


def _log_failure(error: MomkdError) -> None:
    log.warning("%s", error)
