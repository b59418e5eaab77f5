"""Where files go, and how they are written so that a crash never leaves half of one."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import platformdirs

from momkd_core.errors import OutputError

_APPLICATION = "momkd"
_END_BYTES = 64 * 1024


def cache_folder() -> Path:
    """The user's cache; ``MOMKD_CACHE`` overrides it (a scratch disk, or a test's folder)."""
    chosen = os.environ.get("MOMKD_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir(_APPLICATION))


def data_folder() -> Path:
    """What the user made and wants kept, by slide; ``MOMKD_DATA`` overrides it."""
    chosen = os.environ.get("MOMKD_DATA")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir(_APPLICATION))


def review_file() -> str:
    """Where verdicts go unless said otherwise: a path or URL; ``MOMKD_REVIEW`` overrides it."""
    return os.environ.get("MOMKD_REVIEW") or str(data_folder() / "review.sqlite")


def log_file() -> Path:
    """The user's log file; ``MOMKD_LOG`` overrides it."""
    chosen = os.environ.get("MOMKD_LOG")
    return Path(chosen) if chosen else Path(platformdirs.user_log_dir(_APPLICATION)) / "momkd.log"


def annotation_folder() -> Path:
    """Annotations of slides whose own folder cannot be written; ``MOMKD_DATA`` overrides its parent."""
    chosen = os.environ.get("MOMKD_DATA")
    data = Path(chosen) if chosen else Path(platformdirs.user_data_dir(_APPLICATION))
    return data / "annotations"


@contextmanager
def atomic_path(target: Path, *, needed: int | None = None) -> Iterator[Path]:
    """A temporary path beside ``target`` that takes its name when the block ends well.

    A reader sees the old file or the new one, never half of either; a failure leaves the old one.

    Args:
        needed: bytes of the file, for the message when the disk is full.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    handle = -1
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem[:40]}.", suffix=f".part{target.suffix}", dir=target.parent
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(_PERMISSIONS)
        temporary.replace(target)
        temporary = None
    except OSError as error:
        raise output_error(target, error, needed) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(target: Path, content: bytes | memoryview, *, sync: bool = False) -> None:
    """Writes a file atomically.

    Args:
        sync: waits until the disk or server has it: a share may say only then that it is full.

    Raises:
        OutputError: as :func:`atomic_path`.
    """
    with atomic_path(target, needed=len(content)) as temporary, temporary.open("wb") as stream:
        stream.write(content)
        if sync:
            stream.flush()
            os.fsync(stream.fileno())


def write_text(target: Path, text: str) -> None:
    """Writes UTF-8 text atomically. Raises :class:`OutputError`."""
    with atomic_path(target) as path:
        path.write_text(text, encoding="utf-8")


def remove(path: Path) -> None:
    """Deletes a file, if it is there. Raises :class:`OutputError`."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows (dicts) as CSV, None as an empty cell. Raises :class:`OutputError`."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: "" if row[name] is None else row[name] for name in columns})
    write_text(path, stream.getvalue())


def sha256_of_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_bytes(content: bytes) -> str:
    """The same of what was read already."""
    return hashlib.sha256(content).hexdigest()


def content_key(path: Path) -> str:
    """A key that changes when a large file changes: its path, size and modification time.

    Hashing the gigabytes of a slide would take longer than reading the part of it that is needed.
    """
    stat = path.stat()
    text = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def ends_key(path: Path) -> str:
    """A key of a file's size and of its first and last 64 KiB, wherever it lies. Raises OSError."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        found = hashlib.sha256(str(size).encode())
        for start in (0, max(0, size - _END_BYTES)):
            stream.seek(start)
            found.update(stream.read(_END_BYTES))
    return found.hexdigest()[:32]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Read once, at import: reading it means changing it for a moment, for all threads.
_PERMISSIONS = 0o666 & ~_umask()


def output_error(target: Path, error: OSError, needed: int | None = None) -> OutputError:
    """What an operating-system failure means for the user who wanted ``target`` written.

    Args:
        needed: bytes that were to be written, where they are known.
    """
    if error.errno in _FULL:
        return OutputError(
            f"{_FULL[error.errno]} while writing {target}{_space(target, needed)}",
            "Free some space and give the same command again: what is finished is kept",
        )
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return OutputError(
            f"{target.parent} cannot be written ({error.strerror})",
            "Choose another output folder or change its permissions",
        )
    return OutputError(
        f"{target} cannot be written ({error.strerror or error})", "Check the output folder"
    )


_FULL = {
    errno.ENOSPC: "The disk is full",
    errno.EFBIG: "Files may not grow as large as that here",
}
if hasattr(errno, "EDQUOT"):  # not on Windows
    _FULL[errno.EDQUOT] = "Your share of the disk (quota) is used up"


def _space(target: Path, needed: int | None) -> str:
    """What is needed and what is left, as far as that is known."""
    told = [] if needed is None else [f"{byte_count(needed)} needed"]
    with suppress(OSError):
        told.append(f"{byte_count(shutil.disk_usage(target.parent).free)} free on the disk")
    return f" ({', '.join(told)})" if told else ""


def byte_count(count: float) -> str:
    """Bytes in the unit that suits them, powers of 1,000: 340 kB, 1.2 GB."""
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= length:
            return f"{count / length:.3g} {unit}"
    return f"{count / 1e3:.3g} kB"
