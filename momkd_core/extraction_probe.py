"""A slide looked at for a moment: its tissue, and how fast patches of it are read and encoded."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from momkd_core.extraction import SlideJob
from momkd_core.features import StoredType, write_features
from momkd_core.patch_encoder import PatchEncoder
from momkd_core.patch_reading import patches_ahead
from momkd_core.patches import PatchGrid
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import Slide
from momkd_core.slide_encoding import feature_bag, patches_for, plan

_PATCHES = 64  # encoded of a slide, or two batches where those are larger
_ENCODING_S = 4.0  # a slow encoder is stopped after that, between two batches
_ROWS = 500  # of the feature file that is written to see how large one gets


@dataclass(frozen=True)
class TissueProbe:
    """What the mask of a slide says.

    Attributes:
        squares: of the full grid.
        patches: those with enough tissue.
        seconds: to open the slide and to find that out.
    """

    name: str
    squares: int
    patches: int
    seconds: float


@dataclass(frozen=True)
class PaceProbe:
    """How fast a slide goes.

    Attributes:
        patches: that were encoded.
        ahead_bytes: of patches that wait in memory while a slide is extracted.
        reading, encoding: seconds a patch.
        in_turns: whether the two are added up; otherwise the slower one sets the pace.
        getting_ready: seconds that are spent once: compiling, the first batch.
        width: of a feature vector.
        file_bytes: of an empty feature file, and of each patch in it.
    """

    name: str
    patches: int
    reading: float
    encoding: float
    in_turns: bool
    getting_ready: float
    width: int
    file_bytes: tuple[float, float]
    ahead_bytes: int

    def patch_seconds(self, readers: float = 1.0, encoders: float = 1.0) -> float:
        """Of the whole run, where so many processes like this one read and encode side by side."""
        reading, encoding = self.reading / readers, self.encoding / encoders
        return reading + encoding if self.in_turns else max(reading, encoding)

    @property
    def value_bytes(self) -> float:
        """Of a value in a feature file, with its share of what else is written of a patch."""
        return self.file_bytes[1] / self.width


def probe_tissue(job: SlideJob, settings: ExtractionSettings) -> tuple[TissueProbe, PatchGrid]:
    """Raises SlideError, TissueError or AnnotationError."""
    start = time.perf_counter()
    with Slide(job.slide, mpp=job.mpp) as slide:
        grid = plan(slide, settings, job.region(slide.bounds_offset))
    seconds = time.perf_counter() - start
    return TissueProbe(job.slide.name, grid.candidates, len(grid), seconds), grid


def probe_pace(
    job: SlideJob,
    grid: PatchGrid,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    *,
    workers: int,
    together: int,
    dtype: StoredType = "float32",
) -> PaceProbe:
    """Reads and encodes some patches from the middle of a slide, as extraction would.

    Args:
        grid: of the slide.
        dtype: how features are stored.
        together: as of :func:`momkd_core.slide_encoding.extract_bag`.

    Raises:
        SlideError, EncoderError.
    """
    with Slide(job.slide, mpp=job.mpp) as slide:
        ahead = 0 if encoder.on_processor else patches_ahead(workers, encoder.batch_size)
        wanted = max(_PATCHES, 2 * encoder.batch_size)
        part = _middle(grid, max(wanted, ahead))  # of fewer, threads that read ahead have no share
        start = time.perf_counter()
        read = _first(patches_for(encoder, slide, part, settings, workers), wanted)
        reading = (time.perf_counter() - start) / len(part)
        start = time.perf_counter()
        encoder.prepare(len(grid) * together, settings.patch_size)
        encoder.encode(read[: encoder.batch_size])
        getting_ready = time.perf_counter() - start
        encoded, seconds = _encode(encoder, read)
        sizes = _file_bytes(slide, grid, encoder, settings, dtype)
    return PaceProbe(
        job.slide.name,
        encoded,
        reading,
        seconds / encoded,
        encoder.on_processor,
        max(0.0, getting_ready - seconds / encoded * min(len(read), encoder.batch_size)),
        encoder.identity.width,
        sizes,
        3 * settings.patch_size**2 * ahead,
    )


def _first(chunks: Iterator[NDArray[np.uint8]], count: int) -> NDArray[np.uint8]:
    """Copies of so many patches, about; the others are read and dropped."""
    kept: list[NDArray[np.uint8]] = []
    for chunk in chunks:
        if sum(map(len, kept)) < count:
            kept.append(chunk.copy())
    return np.concatenate(kept)


def _encode(encoder: PatchEncoder, patches: NDArray[np.uint8]) -> tuple[int, float]:
    """How many were encoded, in how many seconds."""
    start = time.perf_counter()
    done, seconds = 0, 0.0
    while done < len(patches) and seconds < _ENCODING_S:
        done += len(encoder.encode(patches[done : done + encoder.batch_size]))
        seconds = time.perf_counter() - start
    return done, seconds


def _middle(grid: PatchGrid, count: int) -> PatchGrid:
    start = max(0, (len(grid) - count) // 2)
    return _part(grid, slice(start, start + count))


def _part(grid: PatchGrid, rows: slice) -> PatchGrid:
    return replace(grid, coords=grid.coords[rows], tissue_fraction=grid.tissue_fraction[rows])


def _file_bytes(
    slide: Slide,
    grid: PatchGrid,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    dtype: StoredType,
) -> tuple[float, float]:
    """Bytes of an empty feature file and of each patch, by writing two: the format knows best."""
    longer = _part(grid, slice(0, _ROWS))
    sizes = []
    with tempfile.TemporaryDirectory(prefix="momkd-plan-") as folder:
        for rows in (_part(grid, slice(0, 1)), longer):
            path = Path(folder) / "slide.h5"
            features = np.zeros((len(rows), encoder.identity.width), np.float32)
            write_features(path, feature_bag(slide, rows, features, encoder, settings), dtype)
            sizes.append(path.stat().st_size)
    if len(longer) == 1:
        return 0.0, float(sizes[0])
    each = (sizes[1] - sizes[0]) / (len(longer) - 1)
    return sizes[0] - each, each
