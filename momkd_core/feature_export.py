"""Bags written into folders as TRIDENT and CLAM lay them out, so that their tools read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from momkd_core import trident_layout
from momkd_core.encoder_names import trident_name
from momkd_core.errors import FeatureError
from momkd_core.feature_bag import FeatureBag
from momkd_core.features import StoredType, write_features
from momkd_core.hdf5_writing import hdf5_file
from momkd_core.patch_step import grid_step
from momkd_core.storage import atomic_path
from momkd_core.tensor_file import H5_FOLDER, TENSOR_FOLDER, TENSOR_SUFFIX

_NO_FOLDER = set('/\\:*?"<>|')  # in the name of one, on some system


@dataclass(frozen=True)
class ExportFiles:
    """Where a slide goes in a layout.

    Attributes:
        features: written last: its presence says that the slide is complete.
        coords: the places alone, which features of several encoders may share.
        tensor: the vectors alone, in CLAM's.
    """

    features: Path
    coords: Path
    tensor: Path | None = None


def trident_files(folder: Path, slide: str, bag: FeatureBag) -> ExportFiles:
    """Where a slide goes in a TRIDENT job folder.

    Raises:
        FeatureError: the bag does not say what the folders are named by.
    """
    unsaid = {
        "--encoder": bag.encoder,
        "--target-mpp": bag.target_mpp,
        "--patch-size": bag.patch_size,
    }
    missing = [option for option, value in unsaid.items() if value is None]
    if missing:
        names = ", ".join(option.removeprefix("--").replace("-", " ") for option in missing)
        raise FeatureError(
            f"The features of {slide} do not say their {names}, and TRIDENT's folders are named by it",
            f"State it with {' and '.join(missing)}",
        )
    encoder = trident_name(str(bag.encoder))
    if _NO_FOLDER & set(encoder):
        raise FeatureError(
            f"The encoder {encoder} cannot name a folder",
            "Use --to clam, or extract with an encoder of another name (momkd encoders --add)",
        )
    cut = folder / trident_layout.coords_folder(with_overlap(bag))
    return ExportFiles(
        features=cut / f"features_{encoder}" / f"{slide}.h5",
        coords=cut / "patches" / f"{slide}_patches.h5",
    )


def write_trident(files: ExportFiles, slide: str, bag: FeatureBag, dtype: StoredType) -> None:
    """Writes ``patches/<slide>_patches.h5`` and ``features_<encoder>/<slide>.h5``.

    Raises:
        FeatureError: the features are beyond half precision.
        OutputError: the folder cannot be written.
    """
    known = with_overlap(bag).with_facts(encoder=trident_name(str(bag.encoder)))
    stated = trident_layout.attributes_of(known.with_facts(encoder=None), slide)
    _write_coords(files.coords, known, stated)
    write_features(files.features, known, dtype)


def clam_files(folder: Path, slide: str, bag: FeatureBag) -> ExportFiles:
    """Where a slide goes in a folder of CLAM's."""
    return ExportFiles(
        features=folder / H5_FOLDER / f"{slide}.h5",
        coords=folder / "patches" / f"{slide}.h5",
        tensor=folder / TENSOR_FOLDER / f"{slide}{TENSOR_SUFFIX}",
    )


def write_clam(files: ExportFiles, slide: str, bag: FeatureBag, dtype: StoredType) -> None:
    """Writes ``patches``, ``pt_files`` and ``h5_files``.

    CLAM looks for the size of patches in its coordinates: here as pixels of level 0. What a model was
    trained on is more, and is stated on the features as in files of ours.

    Raises:
        FeatureError: ``dtype`` is half precision, which CLAM's networks do not take.
        OutputError: the folder cannot be written.
    """
    import torch

    if dtype != "float32":
        raise FeatureError(
            f"CLAM's networks take features in single precision, not in {dtype}",
            "Leave --dtype out, or use --to trident",
        )
    assert files.tensor is not None
    stated = {
        "patch_size": bag.size_level0,
        "patch_level": 0,
        "downsample": (1.0, 1.0),
        "name": slide,
    }
    _write_coords(files.coords, bag, stated)
    with atomic_path(files.tensor) as temporary:
        torch.save(torch.from_numpy(bag.features), temporary)
    with hdf5_file(files.features) as file:
        file["features"] = bag.features
        file["coords"] = bag.coords.astype("int32")
        for holder in (file["features"], file["coords"]):
            holder.attrs.update(trident_layout.attributes_of(bag, slide))


def with_overlap(bag: FeatureBag) -> FeatureBag:
    """The bag with its overlap, from the distance of its patches where it does not say it."""
    if bag.overlap is not None or bag.patch_size is None:
        return bag
    step = grid_step(bag.coords)
    shared = 0.0 if step is None else max(0.0, 1 - step / bag.size_level0)
    return bag.with_facts(overlap=round(bag.patch_size * shared))


def has_places(path: Path, bag: FeatureBag) -> bool:
    """Whether a file of coordinates is there, whole, and holds a bag's."""
    try:
        with h5py.File(path, "r") as file:
            return np.array_equal(file["coords"][()], bag.coords)
    except (OSError, RuntimeError, KeyError, TypeError):  # h5py's, for damage of various kinds
        return False


def _write_coords(path: Path, bag: FeatureBag, stated: dict[str, object]) -> None:
    """Writes them where they are not there yet: another tool's say more of how they were made."""
    if has_places(path, bag):
        return
    with hdf5_file(path) as file:
        coords = file.create_dataset("coords", data=bag.coords)
        coords.attrs.update(stated)


#: By layout: where a slide goes, and what writes it.
LAYOUTS: dict[
    str,
    tuple[
        Callable[[Path, str, FeatureBag], ExportFiles],
        Callable[[ExportFiles, str, FeatureBag, StoredType], None],
    ],
] = {
    "trident": (trident_files, write_trident),
    "clam": (clam_files, write_clam),
}
