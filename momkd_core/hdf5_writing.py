"""HDF5 files that a full disk cannot leave half-written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from momkd_core.storage import write_bytes


@contextmanager
def hdf5_file(target: Path) -> Iterator[h5py.File]:
    """An empty HDF5 file, made in memory, that is written atomically when the block ends well.

    On a full disk HDF5 itself raises RuntimeError where the file is closed, or brings the process down
    at the next file (seen with h5py 3.16 and a full tmpfs), so it never writes to one. This holds the
    file in memory once more.

    Raises:
        OutputError: the file cannot be written.
    """
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        yield file
    write_bytes(target, content.getbuffer(), sync=True)
