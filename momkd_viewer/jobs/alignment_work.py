"""The self-test of alignment, with pictures of what was compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QImage

from momkd_core.progress import CancelToken, Report
from momkd_core.slide import RgbImage, Slide
from momkd_viewer.jobs.runner import Work
from momkd_viewer.jobs.tile_source import to_qimage

if TYPE_CHECKING:
    from momkd_core.alignment import AlignmentReport
    from momkd_core.features import FeatureBag


@dataclass(frozen=True)
class AlignmentCheck:
    """Attributes: pictures: of each pair of the report, as read and as drawn."""

    report: AlignmentReport
    pictures: tuple[tuple[QImage, QImage], ...]


def check(
    slide: Slide,
    bag: FeatureBag,
    draw: Callable[[float, float, float, int], RgbImage],
    downsample: float,
) -> Work:
    """Compares bag, slide and picture; ``draw`` gives squares as they are drawn on the canvas."""

    def work(report: Report, cancel: CancelToken) -> AlignmentCheck:
        from momkd_core.alignment import check_alignment

        found = check_alignment(
            slide, bag, draw, drawn_downsample=downsample, report=report, cancel=cancel
        )
        pictures = tuple((to_qimage(pair.read), to_qimage(pair.drawn)) for pair in found.pairs)
        return AlignmentCheck(found, pictures)

    return work
