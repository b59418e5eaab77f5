"""Loading and saving annotations, away from the GUI thread.

They lie beside the slide, or in the user's own folder where that cannot be written. A save is not
cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from momkd_core.annotation_files import AnnotationFile, Offset, read_annotations, write_annotations
from momkd_core.errors import AnnotationError, OutputError
from momkd_core.progress import CancelToken, Report
from momkd_viewer.jobs.annotation_place import AnnotationPlace
from momkd_viewer.jobs.runner import Work

Stamp = tuple[int, int]


@dataclass(frozen=True)
class Loaded:
    """What was found for a slide.

    Attributes:
        content: of the newest file that could be read.
        path: that file, or None where there was none.
        unreadable: files that must never be written, and why.
        elsewhere: whether it was saved where the slide lay before.
    """

    content: AnnotationFile
    path: Path | None
    unreadable: dict[Path, str] = field(default_factory=dict)
    elsewhere: bool = False


@dataclass(frozen=True)
class SaveRequest:
    """What is to be saved.

    Attributes:
        written: stamps of the files that this session wrote; kept by who writes, one at a time.
        refused: files that could not be read, which are left alone.
        whole: False where the slide's file was not read yet: what it holds is kept.
    """

    place: AnnotationPlace
    content: AnnotationFile
    written: dict[Path, Stamp] = field(default_factory=dict)
    refused: frozenset[Path] = frozenset()
    whole: bool = True


def load_annotations(place: AnnotationPlace) -> Work:
    def work(report: Report, cancel: CancelToken) -> Loaded:
        return load_now(place)

    return work


def save_annotations(request: SaveRequest) -> Work:
    def work(report: Report, cancel: CancelToken) -> Path:
        return save_now(request)

    return work


def import_annotations(path: Path, offset: Offset) -> Work:
    def work(report: Report, cancel: CancelToken) -> AnnotationFile:
        report(0, 0, f"reading {path.name}")
        return read_annotations(path, offset=offset)

    return work


def export_annotations(path: Path, place: AnnotationPlace, content: AnnotationFile) -> Work:
    def work(report: Report, cancel: CancelToken) -> Path:
        write_annotations(
            path, content, offset=place.offset, microns_per_pixel=place.microns_per_pixel
        )
        return path

    return work


def load_now(place: AnnotationPlace) -> Loaded:
    """Reads what there is for a slide; the newest readable file counts. Raises nothing named.

    Names that were given before, and where the slide lay before, count where there is no file yet.
    """
    unreadable: dict[Path, str] = {}
    found = _newest(place.files, place, unreadable)
    if found is None:
        found = _newest(place.older_files, place, unreadable)
        if place.sharers and _stamp(place.by_stem) is not None:
            slides = " or ".join((place.slide.name, *place.sharers))
            unreadable[place.by_stem] = (
                f"{place.by_stem.name} may be of {slides}, so it is not shown. Import it on the slide "
                "that it belongs to."
            )
    elsewhere = found is None
    if found is None:
        found = _newest(place.files_elsewhere, place, unreadable)
    if found is None:
        return Loaded(AnnotationFile(), None, unreadable)
    path, content = found
    return Loaded(content, path, unreadable, elsewhere)


def _newest(
    paths: list[Path], place: AnnotationPlace, unreadable: dict[Path, str]
) -> tuple[Path, AnnotationFile] | None:
    found: list[tuple[int, Path, AnnotationFile]] = []
    for path in paths:
        stamp = _stamp(path)
        if stamp is None:
            continue
        try:
            content = read_annotations(path, offset=place.offset)
        except AnnotationError as error:
            unreadable[path] = str(error)
            continue
        found.append((stamp[0], path, content))
    return max(found, key=lambda entry: entry[0])[1:] if found else None


def laid_over(below: AnnotationFile, above: AnnotationFile) -> AnnotationFile:
    """Annotations of both, those above where they are the same; other objects are those below."""
    drawn = {one.id for one in above.annotations}
    kept = tuple(one for one in below.annotations if one.id not in drawn)
    return AnnotationFile((*kept, *above.annotations), below.others)


def save_now(request: SaveRequest) -> Path:
    """Writes beside the slide, else in the user's folder; returns the file.

    Raises:
        OutputError: neither can be written.
    """
    place, content, refused = request.place, request.content, request.refused
    if not request.whole:
        there = load_now(place)
        refused |= there.unreadable.keys()
        content = laid_over(there.content, content)
    problem: OutputError | None = None
    for path in place.targets(refused):
        try:
            write_annotations(
                path,
                content,
                offset=place.offset,
                microns_per_pixel=place.microns_per_pixel,
                backup=_backup(path, request.written),
            )
        except OutputError as error:
            problem = error
            continue
        stamp = _stamp(path)
        if stamp is not None:
            request.written[path] = stamp
        return path
    assert problem is not None
    raise problem


def _backup(path: Path, written: dict[Path, Stamp]) -> Path | None:
    """Where a file is kept that this session writes over for the first time, or that changed since."""
    stamp = _stamp(path)
    if stamp is None or written.get(path) == stamp:
        return None
    if path not in written:
        return path.with_name(f"{path.name}.bak")
    return path.with_name(f"{path.name}.{datetime.now():%Y%m%d-%H%M%S}.bak")


def _stamp(path: Path) -> Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
