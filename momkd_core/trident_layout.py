"""TRIDENT's names: of folders, of attributes and of encoders.

A job folder holds ``<mag>x_<size>px_<overlap>px_overlap/`` with ``patches/<slide>_patches.h5``
(``coords`` alone) and ``features_<encoder>/<slide>.h5`` (``features`` and ``coords``). The attributes
of ``coords`` say ``patch_size`` (pixels at the target magnification), ``patch_size_level0``,
``overlap``, ``level0_magnification``, ``target_magnification``; a magnification m stands for 10 / m
microns per pixel. Older versions wrote fewer of them, and the folder says the rest.

Source: https://github.com/mahmoodlab/TRIDENT, ``.claude/skills/trident/reference.md`` (output
artifacts), ``trident/IO.py`` (``coords_to_h5``, ``save_h5``) and ``trident/wsi_objects/WSI.py``. CLAM's
attributes (``patch_size`` at ``patch_level``, ``downsample``), which TRIDENT reads as well, are in
https://github.com/mahmoodlab/CLAM, ``wsi_core/WholeSlideImage.py`` (``process_contour``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from momkd_core.encoder_names import encoder_name
from momkd_core.feature_bag import FeatureBag
from momkd_core.feature_facts import FeatureFacts, kept, positive, text, whole

#: Microns per pixel at magnification 1, by TRIDENT's convention.
MICRONS_AT_1X = 10.0

#: Folders of a job that hold .h5 files which are no patch features.
NO_FEATURES = re.compile(r"patches|slide_features_.*")

_COORDS_FOLDER = re.compile(r"(?P<mag>\d+(\.\d+)?)x_(?P<size>\d+)px_(?P<overlap>\d+)px_overlap")
_FEATURES_FOLDER = re.compile(r"features_(?P<encoder>.+)")


def folder_facts(path: Path) -> dict[str, Any]:
    """What a TRIDENT folder's name says of a file in it, as attributes; empty elsewhere.

    Args:
        path: ``<coords folder>/features_<encoder>/<slide>.h5``, or a file deeper or shallower.
    """
    cut = _COORDS_FOLDER.fullmatch(path.parent.parent.name)
    if cut is None:
        return {}
    found: dict[str, Any] = {
        "target_magnification": float(cut["mag"]),
        "patch_size": int(cut["size"]),
        "overlap": int(cut["overlap"]),
    }
    encoded = _FEATURES_FOLDER.fullmatch(path.parent.name)
    if encoded is not None:
        found["encoder"] = encoded["encoder"]
    return found


def facts(attributes: Mapping[str, Any]) -> FeatureFacts:
    """What the attributes of a file of ours, of TRIDENT's or of CLAM's say."""
    magnification = positive(attributes.get("target_magnification"))
    nominal = None if magnification is None else MICRONS_AT_1X / magnification
    encoder = text(attributes.get("encoder"))
    return FeatureFacts(
        size_level0=_size_level0(attributes),
        encoder=None if encoder is None else encoder_name(encoder),
        encoder_sha256=text(attributes.get("encoder_sha256")),
        encoder_preprocessing=text(attributes.get("encoder_preprocessing")),
        target_mpp=positive(attributes.get("target_mpp")) or nominal,
        patch_size=whole(attributes.get("patch_size")),
        overlap=whole(attributes.get("overlap")),
        attributes=kept(attributes),
    )


def attributes_of(bag: FeatureBag, slide: str) -> dict[str, Any]:
    """The attributes of a bag's datasets: ours, and TRIDENT's as far as they follow from them.

    The magnifications are such that ``patch_size_level0`` is ``patch_size`` times their ratio.
    """
    found: dict[str, Any] = {"name": slide, "patch_size_level0": bag.size_level0}
    for name in (
        "encoder", "encoder_sha256", "encoder_preprocessing", "target_mpp", "patch_size", "overlap",
    ):  # fmt: skip
        value = getattr(bag, name)
        if value is not None:
            found[name] = value
    if bag.target_mpp and bag.patch_size:
        target = MICRONS_AT_1X / bag.target_mpp
        found["target_magnification"] = _magnification(target)
        found["level0_magnification"] = _magnification(target * bag.size_level0 / bag.patch_size)
    return {**found, **bag.attributes}


def coords_folder(bag: FeatureBag) -> str:
    """Name of the folder of a bag's cut, such as ``20x_256px_0px_overlap``."""
    assert bag.target_mpp is not None
    magnification = _magnification(MICRONS_AT_1X / bag.target_mpp)
    return f"{magnification:g}x_{bag.patch_size}px_{bag.overlap}px_overlap"


def _magnification(value: float) -> int | float:
    """A magnification, whole where it is to six digits: 10 / 0.5 is 20."""
    nearest = round(value)
    return nearest if abs(value - nearest) < 1e-6 * abs(value) else value


def _size_level0(attributes: Mapping[str, Any]) -> int | None:
    """Side of a patch at level 0: stated, by magnifications, or by CLAM's level."""
    stated = whole(attributes.get("patch_size_level0"))
    if stated is not None and stated > 0:
        return stated
    size = positive(attributes.get("patch_size"))
    if size is None:
        return None
    level0, target = (
        positive(attributes.get(f"{name}_magnification")) for name in ("level0", "target")
    )
    if level0 is not None and target is not None:
        return max(1, round(size * level0 / target))
    downsample = positive(attributes.get("downsample"))
    if downsample is None:
        return None
    return max(1, round(size * downsample * (positive(attributes.get("custom_downsample")) or 1)))
