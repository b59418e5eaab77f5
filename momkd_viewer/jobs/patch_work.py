"""Reads pictures of patches, of the open slide and of others of its cohort."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from PySide6.QtGui import QImage

from momkd_core.errors import MomkdError
from momkd_core.progress import CancelToken, Report
from momkd_core.slide import Slide
from momkd_viewer.jobs.runner import Work
from momkd_viewer.jobs.tile_source import to_qimage
from momkd_viewer.state.component_patches import PatchPlace
from momkd_viewer.state.picture_queue import PictureQueue

# Slides of a cohort that stay open while its patches are read.
_MOST_OPEN = 6


def read_pictures(
    queue: PictureQueue[PatchPlace],
    open_slide: Slide | None,
    pixels: int,
    deliver: Callable[[PatchPlace, QImage | str], None],
) -> Work:
    """Reads what waits in the queue until it is empty.

    Args:
        open_slide: the one in the window, which stays open; others are opened and closed here.
        pixels: side of the pictures.
        deliver: gets each picture, or why there is none.
    """

    def work(report: Report, cancel: CancelToken) -> None:
        with _Shelf(open_slide) as shelf:
            while (place := queue.take()) is not None:
                cancel.raise_if_cancelled()
                try:
                    image: QImage | str = _picture(shelf.slide(place), place, pixels)
                except MomkdError as error:
                    image = str(error)
                cancel.raise_if_cancelled()
                deliver(place, image)

    return work


def _picture(slide: Slide, place: PatchPlace, pixels: int) -> QImage:
    from momkd_core.montage import patch_image

    return to_qimage(patch_image(slide, place.x, place.y, place.size, pixels))


class _Shelf:
    """The open slide and a few more, each opened once; one that cannot be opened is not tried again."""

    def __init__(self, shown: Slide | None) -> None:
        self._shown = shown
        self._others: OrderedDict[Path, Slide | MomkdError] = OrderedDict()

    def slide(self, place: PatchPlace) -> Slide:
        """Raises :class:`~momkd_core.errors.SlideError` where it cannot be opened."""
        if self._shown is not None and self._shown.path == place.slide:
            return self._shown
        held = self._others.get(place.slide)
        if held is None:
            try:
                held = Slide(place.slide, mpp=place.mpp)
            except MomkdError as error:
                held = error
            self._others[place.slide] = held
            if len(self._others) > _MOST_OPEN:
                _close(self._others.popitem(last=False)[1])
        self._others.move_to_end(place.slide)
        if isinstance(held, MomkdError):
            raise held
        return held

    def __enter__(self) -> _Shelf:
        return self

    def __exit__(self, *exception: object) -> None:
        for held in self._others.values():
            _close(held)


def _close(held: Slide | MomkdError) -> None:
    if isinstance(held, Slide):
        held.close()
