"""What is stated of a slide's patches: by the file, by coordinates beside it, by folders' names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py

from momkd_core import trident_layout
from momkd_core.errors import FeatureError
from momkd_core.feature_facts import is_stated
from momkd_core.tensor_file import coordinates_of

_SIZES = ("patch_size", "patch_size_level0")


def stated_attributes(path: Path, file: h5py.File, coords: h5py.Dataset) -> dict[str, Any]:
    """Attributes as the layout calls them; writers differ in where they put them.

    What the file and its datasets lack is looked up where the layout keeps it: in the coordinates that
    the features were made of, and in the folder's name.

    Args:
        path: of the vectors, as it was asked for; a link counts where it points to as well.
        file: with the coordinates; the vectors may lie in another one.

    Raises:
        FeatureError: coordinates beside the features are damaged.
    """
    vectors = [file.get(name) for name in ("features", "feats")]  # the latter are STAMP's
    holders = [file, *(one for one in vectors if isinstance(one, h5py.Dataset)), coords]
    merged = _merged(holder.attrs for holder in holders)
    places = dict.fromkeys((path.absolute(), path.resolve()))
    if not any(name in merged for name in _SIZES):
        beside = (of for place in places for of in coordinates_of(place))
        merged = _merged([merged, *(_of_same_patches(one, coords.shape) for one in beside)])
    return _merged([merged, *map(trident_layout.folder_facts, places)])


def _merged(holders: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What is stated, by the first that states it."""
    merged: dict[str, Any] = {}
    for stated in holders:  # values are read once: each look-up takes its time
        new = {name: stated[name] for name in stated if name not in merged}
        merged.update({name: value for name, value in new.items() if is_stated(value)})
    return merged


def _of_same_patches(path: Path, shape: tuple[int, ...]) -> dict[str, Any]:
    """Attributes of another file's coordinates, where there are as many."""
    try:
        with h5py.File(path, "r") as file:
            found = file.get("coords")
            if isinstance(found, h5py.Dataset) and found.shape == shape:
                return dict(found.attrs)
    except (OSError, RuntimeError, KeyError) as error:  # h5py's, for damage of various kinds
        raise FeatureError(
            f"{path} is not a readable HDF5 file ({(str(error).splitlines() or [''])[0]})",
            "The file may be truncated or corrupt: cut the slide's patches again, or remove the file",
        ) from error
    return {}
