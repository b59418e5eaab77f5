"""Which DICOM files are whole-slide images, and which of them are one slide.

A slide is a series: a file for each level, and others for label and overview. OpenSlide opens all of
them by any one, and only sees those beside it. Attributes by name:
https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_A.32.8.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from momkd_core.errors import SlideError

#: VL Whole Slide Microscopy Image Storage.
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
DICOM_SUFFIX = ".dcm"

_READ = ("SOPClassUID", "SeriesInstanceUID", "ImageType", "TotalPixelMatrixColumns")


@dataclass(frozen=True)
class DicomImage:
    """What a file of a whole-slide image says.

    Attributes:
        series: UID of the slide that it belongs to.
        flavour: third value of the image type: VOLUME for a level, else LABEL, OVERVIEW or THUMBNAIL.
        columns: width in pixels.
    """

    path: Path
    series: str
    flavour: str
    columns: int


def read_image(path: Path) -> DicomImage | None:
    """A file's place in its slide; None where it holds something else than a whole-slide image.

    Raises:
        SlideError: it is no DICOM, or cut before its pixels.
    """
    from pydicom import dcmread  # a second, which folders without DICOM should not cost

    try:
        found = dcmread(path, stop_before_pixels=True, specific_tags=list(_READ))
        holds = _text(found, "SOPClassUID")
        if holds and holds != WHOLE_SLIDE:
            return None
        kind = _text(found, "ImageType").split("\\")
        columns = int(found.get("TotalPixelMatrixColumns", 0))
        series = _text(found, "SeriesInstanceUID")
        if not (holds and series and columns):
            raise ValueError("it ends before it says of which slide it is")
        return DicomImage(path, series, kind[2] if kind[2:] else "", columns)
    except Exception as error:  # pydicom raises all sorts on damaged files
        raise SlideError(
            f"{path.name} cannot be read as DICOM ({error})",
            "The file may be truncated or corrupt: copy it again from its source",
        ) from error


def one_a_slide(files: Iterable[Path]) -> list[Path]:
    """Of the DICOM files in a folder one for each slide, a level where it has one; by name.

    What cannot be read stays, so that whoever opens it says why; what is no slide is left out.
    """
    found: dict[str, DicomImage] = {}
    unreadable: list[Path] = []
    for path in sorted(files):
        try:
            image = read_image(path)
        except SlideError:
            unreadable.append(path)
            continue
        if image is None:
            continue
        before = found.setdefault(image.series, image)
        if before.flavour != "VOLUME" and image.flavour == "VOLUME":
            found[image.series] = image
    return sorted([*(image.path for image in found.values()), *unreadable])


def finest_level(path: Path) -> Path:
    """The file of the finest level of the slide that a file belongs to, beside it.

    Raises:
        SlideError: the file is no whole-slide image in DICOM.
    """
    own = read_image(path) if path.suffix.lower() == DICOM_SUFFIX else None
    if own is None:
        raise SlideError(
            f"{path.name} is no DICOM slide",
            "Convert the slide to DICOM first, or leave --dicom out",
        )
    levels = [own]
    for other in sorted(path.parent.glob(f"*{path.suffix}")):
        try:
            image = read_image(other)
        except SlideError:  # what lies beside the slide need not be of it
            continue
        if image is not None and image.series == own.series and image.flavour == "VOLUME":
            levels.append(image)
    return max(levels, key=lambda image: (image.flavour == "VOLUME", image.columns)).path


def _text(found: Any, keyword: str) -> str:
    """A value as it stands in the file: a UID that is too long is no reason to warn."""
    raw = found.get_item(keyword)
    value = b"" if raw is None else raw.value
    return value.decode("ascii").strip("\0 ") if isinstance(value, bytes) else str(value or "")
