"""Lines over the slide that take a moment to find."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from momkd_core.progress import CancelToken, Report
from momkd_core.slide import Slide
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.slide_lines import Contour, PatchEdges


def find_contour(slide: Slide) -> Work:
    """The outline of a slide's tissue."""

    def work(report: Report, cancel: CancelToken) -> Contour:
        report(0, 0, "looking for tissue")
        from momkd_core.tissue import find_tissue

        tissue = find_tissue(slide)
        cancel.raise_if_cancelled()
        return Contour.of(tissue.mask, tissue.scale_x, tissue.scale_y)

    return work


def find_edges(coords: NDArray[np.int64], size: int) -> Work:
    """The outlines of patches."""

    def work(report: Report, cancel: CancelToken) -> PatchEdges:
        return PatchEdges.of(coords, size)

    return work
