"""STAMP's feature files: ``feats`` (N, D) and ``coords`` (N, 2) as microns on the slide.

The attributes say ``unit`` (``um``), ``tile_size_um`` (``tile_size`` in version 2.0) and
``tile_size_px``, ``extractor`` and ``feat_type``. Files of version 1 have no unit: their patches are
224 pixels of 256/224 µm apart, by which STAMP recognises them. Files lie in
``<out>/<extractor>[-<hash>]/``, there as the slides lay below their folder.

Source: https://github.com/KatherLab/STAMP, ``src/stamp/preprocessing/__init__.py`` (``extract_``) and
``src/stamp/modeling/data.py`` (``get_coords``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from momkd_core.encoder_names import encoder_name
from momkd_core.errors import FeatureError
from momkd_core.feature_facts import FeatureFacts, positive, text
from momkd_core.patch_step import grid_step

_V1_PIXELS, _V1_MICRONS = 224, 256.0  # of a patch, in files of version 1


@dataclass(frozen=True)
class StampPatches:
    """Where patches lie, as STAMP measures it.

    Attributes:
        corners: (N, 2) top-left corners in microns from the slide's first pixel.
        side: of a patch, in microns.
        pixels: side of a patch as the encoder was given it; None where the file does not say.
    """

    corners: NDArray[np.float64]
    side: float
    pixels: int | None

    def at(self, mpp: float) -> tuple[NDArray[np.int64], int]:
        """Corners (N, 2) and side in level-0 pixels of ``mpp`` microns."""
        return np.round(self.corners / mpp).astype(np.int64), max(1, round(self.side / mpp))


def patches(name: str, coords: NDArray[Any], attributes: Mapping[str, Any]) -> StampPatches:
    """A file's patches, by STAMP's own rules.

    Args:
        name: of the file, for messages.
        coords: (N, 2) as stored.

    Raises:
        FeatureError: the unit is not known.
    """
    unit = text(attributes.get("unit"))
    side = positive(attributes.get("tile_size_um"))
    if side is None and unit == "um":
        side = positive(attributes.get("tile_size"))
    pixels = positive(attributes.get("tile_size_px"))
    if side is not None and unit in (None, "um"):
        return StampPatches(
            coords.astype(np.float64), side, None if pixels is None else round(pixels)
        )
    stride = positive(attributes.get("tile_size")) or grid_step(np.round(coords).astype(np.int64))
    if unit is None and stride is not None and round(stride) == _V1_PIXELS:
        microns = coords.astype(np.float64) * (_V1_MICRONS / _V1_PIXELS)
        return StampPatches(microns, _V1_MICRONS, _V1_PIXELS)
    told = "" if stride is None else f", and its patches are {stride:g} apart"
    raise FeatureError(
        f"{name} is like STAMP's, but does not say whether its coords are microns or pixels (unit: "
        f"{unit or 'none'}, no tile_size_um{told})",
        "Extract it again with STAMP 2, or add the attributes 'unit' ('um') and 'tile_size_um'",
    )


def facts(attributes: Mapping[str, Any], side: float | None, pixels: int | None) -> FeatureFacts:
    """What the attributes say; patches adjoin, so they do not overlap."""
    encoder = text(attributes.get("extractor"))
    return FeatureFacts(
        encoder=None if encoder is None else encoder_name(encoder),
        target_mpp=None if side is None or pixels is None else side / pixels,
        patch_size=pixels,
        overlap=0,
    )


def check_patch_features(name: str, attributes: Mapping[str, Any]) -> None:
    """Raises :class:`FeatureError` for one vector a slide or patient, which STAMP can store too."""
    kind = text(attributes.get("feat_type"))
    if kind not in (None, "tile"):
        raise FeatureError(
            f"{name} holds features of a {kind}, not of patches",
            "Name the folder that stamp preprocess wrote",
        )


def extractor_folder(file: Path) -> Path | None:
    """The folder ``<extractor>[-<hash>]`` that a file of STAMP's lies in; None for files of others."""
    try:
        with h5py.File(file, "r") as opened:
            extractor = text(opened.attrs.get("extractor")) if "feats" in opened else None
    except (OSError, RuntimeError, KeyError):  # damage is for those who read it
        return None
    if extractor is None:
        return None
    named = re.compile(rf"{re.escape(extractor)}(-[0-9a-f]{{8}})?")
    return next((above for above in file.absolute().parents if named.fullmatch(above.name)), None)
