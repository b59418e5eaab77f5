"""Reads the pictures of the glass that a file carries beside the slide itself."""

from __future__ import annotations

from PySide6.QtGui import QImage

from momkd_core.progress import CancelToken, Report
from momkd_core.slide import Slide
from momkd_viewer.jobs.runner import Work
from momkd_viewer.jobs.tile_source import opaque_to_qimage


def read_label_pictures(slide: Slide) -> Work:
    """All associated pictures by name. Raises SlideError where one cannot be read."""

    def work(report: Report, cancel: CancelToken) -> list[tuple[str, QImage]]:
        pictures = []
        for name in slide.associated_images:
            cancel.raise_if_cancelled()
            pictures.append((name, opaque_to_qimage(slide.associated_image(name).convert("RGBA"))))
        return pictures

    return work
