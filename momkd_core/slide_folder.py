"""The slides in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from momkd_core.dicom_series import DICOM_SUFFIX, one_a_slide, read_image
from momkd_core.errors import SlideError
from momkd_core.slide import SLIDE_SUFFIXES


def slides_in(folder: Path) -> list[Path]:
    """A folder's slides by name; of a DICOM series, which is one slide, one file. Raises OSError."""
    files = [
        one
        for one in folder.iterdir()
        if one.suffix.lower() in SLIDE_SUFFIXES and not one.name.startswith(".")
    ]
    dicom = [one for one in files if one.suffix.lower() == DICOM_SUFFIX]
    return sorted([*(one for one in files if one not in dicom), *one_a_slide(dicom)])


def slides_below(folder: Path) -> list[Path]:
    """The same, and those in its folders: a download of the GDC has a folder for each file."""
    folders: Iterable[Path] = sorted(one for one in folder.iterdir() if one.is_dir())
    return [*slides_in(folder), *(slide for one in folders for slide in slides_in(one))]


def the_slide(path: Path) -> Path:
    """A slide, or the only one in a folder, as DICOM slides are passed on.

    Raises:
        SlideError: the folder holds none, several, or a damaged file.
    """
    if not path.is_dir():
        return path
    found = slides_in(path)
    if len(found) != 1:
        for one in found:
            if one.suffix.lower() == DICOM_SUFFIX:
                read_image(one)  # a damaged file, which may be of the slide beside it, is named
        raise SlideError(
            f"{path} is a folder of {len(found)} slides"
            + (f" ({', '.join(one.name for one in found[:3])})" if found else ""),
            "Name one slide",
        )
    return found[0]
