"""What jobs do with slides and models: each function is a request that mutates nothing.

The engine is imported inside the jobs: torch takes seconds, during which the window is there already.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image
from PySide6.QtGui import QImage

from momkd_core.cohort import cohort_of_slides, read_cohort
from momkd_core.progress import CancelToken, Report
from momkd_core.slide import FOR_VIEWING, Slide
from momkd_viewer.jobs.kept_results import keep
from momkd_viewer.jobs.runner import Work
from momkd_viewer.jobs.tile_source import TileSource
from momkd_viewer.state.analysis import CaseEntry, Muted, Outcome
from momkd_viewer.state.patch_ground import PatchGround
from momkd_viewer.state.source import Source
from momkd_viewer.state.tile_pyramid import TilePyramid

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model
    from momkd_core.extraction import EncoderLoader
    from momkd_core.features import FeatureBag
    from momkd_core.prediction import EncodedSlide
    from momkd_core.region import Region


@dataclass(frozen=True)
class OpenedSlide:
    """A slide that could be opened, and what makes its tiles.

    Attributes:
        overview: the whole slide, coarse, RGBA as in the file; None where that takes long to read.
    """

    slide: Slide
    pyramid: TilePyramid
    source: TileSource
    overview: Image | None


def open_slide(path: Path, mpp: float | None) -> Work:
    """Opens a slide and reads its overview, so that a broken file shows before it is displayed."""

    def work(report: Report, cancel: CancelToken) -> OpenedSlide:
        report(0, 0, f"opening {path.name}")
        slide = Slide(path, mpp=mpp, cache=FOR_VIEWING)
        try:
            pyramid = TilePyramid.of(slide.levels, slide.tile_size)
            source = TileSource(slide, pyramid)
            overview = None if source.is_slow else source.overview(cancel)
            cancel.raise_if_cancelled()
        except BaseException:
            slide.close()
            raise
        return OpenedSlide(slide, pyramid, source, overview)

    return work


def find_ground(features: Path, mpp: float | None) -> Work:
    """The area that a feature file's patches lie on; None where they say no places."""

    def work(report: Report, cancel: CancelToken) -> PatchGround | None:
        report(0, 0, f"opening {features.name}")
        from momkd_core.features import read_places

        return PatchGround.of(read_places(features, mpp=mpp))

    return work


def read_overview(source: TileSource) -> Work:
    """The whole slide, coarse, as a picture."""

    def work(report: Report, cancel: CancelToken) -> Image:
        report(0, 0, "reading the whole slide for its overview")
        return source.overview(cancel)

    return work


def render(source: TileSource, picture: Image) -> Work:
    """A picture of a slide as its tiles are shown."""

    def work(report: Report, cancel: CancelToken) -> QImage:
        return source.rendered(picture)

    return work


def open_model(path: Path) -> Work:
    def work(report: Report, cancel: CancelToken) -> Model:
        report(0, 0, f"loading {path.name}")
        from momkd_core.checkpoint import load_model

        return load_model(path)

    return work


def open_cohort(path: Path) -> Work:
    """The slides of a cohort table, or of a folder, as a list of cases; some may be features alone."""

    def work(report: Report, cancel: CancelToken) -> list[CaseEntry]:
        cohort = cohort_of_slides(path) if path.is_dir() else read_cohort(path)
        return [
            CaseEntry(
                case.case_id,
                Source(slide.slide, slide.features, slide.mpp),
                case.values,
                len(case.slides) > 1,
            )
            for case in cohort.cases
            for slide in case.slides
        ]

    return work


def load_engine() -> None:
    """Imports the engine beside the window: whoever opens a slide will soon want it."""
    threading.Thread(target=import_module, args=("momkd_core.prediction",), daemon=True).start()


@cache
def _encoders() -> EncoderLoader:
    """One for the application: an encoder's weights are loaded once."""
    from momkd_core.extraction import EncoderLoader

    return EncoderLoader()


def analyse(source: Source, model: Model, muted: Muted, region: Region | None = None) -> Work:
    """Features (from the cache where known), graph, memory, prediction, ready to be drawn.

    Args:
        region: only the patches inside it.
    """

    def work(report: Report, cancel: CancelToken) -> Outcome:
        encoded = encode(source, model, report, cancel, region)
        report(0, 0, "reading the memory")
        outcome = Outcome.of(encoded, muted)
        if region is None:
            keep(source, model, muted, outcome.summary)
        return outcome

    return work


def read_again(encoded: EncodedSlide, muted: Muted, source: Source | None = None) -> Work:
    """The outcome without the muted components, from a slide that was encoded before.

    Args:
        source: what the slide was encoded from, so that its result is kept; None keeps none.
    """

    def work(report: Report, cancel: CancelToken) -> Outcome:
        outcome = Outcome.of(encoded, muted)
        if source is not None and encoded.region is None:
            keep(source, encoded.model, muted, outcome.summary)
        return outcome

    return work


def encode(
    source: Source,
    model: Model,
    report: Report,
    cancel: CancelToken,
    region: Region | None = None,
) -> EncodedSlide:
    """A slide after a model's graph encoder. Raises as :func:`momkd_core.prediction.encode`."""
    from momkd_core.prediction import EncodedSlide

    bag = load_features(source, model, report, cancel)
    return EncodedSlide(model, bag, source.path.stem, region=region)


def load_features(source: Source, model: Model, report: Report, cancel: CancelToken) -> FeatureBag:
    """A slide's features for a model. Raises as :func:`momkd_core.prediction.load_bag`."""
    from momkd_core.prediction import load_bag

    bag = load_bag(
        model.card,
        source.analysed,
        mpp=source.mpp,
        report=report,
        cancel=cancel,
        load_encoder=_encoders(),
        slide=source.slide,
    )
    cancel.raise_if_cancelled()
    return bag
