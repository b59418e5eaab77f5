"""The slides in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from momkd_core.slide import SLIDE_SUFFIXES


def slides_in(folder: Path) -> list[Path]:
    """A folder's slides by name; the DICOM files of one folder are one slide. Raises OSError."""
    files = sorted(
        one
        for one in folder.iterdir()
        if one.suffix.lower() in SLIDE_SUFFIXES and not one.name.startswith(".")
    )
    dicom = [one for one in files if one.suffix.lower() == ".dcm"]
    return [one for one in files if one not in dicom[1:]]


def slides_below(folder: Path) -> list[Path]:
    """The same, and those in its folders: a download of the GDC has a folder for each file."""
    folders: Iterable[Path] = sorted(one for one in folder.iterdir() if one.is_dir())
    return [*slides_in(folder), *(slide for one in folders for slide in slides_in(one))]
