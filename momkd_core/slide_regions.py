"""The areas of a cohort's slides that patches are cut from: a GeoJSON file a slide, in one folder.

QuPath exports them (File, Export objects as GeoJSON), with pixels that count from the corner of the
scanned area: https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html
The files that the viewer keeps beside its slides are taken too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import shapely

from momkd_core.annotation_files import Offset
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

    def read(self, slide: Path, stem: str, offset: Offset) -> Region:
        """What the areas of a slide cover.

        A slide without a file is refused: to take all of it, or nothing, would be another cohort than
        the one that was asked for.

        Args:
            offset: level-0 corner of the scanned area, which the files count from.

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
        return read_region(there[0], offset=offset, class_name=self.class_name)


def region_key(region: Region) -> str:
    """Hexadecimal SHA-256 of what a region covers, to a hundredth of a pixel.

    It does not matter in how many pieces, with which corners or in which order its file draws it.
    """
    whole = shapely.union_all(shapely.make_valid(region.geometry))
    polygons = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"]
    # A ring that begins at its first corner, as normalised ones do, keeps none on a straight edge.
    plain = shapely.simplify(shapely.normalize(shapely.MultiPolygon(polygons)), 0.01)
    return sha256_of_bytes(shapely.to_wkb(shapely.normalize(plain)))
