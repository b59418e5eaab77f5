"""Patches of a grid as pixels, in order, read by several threads.

Neighbours in a row are read as one strip where that gives the same pixels: OpenSlide then meets each
tile between them once. Each patch is cut out before it is resampled, so that none sees its neighbour.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from momkd_core.errors import SlideError
from momkd_core.patches import PatchGrid
from momkd_core.slide import Slide

_CHUNK = 32  # patches read by one thread at a time, where it reads ahead
_AHEAD = 2  # chunks for each thread that are begun or wait
_BLOCK = 256  # patches read in one turn, where reader and encoder take turns
_STRIP = 8  # patches of one strip at most: 8 of 512 px are 8 MiB


def read_patches(
    slide: Slide,
    grid: PatchGrid,
    patch_size: int,
    workers: int,
    *,
    first: int = 0,
    chunk: int = _CHUNK,
    in_turns: bool = False,
) -> Iterator[NDArray[np.uint8]]:
    """Patches of a grid in order, read by ``workers`` threads.

    Args:
        first: position to start at.
        in_turns: read a block whenever the caller has used up the one before, instead of ahead.

    Yields:
        (B, patch_size, patch_size, 3) uint8 RGB, B at most ``chunk``; in turns it holds until the next
        one is asked for, since touching new memory for each block takes a fifth of the time.
    """
    chunk = max(chunk, _CHUNK)
    coords = grid.coords[first:]
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="patch-reader") as pool:
        if in_turns:
            memory = _empty(min(_BLOCK, len(coords)), patch_size)
            for start in range(0, len(coords), _BLOCK):
                corners = coords[start : start + _BLOCK]
                block = memory[: len(corners)]
                _fill(block, slide, corners, grid.size_level0, pool)
                yield from (block[i : i + chunk] for i in range(0, len(block), chunk))
            return
        yield from _read_ahead(slide, coords, grid.size_level0, patch_size, pool, workers, chunk)


def patches_ahead(workers: int, chunk: int) -> int:
    """Patches that ``workers`` threads hold ready at most, where they read ahead: two chunks each."""
    return _AHEAD * workers * max(chunk, _CHUNK)


def _read_ahead(
    slide: Slide,
    coords: NDArray[np.int64],
    size_level0: int,
    patch_size: int,
    pool: ThreadPoolExecutor,
    workers: int,
    chunk: int,
) -> Iterator[NDArray[np.uint8]]:
    """Chunk by chunk, each read by one thread; two for every thread are begun or wait."""
    waiting: deque[Future[NDArray[np.uint8]]] = deque()
    try:
        for start in range(0, len(coords), chunk):
            corners = coords[start : start + chunk]
            waiting.append(pool.submit(read_chunk, slide, corners, size_level0, patch_size))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def read_chunk(
    slide: Slide, corners: NDArray[np.int64], size_level0: int, patch_size: int
) -> NDArray[np.uint8]:
    """Patches with these level-0 corners (B, 2): (B, patch_size, patch_size, 3) uint8 RGB.

    Raises SlideError with the place of a patch that cannot be read.
    """
    block = _empty(len(corners), patch_size)
    _fill(block, slide, corners, size_level0, None)
    return block


def _empty(count: int, patch_size: int) -> NDArray[np.uint8]:
    return np.empty((count, patch_size, patch_size, 3), np.uint8)


def _fill(
    block: NDArray[np.uint8],
    slide: Slide,
    corners: NDArray[np.int64],
    size_level0: int,
    pool: ThreadPoolExecutor | None,
) -> None:
    """Reads patches into a block, run by run in this thread, or shared out among those of a pool."""

    def read(run: slice) -> None:
        _read_run(slide, corners[run], size_level0, block[run])

    # On a coarser level a strip would lie between pixels otherwise than its patches do.
    joined = slide.level_for_downsample(max(size_level0 / block.shape[1], 1.0)) == 0
    runs = _strips(corners, size_level0) if joined else _singles(len(corners))
    for _ in map(read, runs) if pool is None else pool.map(read, runs):
        pass


def _read_run(slide: Slide, corners: NDArray[np.int64], size: int, into: NDArray[np.uint8]) -> None:
    """Fills ``into`` with the patches of one run."""
    if len(corners) > 1 and _read_strip(slide, corners, size, into):
        return
    for patch, (x, y) in zip(into, corners.tolist(), strict=True):
        patch[:] = slide.read_scaled(x, y, size, len(patch), filter_=Image.Resampling.BILINEAR)


def _singles(count: int) -> list[slice]:
    return [slice(index, index + 1) for index in range(count)]


def _strips(corners: NDArray[np.int64], size: int) -> list[slice]:
    """Runs of patches in a row without a gap between them, at most :data:`_STRIP` long."""
    starts = [0]
    for index, (before, after) in enumerate(pairwise(corners), start=1):
        adjacent = after[1] == before[1] and 0 < after[0] - before[0] <= size
        if not adjacent or index - starts[-1] == _STRIP:
            starts.append(index)
    return [slice(start, stop) for start, stop in pairwise([*starts, len(corners)])]


def _read_strip(
    slide: Slide, corners: NDArray[np.int64], size: int, into: NDArray[np.uint8]
) -> bool:
    """Fills ``into`` from one read of level 0; False where it fails: one patch of it may be sound."""
    x0, y0 = (int(value) for value in corners[0])
    try:
        strip = slide.packed(x0, y0, 0, int(corners[-1][0]) - x0 + size, size)
    except SlideError:
        return False
    for patch, x in zip(into, corners[:, 0] - x0, strict=True):
        patch[:] = slide.scaled(strip[:, x : x + size], len(patch), Image.Resampling.BILINEAR)
    return True
