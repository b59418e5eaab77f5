"""Features of an unfinished slide on disk, so that a killed extraction resumes where it was.

A partial file holds float32 rows and nothing else. Its name carries a key of everything the rows
depend on, the grid included, so rows never meet other work; a lock keeps two processes from
appending to one file, and the second of them works without.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from momkd_core.patches import PatchGrid
from momkd_core.storage import output_error

log = logging.getLogger(__name__)

#: Raised when mask, grid or resampling change, so that old rows are not joined to new ones.
_EXTRACTION_VERSION = 1


def partial_key(parts: list[str], grid: PatchGrid) -> str:
    """A key of the work: ``parts`` (slide, settings, encoder) and the grid itself."""
    digest = hashlib.sha256(json.dumps([_EXTRACTION_VERSION, *parts]).encode())
    digest.update(np.ascontiguousarray(grid.coords).tobytes())
    digest.update(str(grid.size_level0).encode())
    return digest.hexdigest()[:16]


class PartialFeatures:
    """Rows of one slide as they are made. A failed write costs the rows of that write at most.

    Args:
        path: the partial file; it appears with the first rows.
        rows, width: of the whole slide: patches, and values in a row.

    Raises:
        OutputError: the folder cannot be written; so do :meth:`resume` and :meth:`append`.
    """

    def __init__(self, path: Path, rows: int, width: int) -> None:
        self._path = path
        self._row_bytes = 4 * width
        self._left = rows
        self._width = width
        self._file: FileIO | None = None
        self._lock = FileLock(f"{path}.lock")
        with self._naming_failure():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(blocking=False)
            except Timeout:
                log.info("%s is being extracted by another process as well", path.name)

    def resume(self, features: NDArray[np.float32]) -> int:
        """Fills ``features`` (N, width) with rows made earlier; returns how many there were."""
        with self._naming_failure():
            if not self._lock.is_locked or not self._path.exists():
                return 0
            rows = min(len(features), self._path.stat().st_size // self._row_bytes)
            with self._path.open("rb+") as stream:
                data = stream.read(rows * self._row_bytes)
                stream.truncate(rows * self._row_bytes)  # a row cut by a kill or by a full disk
        features[:rows] = np.frombuffer(data, np.float32).reshape(rows, self._width)
        if rows:
            log.info("Resuming at patch %d of %d", rows, len(features))
        self._left -= rows
        return rows

    def append(self, rows: NDArray[np.float32]) -> None:
        if not self._lock.is_locked:
            return
        with self._naming_failure():
            if self._file is None:
                self._path.touch()
                # Without a buffer, which would be written once more, and fail again, when it closes.
                self._file = self._path.open("rb+", buffering=0)
                self._file.seek(0, 2)
            data = memoryview(rows.tobytes())
            while data:
                data = data[self._file.write(data) :]
        self._left -= len(rows)

    def close(self) -> None:
        """Lets go of the file, which stays for the next attempt."""
        with suppress(OSError):  # of a share that is gone: what was to be said has been
            if self._file is not None:
                self._file.close()
                self._file = None
        with suppress(OSError):
            if self._lock.is_locked:
                self._lock.release()
                Path(self._lock.lock_file).unlink(missing_ok=True)

    def discard(self) -> None:
        """Removes the file: its rows are safe elsewhere, so one that stays is logged, not raised."""
        owned = self._lock.is_locked
        try:
            if self._file is not None:
                self._file.close()
                self._file = None
            if owned:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s is of no more use but cannot be deleted: %s", self._path, error)
        self.close()

    @contextmanager
    def _naming_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise output_error(self._path, error, self._left * self._row_bytes) from error
