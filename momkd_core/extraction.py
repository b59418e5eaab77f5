"""Slides to feature files: mask, grid, pixels, encoder, ``.h5``.

Beside a GPU, reader threads keep patches ready while the encoder works, and the slower of the two sets
the pace. On a processor both want the same cores, and threads that wait for each other cost more than
taking turns: a block is read by all, then encoded by all. What was encoded is kept as it comes: a
killed extraction resumes where it was.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from momkd_core.annotation_files import Offset
from momkd_core.encoders import encoder_identity, load_encoder
from momkd_core.errors import FeatureError, OutputError
from momkd_core.extraction_match import check_made
from momkd_core.features import FeatureBag, read_features, read_header, write_features
from momkd_core.partial_features import PartialFeatures, partial_key
from momkd_core.patch_encoder import EncoderIdentity, PatchEncoder
from momkd_core.patch_reading import read_patches
from momkd_core.patches import PatchGrid, plan_patches
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.region import Region, grid_inside
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import DEFAULT_WORKERS, Slide
from momkd_core.slide_regions import SlideRegions, region_key
from momkd_core.storage import cache_folder, content_key, output_error
from momkd_core.tissue import find_tissue

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


def plan(slide: Slide, settings: ExtractionSettings, region: Region | None = None) -> PatchGrid:
    """Tissue mask and patch grid of an open slide, or of a region of it.

    Raises:
        SlideError, TissueError: the slide cannot be used, or the region holds no two patches.
    """
    grid = plan_patches(slide, find_tissue(slide), settings)
    return grid if region is None else grid_inside(grid, region)


def extract_bag(
    slide: Slide,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    *,
    workers: int = DEFAULT_WORKERS,
    report: Report = silent,
    cancel: CancelToken | None = None,
    keep_in: Path | None = None,
    together: int = 1,
    region: Region | None = None,
) -> FeatureBag:
    """Features of a slide.

    Args:
        slide: open, with known resolution.
        encoder: must be the one that ``settings`` names.
        workers: threads that read patches.
        report, cancel: progress in patches; cancelled between batches.
        keep_in: folder for the features of an unfinished slide, or None to keep none.
        together: slides of the cohort, this one included, for the decision to compile: the same for a
            slide wherever and after whichever others it is encoded.
        region: patches outside are left out.

    Raises:
        SlideError, TissueError: the slide cannot be read or used.
        OutputError: ``keep_in`` cannot be written.
        Cancelled: on request.
    """
    cancel = cancel or CancelToken()
    report(0, 0, "looking for tissue")
    grid = plan(slide, settings, region)
    cancel.raise_if_cancelled()
    encoder.prepare(len(grid) * together, settings.patch_size)
    partial = None if keep_in is None else _partial(slide, encoder, settings, grid, keep_in)
    features = np.empty((len(grid), encoder.identity.width), np.float32)
    try:
        done = partial.resume(features) if partial is not None else 0
        report(done, len(grid), "encoding patches")
        for patches in read_patches(
            slide,
            grid,
            settings.patch_size,
            workers,
            first=done,
            chunk=encoder.batch_size,
            in_turns=encoder.device.type == "cpu",
        ):
            cancel.raise_if_cancelled()
            batch = encoder.encode(patches)
            features[done : done + len(batch)] = batch
            if partial is not None:
                partial.append(batch)
            done += len(batch)
            report(done, len(grid), "encoding patches")
        if partial is not None:
            partial.discard()
    except OSError as error:
        assert keep_in is not None
        raise output_error(keep_in / "features", error) from error
    finally:
        if partial is not None:
            partial.close()
    return FeatureBag(
        features=features,
        coords=grid.coords,
        size_level0=grid.size_level0,
        tissue_fraction=grid.tissue_fraction,
        encoder=encoder.identity.name,
        encoder_sha256=encoder.identity.weights_sha256,
        encoder_preprocessing=encoder.identity.preprocessing,
        target_mpp=settings.target_mpp,
        patch_size=settings.patch_size,
        overlap=settings.overlap,
        attributes={
            "level0_width": slide.width,
            "level0_height": slide.height,
            "bounds_x": slide.bounds_offset[0],
            "bounds_y": slide.bounds_offset[1],
            "min_tissue": settings.min_tissue,
            "slide_mpp": slide.mpp.mean,
            "precision": encoder.precision,
            **_told_region(region),
        },
    )


def _told_region(region: Region | None) -> dict[str, str]:
    if region is None:
        return {}
    told = {"regions": region.name, "regions_sha256": region_key(region)}
    return told if region.class_name is None else told | {"regions_class": region.class_name}


def extract_file(
    job: SlideJob,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    *,
    workers: int = DEFAULT_WORKERS,
    overwrite: bool = False,
    report: Report = silent,
    cancel: CancelToken | None = None,
    together: int = 1,
) -> bool:
    """Extracts one slide into ``job.target``; returns False where that was done before.

    Raises:
        FeatureError: the target exists and was made in another way.
        AnnotationError: its regions cannot be read.
        SlideError, TissueError, OutputError, Cancelled: as :func:`extract_bag`.
    """
    if job.target.exists() and not overwrite:
        made = read_header(job.target)
        check_made(
            made, job.target.name, encoder, settings, job.mpp, job.region(made.bounds_offset)
        )
        return False
    with Slide(job.slide, mpp=job.mpp) as slide:
        region = job.region(slide.bounds_offset)
        bag = extract_bag(
            slide,
            encoder,
            settings,
            workers=workers,
            report=report,
            cancel=cancel,
            keep_in=job.target.parent,
            together=together,
            region=region,
        )
    write_features(job.target, bag)
    return True


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
        target = cache_folder() / "features" / f"{_cache_key(slide, settings, identity)}.h5"
        if target.exists():
            try:
                return read_features(target)
            except FeatureError as error:
                log.warning("Cached features are extracted again: %s", error)
        encoder = load(settings.encoder)
        keep_in: Path | None = target.parent
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("The feature cache cannot be written: %s", error)
            keep_in = None
        bag = extract_bag(
            slide,
            encoder,
            settings,
            workers=workers,
            report=report,
            cancel=cancel,
            keep_in=keep_in,
        )
    if keep_in is not None:
        try:
            write_features(target, bag)
        except OutputError as error:
            log.warning("Features were not cached: %s", error)
    return bag


def _cache_key(slide: Slide, settings: ExtractionSettings, identity: EncoderIdentity) -> str:
    resolution = slide.mpp
    parts = [
        content_key(slide.path),
        f"{resolution.x:.6g},{resolution.y:.6g}",
        settings.model_dump_json(),
        identity.weights_sha256,
        identity.preprocessing,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


def _partial(
    slide: Slide,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    grid: PatchGrid,
    folder: Path,
) -> PartialFeatures:
    work = _cache_key(slide, settings, encoder.identity)
    key = partial_key([work, encoder.precision], grid)
    path = folder / f".{slide.path.stem[:60]}.{key}.partial"
    try:
        return PartialFeatures(path, encoder.identity.width)
    except OSError as error:
        raise output_error(path, error) from error
