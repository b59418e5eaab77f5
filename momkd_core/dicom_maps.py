"""Affinity and attention as DICOM parametric maps of a DICOM slide, one value a patch.

A pixel of a map lies where its patch lies, in the slide's frame of reference; values are stored as
floats, unchanged. IOD: https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_A.75.html,
written by highdicom (https://highdicom.readthedocs.io/en/latest/parametric_map.html).
Where no patch lies, the value is NaN, which the file states as its padding value.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from momkd_core.comparators.registry import comparator
from momkd_core.dicom_series import finest_level
from momkd_core.errors import OutputError, SlideError
from momkd_core.export import MAPS
from momkd_core.model_card import ModelCard
from momkd_core.patch_raster import PatchRaster
from momkd_core.result import Floats, SlideResult
from momkd_core.storage import atomic_path, sha256_of_bytes

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PROGRAM = "MoMKD Viewer"
_SCHEME = "99MOMKD"  # codes of our own: DICOM has none for these


def check_maps(card: ModelCard) -> None:
    """Whether maps of a model can be written at all, whatever the slide.

    Raises:
        OutputError: it gives patches no value, or highdicom is not installed.
    """
    if not card.is_momkd and not comparator(card.method).gives_attention:
        raise OutputError(
            f"A model of {card.method} gives patches neither affinity nor attention",
            "Leave --dicom out",
        )
    _require_highdicom()


def _require_highdicom() -> None:
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise OutputError(
            "Writing DICOM needs highdicom", "Install the extra: pip install momkd-viewer[dicom]"
        ) from error


def write_maps(result: SlideResult, slide: Path, folder: Path) -> list[Path]:
    """Writes ``affinity.dcm`` and ``attention.dcm``, as far as the model has them.

    Args:
        slide: a file of the DICOM slide that the result is of.

    Raises:
        SlideError: the slide is no DICOM, lacks an attribute, or its patches lie on no grid.
        OutputError: highdicom is not installed, or the folder cannot be written.
    """
    source = read_source(slide)
    maps = {name: values for name in MAPS if (values := getattr(result, name)) is not None}
    raster = PatchRaster.of(result.coords, result.size_level0, result.step_level0)
    paths = []
    for number, (name, values) in enumerate(maps.items(), start=1):
        with _naming_what_lacks(slide):
            written = _parametric_map(source, raster, name, values, number, result)
        path = folder / f"{name}.dcm"
        with atomic_path(path) as temporary:
            written.save_as(temporary, enforce_file_format=True)
        paths.append(path)
    return paths


def read_source(slide: Path) -> Dataset:
    """The header of the slide's finest level, which says where on the glass its pixels lie.

    Raises:
        SlideError: the slide is no DICOM, or does not say where they lie.
        OutputError: highdicom is not installed.
    """
    from pydicom import dcmread

    _require_highdicom()
    source = dcmread(finest_level(slide), stop_before_pixels=True)
    with _naming_what_lacks(slide):
        _to_glass(source)
    return source


@contextmanager
def _naming_what_lacks(slide: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        raise SlideError(
            f"{slide.name} lacks what a map refers to ({error})",
            "Convert the slide again to DICOM with all attributes that the standard requires",
        ) from error


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
        tile_size=image.shape,  # one frame: what fills up an edge would read as values
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
    thickness = float(_measures(source).get("SliceThickness") or 0.001)
    return {
        "pixel_measures": hd.PixelMeasuresSequence(spacing, thickness),
        "plane_orientation": hd.PlaneOrientationSequence(slide, source.ImageOrientationSlide),
        "plane_positions": [hd.PlanePositionSequence(slide, origin, (1, 1))],
    }


def _geometry(
    source: Dataset, raster: PatchRaster
) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """In mm: where the first pixel's centre lies (x, y, z), the distance of rows and of columns."""
    x, y, z = _to_glass(source)(np.array([raster.centre]))[0].tolist()
    spacing = _measures(source).PixelSpacing
    return (x, y, z), (float(spacing[0]) * raster.step[1], float(spacing[1]) * raster.step[0])


def _to_glass(source: Dataset) -> Any:
    """From (N, 2) pixels to (N, 3) mm in the slide's frame of reference."""
    import highdicom as hd

    corner = source.TotalPixelMatrixOriginSequence[0]
    return hd.spatial.ImageToReferenceTransformer(
        (
            float(corner.XOffsetInSlideCoordinateSystem),
            float(corner.YOffsetInSlideCoordinateSystem),
            float(corner.get("ZOffsetInSlideCoordinateSystem", 0.0)),
        ),
        source.ImageOrientationSlide,
        _measures(source).PixelSpacing,
    )


def _measures(source: Dataset) -> Dataset:
    found: Dataset = source.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    return found


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
