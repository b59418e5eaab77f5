"""Vectors of a feature file: read as they are stored, and checked while they are at hand.

Files of ours hold them in one piece, so they are read at the pace of the disk's cache, block by block,
and each block is looked through while it is still in the processor's. A number is finite unless all
bits of its exponent are set; of such numbers the bits are the largest there are, as signed integers for
positive ones and as unsigned integers for negative ones, so that two maxima tell.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from momkd_core.errors import FeatureError
from momkd_core.feature_bag import Vectors

_BLOCK_BYTES = 512 * 1024  # small enough to stay in a core's cache

# By bytes of a number: its integers, and the bits of infinity.
_BITS = {2: (np.int16, np.uint16, 0x7C00), 4: (np.int32, np.uint32, 0x7F800000)}


def read_vectors(name: str, stored: h5py.Dataset | NDArray[Any], shape: tuple[int, int]) -> Vectors:
    """(N, D) finite numbers in half or single precision, as the file holds them.

    Args:
        name: of the file, for messages.
        stored: of that shape, perhaps with a leading axis of 1.

    Raises:
        FeatureError: they are no floating-point numbers, or some are not finite or not there.
    """
    if not np.issubdtype(stored.dtype, np.floating):
        raise FeatureError(f"{name}: features are {stored.dtype}", "Expected float16 or 32")
    if isinstance(stored, h5py.Dataset) and _is_unfinished(stored):
        raise FeatureError(
            f"{name} was not written to its end: part of its features is missing",
            "Extract the slide again",
        )
    place = _place_in_file(stored)
    if place is not None:
        vectors: NDArray[Any] = np.empty(shape, stored.dtype)
        sound = all(_is_finite(block) for block in _fill(vectors, *place))
    else:
        vectors = _native(np.asarray(stored).reshape(shape))
        sound = all(_is_finite(block) for block in _blocks(vectors))
    if not sound:
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        raise FeatureError(
            f"{name}: {len(bad)} of {len(vectors)} patches have NaN or infinite features (the first is "
            f"row {bad[0]})",
            "Extract the slide again; half precision may have overflowed",
        )
    return vectors


def _is_unfinished(stored: h5py.Dataset) -> bool:
    """Whether rows were never written, which HDF5 would give as zeros; not told of compressed ones."""
    elsewhere = stored.is_virtual or stored.external
    if elsewhere or stored.id.get_create_plist().get_nfilters():
        return False
    return bool(stored.id.get_storage_size() < stored.size * stored.dtype.itemsize)


def _native(vectors: NDArray[Any]) -> NDArray[Any]:
    """In this machine's byte order; other than half and single precision as single."""
    wanted = vectors.dtype.newbyteorder("=") if vectors.dtype.itemsize == 2 else np.dtype("float32")
    with np.errstate(
        over="ignore"
    ):  # what single precision cannot hold becomes infinite, and is named
        return vectors.astype(wanted, copy=False)


def _place_in_file(stored: h5py.Dataset | NDArray[Any]) -> tuple[int, int] | None:
    """Descriptor of the open file, and the byte where a dataset lies in one piece; None where HDF5 has
    to read it. It is HDF5's own: by its name, the file could be another one by now.
    """
    if not isinstance(stored, h5py.Dataset) or stored.dtype not in (np.float16, np.float32):
        return None
    if (
        stored.chunks is not None
        or stored.is_virtual
        or stored.external
        or not stored.dtype.isnative
    ):
        return None
    file = stored.file
    offset = stored.id.get_offset()
    plain = file.driver == "sec2" and not file.userblock_size and hasattr(os, "preadv")
    if offset is None or not plain:
        return None
    return int(file.id.get_vfd_handle()), int(offset)


def _fill(vectors: NDArray[Any], descriptor: int, offset: int) -> Iterator[NDArray[Any]]:
    """Reads vectors (N, D) from a place in a file; blocks of rows, each as soon as it is there.

    Raises:
        OSError: the file ends before they do.
    """
    for block in _blocks(vectors):
        into = block.data.cast("B")
        while len(into):
            count = os.preadv(descriptor, [into], offset)
            if not count:
                raise OSError("the file ends within its features")
            into, offset = into[count:], offset + count
        yield block


def _blocks(vectors: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Rows, as many at a time as a core's cache holds."""
    rows = max(1, _BLOCK_BYTES // max(1, vectors.shape[1] * vectors.itemsize))
    for first in range(0, len(vectors), rows):
        yield vectors[first : first + rows]


def _is_finite(block: NDArray[Any]) -> bool:
    if block.size == 0:
        return True
    signed, unsigned, infinity = _BITS[block.itemsize]
    sign = 1 << (8 * block.itemsize - 1)
    return bool(
        block.view(signed).max() < infinity and block.view(unsigned).max() < sign + infinity
    )
