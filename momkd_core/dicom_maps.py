"""Affinity and attention as DICOM parametric maps of a DICOM slide, one value a patch.

A pixel of a map lies where its patch lies, in the slide's frame of reference; values are stored as
floats, unchanged. IOD: https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_A.75.html,
written by highdicom (https://highdicom.readthedocs.io/en/latest/parametric_map.html).
Where no patch lies, the value is NaN, which the file states as its padding value.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from momkd_core.dicom_series import finest_level
from momkd_core.errors import OutputError
from momkd_core.result import Floats, SlideResult
from momkd_core.storage import atomic_path, sha256_of_bytes

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_TILE = 256  # pixels of a frame's side; a smaller map is one frame
_FINEST = 16  # steps a patch's side; smaller ones are no overlap but patches anywhere
_PROGRAM = "MoMKD Viewer"
_SCHEME = "99MOMKD"  # codes of our own: DICOM has none for these


@dataclass(frozen=True)
class PatchRaster:
    """Patches as pixels.

    Attributes:
        rows, columns: (N,) of each patch's pixel.
        shape: rows and columns in all.
        step: between neighbouring patches, level-0 pixels along x and y.
        centre: of the first pixel, level-0 pixels (x, y).
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    shape: tuple[int, int]
    step: tuple[float, float]
    centre: tuple[float, float]

    @classmethod
    def of(cls, coords: NDArray[np.int64], size: int) -> PatchRaster:
        """Raises OutputError where patches lie on no grid."""
        (columns, step_x), (rows, step_y) = (_indices(coords[:, axis], size) for axis in (0, 1))
        if len(np.unique(rows * (columns.max() + 1) + columns)) < len(coords):
            raise _no_grid()
        x, y = coords.min(axis=0) + size / 2
        shape = (int(rows.max()) + 1, int(columns.max()) + 1)
        return cls(rows, columns, shape, (step_x, step_y), (float(x), float(y)))

    def image(self, values: Floats) -> Floats:
        """(rows, columns) float32, NaN where no patch lies."""
        filled = np.full(self.shape, np.nan, np.float32)
        filled[self.rows, self.columns] = values
        return filled


def write_maps(result: SlideResult, slide: Path, folder: Path) -> list[Path]:
    """Writes ``affinity.dcm`` and ``attention.dcm``, as far as the model has them.

    Args:
        slide: a file of the DICOM slide that the result is of.

    Raises:
        SlideError: the slide is no DICOM.
        OutputError: highdicom is not installed, the patches lie on no grid, there is nothing to
            write, or the folder cannot be written.
    """
    source = read_source(slide)
    known = {"affinity": result.affinity, "attention": result.attention}
    maps = {name: values for name, values in known.items() if values is not None}
    if not maps:
        raise OutputError(
            f"A model of {result.method} gives patches neither affinity nor attention",
            "Leave --dicom out",
        )
    raster = PatchRaster.of(result.coords, result.size_level0)
    paths = []
    for number, (name, values) in enumerate(maps.items(), start=1):
        try:
            written = _parametric_map(source, raster, name, values, number, result)
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            raise OutputError(
                f"{slide.name} lacks what a map refers to ({error})",
                "Convert the slide again to DICOM with all attributes that the standard requires",
            ) from error
        path = folder / f"{name}.dcm"
        with atomic_path(path) as temporary:
            written.save_as(temporary, enforce_file_format=True)
        paths.append(path)
    return paths


def read_source(slide: Path) -> Dataset:
    """The header of the slide's finest level.

    Raises:
        SlideError: the slide is no DICOM.
        OutputError: highdicom is not installed.
    """
    path = finest_level(slide)
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise OutputError(
            "Writing DICOM needs highdicom", "Install the extra: pip install momkd-viewer[dicom]"
        ) from error
    from pydicom import dcmread

    return dcmread(path, stop_before_pixels=True)


