"""What jobs work out about components: galleries, portraits, and what one patch is to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.component_names import MEMORIES
from momkd_core.progress import CancelToken, Report
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.analysis import Outcome
from momkd_viewer.state.component_patches import Gallery, GalleryKind, GalleryPatch, slide_gallery
from momkd_viewer.state.component_portrait import (
    Portrait,
    histogram,
    neighbours,
    training_profile,
)
from momkd_viewer.state.overlay_values import ComponentName, Floats
from momkd_viewer.state.patch_inspection import Inspection, inspect

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model
    from momkd_core.result import SlideResult

#: Finds the nearest patches in a cohort: (what a model says of the open slide, one patch, how many).
FindNearest = Callable[[Outcome, Inspection, int], list[GalleryPatch]]
NEAREST = 24


@dataclass(frozen=True)
class GalleryRequest:
    """Which patches of a component are wanted; from which slide."""

    component: ComponentName
    kind: GalleryKind
    count: int
    slide: Path


def gather(result: SlideResult, request: GalleryRequest) -> Work:
    """A component's patches on the open slide."""

    def work(report: Report, cancel: CancelToken) -> Gallery:
        return slide_gallery(result, request.slide, request.component, request.kind, request.count)

    return work


def portray(result: SlideResult, model: Model, name: ComponentName) -> Work:
    """What is known of a component beside its patches, ready to be drawn."""

    def work(report: Report, cancel: CancelToken) -> Portrait:
        import pyqtgraph  # noqa: F401 - a third of a second that the window need not wait for

        units = model.members[0].momkd.memory.unit()
        vectors: dict[str, Floats] = {
            memory: unit.detach().numpy() for memory, unit in zip(MEMORIES, units, strict=True)
        }
        return Portrait(
            name,
            histogram(result, name),
            training_profile(model.card, name),
            neighbours(vectors, name),
        )

    return work


@dataclass(frozen=True)
class Inspected:
    """Attributes:
    nearest: of the cohort; None where no cohort has been read.
    """

    inspection: Inspection
    nearest: tuple[GalleryPatch, ...] | None


def inspect_patch(
    outcome: Outcome, slide: Path, patch: int, find_nearest: FindNearest | None
) -> Work:
    """What a patch is to every component, and which patches of the cohort are nearest."""

    def work(report: Report, cancel: CancelToken) -> Inspected:
        inspection = inspect(outcome.result, slide, patch)
        if find_nearest is None:
            return Inspected(inspection, None)
        return Inspected(inspection, tuple(find_nearest(outcome, inspection, NEAREST)))

    return work
