"""A part of a slide that a model is asked about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from momkd_core.annotation_files import Offset, read_annotations
from momkd_core.annotations import union_of_areas
from momkd_core.errors import AnnotationError, TissueError

if TYPE_CHECKING:  # h5py, which whoever draws a region does not need
    from momkd_core.features import FeatureBag


@dataclass(frozen=True)
class Region:
    """An area in level-0 pixels, and how it is called."""

    name: str
    geometry: BaseGeometry


def read_region(path: Path, *, offset: Offset = (0, 0), name: str | None = None) -> Region:
    """What the areas of a GeoJSON file cover together.

    Args:
        offset: level-0 corner that the file's coordinates count from.
        name: only areas of this name, class or id.

    Raises:
        AnnotationError: the file cannot be read, or has no such area.
    """
    areas = [one for one in read_annotations(path, offset=offset).annotations if one.is_area]
    chosen = [
        one
        for one in areas
        if name is None or name in (one.name, one.id, one.class_.name if one.class_ else None)
    ]
    geometry = union_of_areas(chosen)
    if geometry is None:
        called = "" if name is None else f" called {name!r}"
        known = ", ".join(sorted({repr(one.title) for one in areas})) or "none"
        raise AnnotationError(
            f"{path.name} has no area{called}", f"Name a file with an area, or one of: {known}"
        )
    return Region(chosen[0].title if len(chosen) == 1 else name or path.stem, geometry)


def inside(bag: FeatureBag, region: Region) -> FeatureBag:
    """The patches whose centres lie in a region (on its edge counts), as a bag of their own.

    Raises:
        TissueError: fewer than two patches do.
    """
    # A copy: preparing changes a geometry, and another thread may be drawing it.
    area = shapely.from_wkb(shapely.to_wkb(region.geometry))
    shapely.prepare(area)
    centres = bag.coords + bag.size_level0 / 2
    kept = np.flatnonzero(shapely.intersects_xy(area, centres[:, 0], centres[:, 1]))
    if len(kept) < 2:
        raise TissueError(
            f"Of {len(bag)} patches {len(kept)} {'lies' if len(kept) == 1 else 'lie'} inside "
            f"{region.name!r}",
            f"At least 2 are needed: take a larger area (a patch is {bag.size_level0} pixels wide)",
        )
    fraction = bag.tissue_fraction
    return replace(
        bag,
        features=bag.features[kept],
        coords=bag.coords[kept],
        tissue_fraction=None if fraction is None else fraction[kept],
    )
