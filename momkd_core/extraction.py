"""Slides to feature files: mask, grid, pixels, encoder, ``.h5``.

Reader threads keep patches ready while the encoder works, so that the slower of the two sets the
pace. Features are appended to a partial file as they come: a killed extraction resumes where it was.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from momkd_core.encoders import EncoderIdentity, PatchEncoder, encoder_identity
from momkd_core.errors import FeatureError, OutputError
from momkd_core.features import FeatureBag, read_features, write_features
from momkd_core.patches import PatchGrid, plan_patches
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import Slide
from momkd_core.storage import cache_folder, content_key
from momkd_core.tissue import find_tissue

log = logging.getLogger(__name__)

_CHUNK = 32  # patches read by one thread at a time
DEFAULT_WORKERS = 2


@dataclass(frozen=True)
class SlideJob:
    """One slide to extract: which file, its stated resolution, where the features go."""

    slide: Path
    mpp: float | None
    target: Path


def plan(slide: Slide, settings: ExtractionSettings) -> PatchGrid:
    """Tissue mask and patch grid of an open slide. Raises SlideError or TissueError."""
    return plan_patches(slide, find_tissue(slide), settings)


def extract_bag(
    slide: Slide,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    *,
    workers: int = DEFAULT_WORKERS,
    report: Report = silent,
    cancel: CancelToken | None = None,
    partial: Path | None = None,
    slides_left: int = 1,
) -> FeatureBag:
    """Features of a slide.

    Args:
        slide: open, with known resolution.
        encoder: must be the one that ``settings`` names.
        workers: threads that read patches.
        report, cancel: progress in patches; cancelled between batches.
        partial: a file to resume from and append to; removed by the caller when done.
        slides_left: how many such slides are to come, for the decision to compile.

    Raises:
        SlideError, TissueError: the slide cannot be read or used.
        Cancelled: on request.
    """
    cancel = cancel or CancelToken()
    report(0, 0, "looking for tissue")
    grid = plan(slide, settings)
    cancel.raise_if_cancelled()
    encoder.prepare(len(grid) * slides_left, settings.patch_size)
    features = np.empty((len(grid), encoder.identity.width), np.float32)
    done = _resume(partial, features)
    report(done, len(grid), "encoding patches")
    log_file = partial.open("ab") if partial is not None else None
    try:
        for patches in read_patches(slide, grid, settings.patch_size, workers, first=done):
            cancel.raise_if_cancelled()
            batch = encoder.encode(patches)
            features[done : done + len(batch)] = batch
            if log_file is not None:
                log_file.write(batch.tobytes())
                log_file.flush()
            done += len(batch)
            report(done, len(grid), "encoding patches")
    finally:
        if log_file is not None:
            log_file.close()
    return FeatureBag(
        features=features,
        coords=grid.coords,
        size_level0=grid.size_level0,
        tissue_fraction=grid.tissue_fraction,
        encoder=encoder.identity.name,
        encoder_sha256=encoder.identity.weights_sha256,
        target_mpp=settings.target_mpp,
        patch_size=settings.patch_size,
        overlap=settings.overlap,
        attributes={
            "level0_width": slide.width,
            "level0_height": slide.height,
            "min_tissue": settings.min_tissue,
            "slide_mpp": slide.mpp.mean,
            "precision": encoder.precision,
        },
    )


def read_patches(
    slide: Slide, grid: PatchGrid, patch_size: int, workers: int, *, first: int = 0
) -> Iterator[NDArray[np.uint8]]:
    """Patches of a grid in order, read ahead by ``workers`` threads.

    Yields:
        (B, patch_size, patch_size, 3) uint8 RGB, B at most 32.
    """

    def read(start: int) -> NDArray[np.uint8]:
        corners = grid.coords[start : start + _CHUNK]
        block = np.empty((len(corners), patch_size, patch_size, 3), np.uint8)
        for index, (x, y) in enumerate(corners):
            block[index] = slide.read_scaled(
                int(x), int(y), grid.size_level0, patch_size, filter_=Image.Resampling.BILINEAR
            )
        return block

    waiting: deque[Future[NDArray[np.uint8]]] = deque()
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="patch-reader") as pool:
        try:
            for start in range(first, len(grid), _CHUNK):
                waiting.append(pool.submit(read, start))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def extract_file(
    job: SlideJob,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    *,
    workers: int = DEFAULT_WORKERS,
    overwrite: bool = False,
    report: Report = silent,
    cancel: CancelToken | None = None,
    slides_left: int = 1,
) -> bool:
    """Extracts one slide into ``job.target``; returns False where that was done before.

    Raises:
        FeatureError: the target exists and was made from other settings.
        SlideError, TissueError, OutputError, Cancelled: as :func:`extract_bag`.
    """
    if job.target.exists() and not overwrite:
        _check_existing(job.target, encoder.identity, settings)
        return False
    with Slide(job.slide, mpp=job.mpp) as slide:
        partial = _partial_path(job, encoder, settings)
        bag = extract_bag(
            slide,
            encoder,
            settings,
            workers=workers,
            report=report,
            cancel=cancel,
            partial=partial,
            slides_left=slides_left,
        )
    write_features(job.target, bag)
    partial.unlink(missing_ok=True)
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
    with Slide(
        path, mpp=mpp
    ) as slide:  # also when cached: a file that became unreadable must say so
        resolution = slide.mpp
        key = _key(
            [
                content_key(path),
                f"{resolution.x:.6g},{resolution.y:.6g}",
                settings.model_dump_json(),
                encoder_identity(settings.encoder).weights_sha256,
            ]
        )
        target = cache_folder() / "features" / f"{key}.h5"
        if target.exists():
            try:
                return read_features(target)
            except FeatureError as error:
                log.warning("Cached features are extracted again: %s", error)
        encoder = load(settings.encoder)
        partial = target.with_suffix(".partial")
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.touch()
        except OSError as error:
            log.warning("The feature cache cannot be written: %s", error)
            return extract_bag(
                slide, encoder, settings, workers=workers, report=report, cancel=cancel
            )
        bag = extract_bag(
            slide,
            encoder,
            settings,
            workers=workers,
            report=report,
            cancel=cancel,
            partial=partial,
        )
    try:
        write_features(target, bag)
        partial.unlink(missing_ok=True)
    except OutputError as error:
        log.warning("Features were not cached: %s", error)
    return bag


class EncoderLoader:
    """Loads each encoder once and shares it; call it with a name."""

    def __init__(self, **options: object) -> None:
        self._options = options
        self._loaded: dict[str, PatchEncoder] = {}

    def __call__(self, name: str) -> PatchEncoder:
        if name not in self._loaded:
            from momkd_core.encoders import load_encoder

            self._loaded[name] = load_encoder(name, **self._options)  # type: ignore[arg-type]
        return self._loaded[name]


def _check_existing(target: Path, identity: EncoderIdentity, settings: ExtractionSettings) -> None:
    bag = read_features(target)
    wanted = (identity.name, settings.target_mpp, settings.patch_size, settings.overlap)
    found = (bag.encoder, bag.target_mpp, bag.patch_size, bag.overlap)
    if found != wanted:
        raise FeatureError(
            f"{target.name} exists and was made with encoder, mpp, patch size, overlap {found}, "
            f"not {wanted}",
            "Choose another --out folder, or pass --overwrite",
        )


def _resume(partial: Path | None, features: NDArray[np.float32]) -> int:
    """Fills ``features`` from a partial file; returns the number of whole rows found."""
    if partial is None or not partial.exists():
        return 0
    row_bytes = features.shape[1] * features.itemsize
    # A chunk cut by the kill is dropped: reading restarts on a chunk border.
    rows = int(min(len(features), partial.stat().st_size // row_bytes)) // _CHUNK * _CHUNK
    with partial.open("rb+") as stream:
        data = stream.read(rows * row_bytes)
        stream.truncate(rows * row_bytes)
    features[:rows] = np.frombuffer(data, np.float32).reshape(rows, features.shape[1])
    if rows:
        log.info("Resuming at patch %d of %d", rows, len(features))
    return rows


def _partial_path(job: SlideJob, encoder: PatchEncoder, settings: ExtractionSettings) -> Path:
    key = _key(
        [
            content_key(job.slide),
            str(job.mpp),
            settings.model_dump_json(),
            encoder.identity.weights_sha256,
            encoder.precision,
        ]
    )
    folder = job.target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{job.target.stem[:60]}.{key[:12]}.partial"
        partial.touch()
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror})",
            "Choose another output folder or change its permissions",
        ) from error
    return partial


def _key(parts: list[str]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]
