"""Features of an open slide: mask, grid, pixels, encoder.

Beside a GPU, reader threads keep patches ready while the encoder works, and the slower of the two sets
the pace. On a processor both want the same cores, and threads that wait for each other cost more than
taking turns: a block is read by all, then encoded by all. What was encoded is kept as it comes: a
killed extraction resumes where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from momkd_core.features import FeatureBag
from momkd_core.partial_features import PartialFeatures, partial_key
from momkd_core.patch_encoder import EncoderIdentity, PatchEncoder
from momkd_core.patch_reading import read_patches
from momkd_core.patches import PatchGrid, plan_patches
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.region import Region, grid_inside
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import DEFAULT_WORKERS, Slide
from momkd_core.slide_regions import region_key
from momkd_core.storage import content_key
from momkd_core.tissue import find_tissue


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
    save: Callable[[FeatureBag], None] | None = None,
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
        save: puts the finished bag away; until it has, what was kept stays.
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
    features = np.empty((len(grid), encoder.identity.width), np.float32)
    with _kept(slide, encoder, settings, grid, keep_in) as partial:
        done = partial.resume(features) if partial is not None else 0
        report(done, len(grid), "encoding patches")
        patches = patches_for(encoder, slide, grid, settings, workers, first=done)
        for batch in encoder.encode_each(patches):
            features[done : done + len(batch)] = batch
            if partial is not None:
                partial.append(batch)
            done += len(batch)
            report(done, len(grid), "encoding patches")
            cancel.raise_if_cancelled()
        bag = feature_bag(slide, grid, features, encoder, settings, region)
        if save is not None:
            save(bag)
        if partial is not None:
            partial.discard()
    return bag


def feature_bag(
    slide: Slide,
    grid: PatchGrid,
    features: NDArray[np.float32],
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    region: Region | None = None,
) -> FeatureBag:
    """Features (N, width) with all that is written beside them."""
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


def patches_for(
    encoder: PatchEncoder,
    slide: Slide,
    grid: PatchGrid,
    settings: ExtractionSettings,
    workers: int,
    *,
    first: int = 0,
) -> Iterator[NDArray[np.uint8]]:
    """Patches of a grid from position ``first`` on, as many at a time and as far ahead as suits."""
    return read_patches(
        slide,
        grid,
        settings.patch_size,
        workers,
        first=first,
        chunk=encoder.batch_size,
        in_turns=encoder.on_processor,
    )


@contextmanager
def _kept(
    slide: Slide,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    grid: PatchGrid,
    folder: Path | None,
) -> Iterator[PartialFeatures | None]:
    """What of the slide is encoded already; let go of when the block ends."""
    if folder is None:
        yield None
        return
    work = work_key(slide, settings, encoder.identity)
    key = partial_key([work, encoder.precision], grid)
    path = folder / f".{slide.path.stem[:60]}.{key}.partial"
    partial = PartialFeatures(path, len(grid), encoder.identity.width)
    try:
        yield partial
    finally:
        partial.close()


def work_key(slide: Slide, settings: ExtractionSettings, identity: EncoderIdentity) -> str:
    """Of all that features depend on: the slide's content and resolution, settings, encoder."""
    resolution = slide.mpp
    parts = [
        content_key(slide.path),
        f"{resolution.x:.6g},{resolution.y:.6g}",
        settings.model_dump_json(),
        identity.weights_sha256,
        identity.preprocessing,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]
