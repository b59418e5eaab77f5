"""Bags written into folders as TRIDENT and CLAM lay them out, so that their tools read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from momkd_core import trident_layout
from momkd_core.encoder_names import trident_name
from momkd_core.errors import FeatureError
from momkd_core.feature_bag import FeatureBag
from momkd_core.features import StoredType, as_stored, write_features
from momkd_core.hdf5_writing import hdf5_file
from momkd_core.patch_step import grid_step
from momkd_core.storage import atomic_path
from momkd_core.tensor_file import H5_FOLDER, TENSOR_FOLDER, TENSOR_SUFFIX

#: Writes a slide's bag into a folder of a layout: folder, slide's name, bag, type; returns the file.
Writer = Callable[[Path, str, FeatureBag, StoredType], Path]


def trident_file(folder: Path, slide: str, bag: FeatureBag) -> Path:
    """Where a slide's features lie in a TRIDENT job folder.

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
    if "/" in encoder or "\\" in encoder:
        raise FeatureError(
            f"The encoder {encoder} cannot name a folder", "Give it another name with --encoder"
        )
    cut = trident_layout.coords_folder(with_overlap(bag))
    return folder / cut / f"features_{encoder}" / f"{slide}.h5"


def write_trident(folder: Path, slide: str, bag: FeatureBag, dtype: StoredType) -> Path:
    """Writes ``patches/<slide>_patches.h5`` and ``features_<encoder>/<slide>.h5``; returns the latter.

    Raises:
        FeatureError: as :func:`trident_file`, or the features are beyond half precision.
        OutputError: the folder cannot be written.
    """
    path = trident_file(folder, slide, bag)
    known = replace(with_overlap(bag), encoder=trident_name(str(bag.encoder)))
    stated = trident_layout.attributes_of(replace(known, encoder=None), slide)
    _write_coords(path.parent.parent / "patches" / f"{slide}_patches.h5", known, stated)
    write_features(path, known, dtype)  # last: its presence says that the slide is complete
    return path


def clam_file(folder: Path, slide: str, bag: FeatureBag) -> Path:
    """Where a slide's features and places lie in a folder of CLAM's."""
    return folder / H5_FOLDER / f"{slide}.h5"


def write_clam(folder: Path, slide: str, bag: FeatureBag, dtype: StoredType) -> Path:
    """Writes ``pt_files``, ``patches`` and ``h5_files``; returns the last of the three.

    CLAM's feature files say nothing of their patches: its coordinates do, here as pixels of level 0.

    Raises:
        FeatureError: the features are beyond half precision.
        OutputError: the folder cannot be written.
    """
    import torch

    path = clam_file(folder, slide, bag)
    vectors = as_stored(slide, bag.features, dtype)
    with atomic_path(folder / TENSOR_FOLDER / f"{slide}{TENSOR_SUFFIX}") as temporary:
        torch.save(torch.from_numpy(vectors), temporary)
    stated = {
        "patch_size": bag.size_level0,
        "patch_level": 0,
        "downsample": (1.0, 1.0),
        "name": slide,
    }
    _write_coords(folder / "patches" / f"{slide}.h5", bag, stated)
    with hdf5_file(path) as file:
        file["features"] = vectors
        file["coords"] = bag.coords.astype("int32")
        if bag.encoder is not None:
            file["features"].attrs["encoder"] = bag.encoder
    return path


def with_overlap(bag: FeatureBag) -> FeatureBag:
    """The bag with its overlap, from the distance of its patches where it does not say it."""
    if bag.overlap is not None or bag.patch_size is None:
        return bag
    step = grid_step(bag.coords)
    shared = 0.0 if step is None else max(0.0, 1 - step / bag.size_level0)
    return replace(bag, overlap=round(bag.patch_size * shared))


def _write_coords(path: Path, bag: FeatureBag, stated: dict[str, object]) -> None:
    with hdf5_file(path) as file:
        coords = file.create_dataset("coords", data=bag.coords)
        coords.attrs.update(stated)


#: By layout: where a slide goes, and what writes it.
LAYOUTS: dict[str, tuple[Callable[[Path, str, FeatureBag], Path], Writer]] = {
    "trident": (trident_file, write_trident),
    "clam": (clam_file, write_clam),
}
