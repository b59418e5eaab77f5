"""A part of a slide that a model is asked about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from momkd_core.annotation_files import Offset, read_annotations
from momkd_core.annotations import Annotation, union_of_areas
from momkd_core.errors import AnnotationError, TissueError

if TYPE_CHECKING:  # h5py, which whoever draws a region does not need
    from momkd_core.features import FeatureBag
    from momkd_core.patches import PatchGrid


@dataclass(frozen=True)
class Region:
    """An area in level-0 pixels, and how it is called.

    Attributes:
        class_name: of the annotations that it is made of, where one was asked for.
    """

    name: str
    geometry: BaseGeometry
    class_name: str | None = None


def read_region(
    path: Path,
    *,
    offset: Offset = (0, 0),
    name: str | None = None,
    class_name: str | None = None,
) -> Region:
    """What the areas of a GeoJSON file cover together.

    Args:
        offset: level-0 corner that the file's coordinates count from.
        name: only areas of this name, class or id.
        class_name: only areas of this class.

    Raises:
        AnnotationError: the file cannot be read, or has no such area.
    """
    areas = [one for one in read_annotations(path, offset=offset).annotations if one.is_area]
    chosen = [
        one
        for one in areas
        if (name is None or name in (one.name, one.id, _class(one)))
        and class_name in (None, _class(one))
    ]
    geometry = union_of_areas(chosen)
    if geometry is None:
        called = "" if name is None else f" called {name!r}"
        called += "" if class_name is None else f" of class {class_name!r}"
        titles = {one.title if class_name is None else _class(one) or "no class" for one in areas}
        known = ", ".join(sorted(map(repr, titles))) or "none"
        raise AnnotationError(
            f"{path.name} has no area{called}", f"Name a file with an area, or one of: {known}"
        )
    title = chosen[0].title if len(chosen) == 1 else name or class_name or path.stem
    return Region(title, geometry, class_name)


def _class(annotation: Annotation) -> str | None:
    return annotation.class_.name if annotation.class_ else None


def inside(bag: FeatureBag, region: Region) -> FeatureBag:
    """The patches whose centres lie in a region (on its edge counts), as a bag of their own.

    Raises:
        TissueError: fewer than two patches do.
    """
    kept = _inside(bag.coords, bag.size_level0, region)
    fraction = bag.tissue_fraction
    return replace(
        bag,
        features=bag.features[kept],
        coords=bag.coords[kept],
        tissue_fraction=None if fraction is None else fraction[kept],
    )


def grid_inside(grid: PatchGrid, region: Region) -> PatchGrid:
    """The same of patches that are not encoded yet. Raises TissueError as :func:`inside`."""
    kept = _inside(grid.coords, grid.size_level0, region)
    return replace(grid, coords=grid.coords[kept], tissue_fraction=grid.tissue_fraction[kept])


def _inside(coords: NDArray[np.int64], size: int, region: Region) -> NDArray[np.intp]:
    """Rows of the patches whose centres lie inside."""
    # A copy: preparing changes a geometry, and another thread may be drawing it.
    area = shapely.from_wkb(shapely.to_wkb(region.geometry))
    shapely.prepare(area)
    centres = coords + size / 2
    kept = np.flatnonzero(shapely.intersects_xy(area, centres[:, 0], centres[:, 1]))
    if len(kept) < 2:
        raise TissueError(
            f"Of {len(coords)} patches {len(kept)} {'lies' if len(kept) == 1 else 'lie'} inside "
            f"{region.name!r}",
            f"At least 2 are needed: take a larger area (a patch is {size} pixels wide)",
        )
    return kept
