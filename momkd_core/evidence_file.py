"""An evidence bundle is one zip; a foreign one is refused before anything of it is used."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from momkd_core.annotation_files import AnnotationFile, parse_annotations
from momkd_core.errors import AnnotationError, BundleError
from momkd_core.evidence_record import FORMAT, BundleRecord
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.storage import atomic_path, write_bytes

RECORD, PAGE, PATCHES = "bundle.json", "index.html", "patches.csv"
OVERLAY, ANNOTATIONS = "overlay.geojson", "annotations.geojson"
_NEEDED = (PAGE, PATCHES, OVERLAY, ANNOTATIONS)

_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip's first day: the files tell no time of their own
_PACKED_ALREADY = (".png", ".safetensors")
_MOST_FILES = 4_000
_MOST_BYTES = 1 << 30
_MOST_RECORD_BYTES = 64 << 20
_NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*")
_FOREIGN = "Name a zip written by momkd bundle or by the window"
_DAMAGED = "Copy it again from its source, or write it again"


@dataclass(frozen=True)
class BundleContent:
    """A bundle that was read, and whose files are those that it lists.

    Attributes:
        annotations: in level-0 pixels, as they were on the slide.
    """

    path: Path
    record: BundleRecord
    annotations: AnnotationFile

    def unpack_model(self, folder: Path) -> Path | None:
        """Writes the model into a folder; what to load, or None where the bundle has none.

        Raises:
            BundleError: the bundle changed since it was read.
            OutputError: the folder cannot be written.
        """
        files = self.record.model.files
        for name in files:
            write_bytes(folder / name, self.read(name))
        if not files:
            return None
        return folder / "model" if "/" in files[0] else folder / files[0]

    def read(self, name: str) -> bytes:
        """One of the files that :attr:`record` lists. Raises :class:`BundleError`."""
        with _opened(self.path) as archive:
            _check(archive, self.path, name, self.record.files[name])
            return _read(archive, self.path, name)


def write_files(
    path: Path,
    record: bytes,
    files: Mapping[str, bytes],
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> None:
    """Writes a bundle atomically.

    Args:
        record: ``bundle.json``.
        files: all the others.

    Raises:
        BundleError: the path does not end in .zip, so that a slide is never written over; or it is
            more than :func:`read_bundle` would take.
        OutputError: it cannot be written.
        Cancelled: on request; nothing is written then.
    """
    check_path(path)
    everything = {PAGE: files[PAGE], RECORD: record, **files}
    if sum(len(content) for content in everything.values()) > _MOST_BYTES:
        raise BundleError(
            f"{path.name} would hold more than a bundle can ({_MOST_BYTES >> 30} GiB)",
            "Show fewer patches of a component, or leave the model out",
        )
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for done, (name, content) in enumerate(everything.items()):
            if cancel is not None:
                cancel.raise_if_cancelled()
            report(done, len(everything), "writing the bundle")
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            packed = name.endswith(_PACKED_ALREADY)
            entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def check_path(path: Path) -> None:
    """Raises :class:`BundleError` where a bundle may not be written."""
    if path.suffix.lower() != ".zip":
        raise BundleError(f"{path} does not end in .zip", "Give the bundle a name that does")


def read_bundle(path: str | Path) -> BundleContent:
    """Reads a bundle and checks every file of it.

    Raises:
        BundleError: missing, no zip, no bundle, damaged, unsafe, or of a newer version.
    """
    path = Path(path)
    with _opened(path) as archive:
        names = _safe_names(archive, path)
        record = _record(archive, path)
        listed = set(record.files)
        if names - {RECORD} != listed:
            odd = sorted((names - {RECORD}) ^ listed)
            raise BundleError(
                f"{path.name} does not hold the files that it lists ({', '.join(odd[:3])})",
                _DAMAGED,
            )
        pictures = [view.file for view in record.views]
        pictures += [one.picture for one in record.components if one.picture is not None]
        missing = {*_NEEDED, *pictures, *record.model.files} - listed
        if missing:
            raise BundleError(f"{path.name} lacks {sorted(missing)[0]}", _DAMAGED)
        for name, sha256 in record.files.items():
            _check(archive, path, name, sha256)
        content = _read(archive, path, ANNOTATIONS)
    try:
        offset = record.slide.bounds_offset
        annotations = parse_annotations(content, f"{path.name}: {ANNOTATIONS}", offset=offset)
    except AnnotationError as error:
        raise BundleError(error.cause, _DAMAGED) from error
    return BundleContent(path, record, annotations)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip; whatever is wrong with it becomes a :class:`BundleError`."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read ({error.strerror or error})", "Check the path and permissions"
        ) from error
    except zipfile.BadZipFile as error:
        raise BundleError(
            f"{path.name} is no zip, or not a whole one ({error})", _FOREIGN
        ) from error


def _safe_names(archive: zipfile.ZipFile, path: Path) -> set[str]:
    """The names of a zip that is safe to read: no place outside, no link, no bomb, no name twice."""
    entries = archive.infolist()
    if len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > _MOST_BYTES:
        raise BundleError(f"{path.name} would unpack to more than a bundle can be", _FOREIGN)
    names = set()
    for entry in entries:
        # ``orig_filename`` is what the file says; zipfile cuts names at a null byte.
        name = entry.orig_filename
        link = stat.S_ISLNK(entry.external_attr >> 16)
        if link or name != entry.filename or not _NAME.fullmatch(name) or name in names:
            raise BundleError(f"{path.name} holds {name!r}, which no bundle holds", _FOREIGN)
        names.add(name)
    return names


def _record(archive: zipfile.ZipFile, path: Path) -> BundleRecord:
    if RECORD not in archive.namelist():
        raise BundleError(f"{path.name} is a zip, but no evidence bundle", _FOREIGN)
    if archive.getinfo(RECORD).file_size > _MOST_RECORD_BYTES:
        raise BundleError(f"{path.name} has a {RECORD} larger than any", _FOREIGN)
    try:
        content = json.loads(_read(archive, path, RECORD))
        stated = int(content["format"])
        if stated > FORMAT:
            raise BundleError(
                f"{path.name} was written by a newer version (format {stated})",
                "Update momkd-viewer",
            )
        return BundleRecord.model_validate(content)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        said = " ".join(str(error).split("\n")[:3])
        raise BundleError(f"{path.name} has a {RECORD} that is none ({said})", _DAMAGED) from error


def _check(archive: zipfile.ZipFile, path: Path, name: str, sha256: str) -> None:
    found = hashlib.sha256()
    with _member(archive, path, name) as stream:
        while block := stream.read(1 << 20):
            found.update(block)
    if found.hexdigest() != sha256:
        raise BundleError(f"{path.name}: {name} is not what was written", _DAMAGED)


def _read(archive: zipfile.ZipFile, path: Path, name: str) -> bytes:
    with _member(archive, path, name) as stream:
        return stream.read()


@contextmanager
def _member(archive: zipfile.ZipFile, path: Path, name: str) -> Iterator[IO[bytes]]:
    """A file of the zip; zipfile gives no more of it than its declared size."""
    try:
        with archive.open(name) as stream:
            yield stream
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        # RuntimeError: it is encrypted; NotImplementedError: packed in a way of its own.
        raise BundleError(f"{path.name}: {name} cannot be unpacked ({error})", _DAMAGED) from error