def _parametric_map(
    source: Dataset,
    raster: PatchRaster,
    name: str,
    values: Floats,
    number: int,
    result: SlideResult,
) -> Dataset:
    import highdicom as hd

    from momkd_core import __version__

    image = raster.image(values)
    written: Dataset = hd.pm.ParametricMap(
        [source],
        image,
        series_instance_uid=_uid(source, result, image, "series"),
        series_number=int(source.get("SeriesNumber") or 0) + 1000,
        sop_instance_uid=_uid(source, result, image, name),
        instance_number=number,
        manufacturer=_PROGRAM,
        manufacturer_model_name="momkd predict",
        software_versions=__version__,
        device_serial_number=result.model_sha256[:16],
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[_as_it_is(name, values)],
        voi_lut_transformations=[_window(values)],
        content_description=f"{name}, model {result.model_sha256[:12]}",
        content_label=name.upper(),
        tile_pixel_array=True,
        tile_size=tuple(min(side, _TILE) for side in image.shape),
        **_placed(source, raster),
    )
    written.FloatPixelPaddingValue = float("nan")
    return written


def _as_it_is(name: str, values: Floats) -> Any:
    """What stored values mean: themselves, without a unit."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    meaning = f"{name} of a patch"
    return hd.pm.RealWorldValueMapping(
        name,
        meaning,
        codes.UCUM.NoUnits,
        (float(values.min()), float(values.max())),
        slope=1.0,
        intercept=0.0,
        quantity_definition=hd.sr.CodedConcept(name, _SCHEME, meaning),
    )


def _placed(source: Dataset, raster: PatchRaster) -> dict[str, Any]:
    """Size, direction and place of the pixels, as arguments of a parametric map."""
    import highdicom as hd

    origin, spacing = _geometry(source, raster)
    slide = hd.CoordinateSystemNames.SLIDE
    measures = source.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    thickness = float(measures.get("SliceThickness") or 0.001)
    return {
        "pixel_measures": hd.PixelMeasuresSequence(spacing, thickness),
        "plane_orientation": hd.PlaneOrientationSequence(slide, source.ImageOrientationSlide),
        "plane_positions": [hd.PlanePositionSequence(slide, origin, (1, 1))],
    }


def _geometry(
    source: Dataset, raster: PatchRaster
) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """In mm: where the first pixel's centre lies (x, y, z), the distance of rows and of columns."""
    import highdicom as hd

    corner = source.TotalPixelMatrixOriginSequence[0]
    spacing = source.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
    to_slide = hd.spatial.ImageToReferenceTransformer(
        (
            float(corner.XOffsetInSlideCoordinateSystem),
            float(corner.YOffsetInSlideCoordinateSystem),
            float(corner.get("ZOffsetInSlideCoordinateSystem", 0.0)),
        ),
        source.ImageOrientationSlide,
        spacing,
    )
    x, y, z = to_slide(np.array([raster.centre]))[0].tolist()
    return (x, y, z), (float(spacing[0]) * raster.step[1], float(spacing[1]) * raster.step[0])


def _window(values: Floats) -> Any:
    """Shown from the lowest to the highest value."""
    import highdicom as hd

    low, high = float(values.min()), float(values.max())
    return hd.VOILUTTransformation((low + high) / 2, max(high - low, 1e-12))


def _uid(source: Dataset, result: SlideResult, image: Floats, what: str) -> str:
    """The same for the same prediction, so that what is written twice is one thing in an archive."""
    from pydicom.uid import generate_uid

    content = "" if what == "series" else sha256_of_bytes(image.tobytes())
    told = [source.SOPInstanceUID, result.model_sha256, str(result.muted), str(result.region)]
    return str(generate_uid(entropy_srcs=[*told, what, content]))


def _indices(values: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], float]:
    """Each value's place on a regular grid, and the grid's step."""
    there = np.unique(values)
    if len(there) == 1:
        return np.zeros_like(values), float(size)
    # With overlap a step may be a fraction of a pixel, and the smallest gap is its rounded value.
    gap = float(np.diff(there).min())
    count = round(float(there[-1] - there[0]) / gap)
    step = float(there[-1] - there[0]) / count
    indices = np.round((values - there[0]) / step).astype(np.int64)
    apart = np.abs(indices * step - (values - there[0])).max()
    # Anything lies on a grid that is fine enough.
    if apart > 1 or step * _FINEST < size:
        raise _no_grid()
    return indices, step


def _no_grid() -> OutputError:
    return OutputError(
        "The patches lie on no regular grid, so they are no pixels of a map",
        "Use features of momkd extract, or leave --dicom out",
    )
