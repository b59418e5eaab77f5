"""Slides to feature files, and to the user's cache."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from momkd_core.annotation_files import Offset
from momkd_core.encoders import encoder_identity, load_encoder
from momkd_core.errors import FeatureError, OutputError
from momkd_core.extraction_match import check_made
from momkd_core.features import FeatureBag, StoredType, read_features, read_header, write_features
from momkd_core.patch_encoder import PatchEncoder
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.region import Region
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import DEFAULT_WORKERS, Slide
from momkd_core.slide_encoding import extract_bag, work_key
from momkd_core.slide_regions import SlideRegions
from momkd_core.storage import cache_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SlideJob:
    """One slide to extract: which file, its stated resolution, where the features go.

    Attributes:
        regions: where the areas are that patches are cut from; None takes the whole slide.
    """

    slide: Path
    mpp: float | None
    target: Path
    regions: SlideRegions | None = None

    def region(self, offset: Offset) -> Region | None:
        """Those areas; ``offset`` is the corner of the scanned area. Raises AnnotationError."""
        if self.regions is None:
            return None
        return self.regions.read(self.slide, self.target.stem, offset)


class EncoderLoader:
    """Loads each encoder once and shares it, between threads too; call it with a name.

    Args:
        device: None takes the best one.
    """

    def __init__(self, device: str | None = None) -> None:
        self._device = device
        self._loaded: dict[str, PatchEncoder] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> PatchEncoder:
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load_encoder(name, device=self._device)
            return self._loaded[name]


def extract_file(
    job: SlideJob,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    *,
    workers: int = DEFAULT_WORKERS,
    overwrite: bool = False,
    dtype: StoredType = "float32",
    report: Report = silent,
    cancel: CancelToken | None = None,
    together: int = 1,
) -> bool:
    """Extracts one slide into ``job.target``; returns False where that was done before.

    Args:
        dtype: how the features are stored.

    Raises:
        FeatureError: the target exists and was made in another way, or ``dtype`` cannot hold them.
        AnnotationError: its regions cannot be read.
        SlideError, TissueError, OutputError, Cancelled: as :func:`extract_bag`.
    """
    if job.target.exists() and not overwrite:
        check_extracted(job, encoder, settings, dtype)
        return False
    with Slide(job.slide, mpp=job.mpp) as slide:
        extract_bag(
            slide,
            encoder,
            settings,
            workers=workers,
            report=report,
            cancel=cancel,
            keep_in=job.target.parent,
            save=lambda bag: write_features(job.target, bag, dtype),
            together=together,
            region=job.region(slide.bounds_offset),
        )
    return True


def check_extracted(
    job: SlideJob, encoder: PatchEncoder, settings: ExtractionSettings, dtype: StoredType
) -> None:
    """Raises FeatureError where ``job.target``, which exists, was made in another way."""
    made = read_header(job.target)
    region = job.region(made.bounds_offset)
    check_made(made, job.target.name, encoder, settings, dtype, job.mpp, region)


def cached_bag(
    path: Path,
    settings: ExtractionSettings,
    load: EncoderLoader,
    *,
    mpp: float | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    workers: int = DEFAULT_WORKERS,
) -> FeatureBag:
    """Features of a slide, from the user's cache where the same work was done before.

    The key covers the slide's content, the stated resolution, the encoder's weights and the
    settings. A cache that cannot be written is logged and otherwise ignored.
    """
    identity = encoder_identity(settings.encoder)
    with Slide(path, mpp=mpp) as slide:  # also when cached: a file gone unreadable must say so
        target = cache_folder() / "features" / f"{work_key(slide, settings, identity)}.h5"
        if target.exists():
            try:
                return read_features(target)
            except FeatureError as error:
                log.warning("Cached features are extracted again: %s", error)
        encoder = load(settings.encoder)
        extracted = partial(
            extract_bag, slide, encoder, settings, workers=workers, report=report, cancel=cancel
        )
        try:
            return extracted(keep_in=target.parent, save=lambda bag: _cache(target, bag))
        except OutputError as error:
            log.warning("The feature cache cannot be written: %s", error)
        return extracted()


def _cache(target: Path, bag: FeatureBag) -> None:
    try:
        write_features(target, bag)
    except OutputError as error:
        log.warning("Features were not cached: %s", error)
