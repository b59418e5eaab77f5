"""Whether a dataset of an HDF5 file was written to its end: what was not reads as zeros."""

from __future__ import annotations

from math import ceil, prod

import h5py


def is_unfinished(stored: h5py.Dataset) -> bool:
    """Whether rows were never written; compressed ones are told by the number of their chunks."""
    if stored.is_virtual or stored.external:
        return False  # the numbers lie in other files
    if stored.id.get_create_plist().get_nfilters():
        wanted = prod(ceil(n / of) for n, of in zip(stored.shape, stored.chunks, strict=True))
        return bool(stored.id.get_num_chunks() < wanted)
    return bool(stored.id.get_storage_size() < stored.size * stored.dtype.itemsize)
