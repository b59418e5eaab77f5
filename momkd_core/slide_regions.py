"""The areas of a cohort's slides that patches are cut from: a GeoJSON file a slide, in one folder.

QuPath exports them (File, Export objects as GeoJSON), with pixels that count from the corner of the
scanned area: https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html
The files that the viewer keeps beside its slides are taken too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import shapely
from shapely import affinity

from momkd_core.errors import AnnotationError
from momkd_core.region import Region, read_region
from momkd_core.storage import sha256_of_bytes


@dataclass(frozen=True)
class SlideRegions:
    """Where the files are, and which of their areas count.

    Attributes:
        folder: of ``<slide stem>.geojson``, or the viewer's ``<slide file>.annotations.geojson``.
        class_name: only areas of this class; None takes all.
    """

    folder: Path
    class_name: str | None = None

    def read(self, slide: Path, stem: str) -> Region:
        """What the areas of a slide cover, in pixels that count from its scanned area.

        A slide without a file is refused: to take all of it, or nothing, would be another cohort than
        the one that was asked for.

        Raises:
            AnnotationError: it has no file, or two, or one without such an area.
        """
        names = (f"{stem}.geojson", f"{slide.name}.annotations.geojson")
        there = [self.folder / name for name in names if (self.folder / name).is_file()]
        if not there:
            raise AnnotationError(
                f"{self.folder} has no regions of {slide.name} ({names[0]})",
                "Export them from QuPath under that name, or take the slide out of the cohort",
            )
        if len(there) > 1:
            raise AnnotationError(
                f"{self.folder} has two files of regions of {slide.name}: {' and '.join(names)}",
                "Keep the one that counts",
            )
        return read_region(there[0], class_name=self.class_name)


def region_key(region: Region) -> str:
    """Hexadecimal SHA-256 of what a region covers, however its file is written."""
    return sha256_of_bytes(shapely.to_wkb(shapely.normalize(region.geometry)))


def placed(region: Region, bounds_offset: tuple[int, int]) -> Region:
    """A region that counts from the scanned area in level-0 pixels of the whole slide."""
    return Region(region.name, affinity.translate(region.geometry, *bounds_offset))
