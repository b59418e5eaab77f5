"""Features as a bare PyTorch tensor, ``<slide>.pt``: their places lie in an .h5 beside.

CLAM writes ``pt_files/<slide>.pt`` beside ``h5_files/<slide>.h5``, and its coordinates as
``patches/<slide>.h5``; TRIDENT (``saveas='pt'``) ``features_<encoder>/<slide>.pt`` beside
``patches/<slide>_patches.h5``; its own are NumPy arrays that ``torch.save`` pickled.

Source: https://github.com/mahmoodlab/CLAM, ``extract_features_fp.py``;
https://github.com/mahmoodlab/TRIDENT, ``trident/wsi_objects/WSI.py`` (``extract_patch_features``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from momkd_core.errors import FeatureError

#: Ending of such files, and CLAM's folders of them and of the same features with places.
TENSOR_SUFFIX = ".pt"
TENSOR_FOLDER, H5_FOLDER = "pt_files", "h5_files"


def coordinates_of(path: Path) -> list[Path]:
    """Files beside a feature file that may say how its patches were cut, those that are there."""
    name, folder = path.stem, path.parent
    candidates = [
        above / "patches" / file
        for above in (folder.parent, folder.parent.parent)
        for file in (f"{name}.h5", f"{name}_patches.h5")
    ]
    return [file for file in candidates if file != path and file.is_file()]


def require_places(path: Path) -> Path:
    """The .h5 with the coordinates of a tensor's patches. Raises FeatureError where there is none."""
    for place in dict.fromkeys((path.absolute(), path.resolve())):
        same = place.parent.parent / H5_FOLDER / f"{place.stem}.h5"
        found = [same] if same.is_file() else coordinates_of(place)
        if found:
            return found[0]
    raise FeatureError(
        f"{path.name} holds features without coordinates, and there is neither "
        f"{H5_FOLDER}/{path.stem}.h5 nor patches/{path.stem}.h5 (TRIDENT: "
        f"patches/{path.stem}_patches.h5) beside {path.parent}",
        f"Give the folder {H5_FOLDER} that CLAM wrote, or put the coordinates beside {path.parent}",
    )


def read_tensor(path: Path, *, mapped: bool = False) -> NDArray[Any]:
    """(N, D) or (1, N, D) vectors; nothing but a tensor or array is read, and nothing in it is run.

    Args:
        mapped: leave the numbers in the file where that can be, for the form alone: whoever writes the
            file anew would change them.

    Raises:
        FeatureError: the file is damaged, or holds something else.
    """
    import torch

    try:
        # For good, since what is allowed in a block only is not in another thread's.
        torch.serialization.add_safe_globals(_array_parts())
        found = torch.load(
            path, map_location="cpu", weights_only=True, mmap=mapped and is_zipfile(path)
        )
        if isinstance(found, torch.Tensor):
            wide = found.float() if found.dtype == torch.bfloat16 else found
            found = wide.detach().contiguous().numpy()
    except Exception as error:  # damage and tensors of other kinds show in too many ways to list
        first = (str(error).splitlines() or [""])[0]
        raise FeatureError(
            f"{path.name} cannot be read as a tensor of features ({first[:120]})",
            "It may be truncated, or hold more than a plain tensor: extract the slide again",
        ) from error
    if not isinstance(found, np.ndarray):
        raise FeatureError(
            f"{path.name} holds a {type(found).__name__}, not a tensor of features",
            f"Give the .h5 files instead ({H5_FOLDER})",
        )
    if found.ndim not in (2, 3):
        raise FeatureError(
            f"{path.name} holds a tensor of the form {found.shape}",
            "Expected (N, D), a row a patch: extract the slide again",
        )
    return found


def _array_parts() -> list[Any]:
    """What a pickled array of floating-point numbers is made of, by the names of both major NumPys."""
    numbers = [type(np.dtype(name)) for name in ("float16", "float32", "float64")]
    rebuild = np.array(0.0).__reduce__()[0]
    names = [f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")]
    return [np.ndarray, np.dtype, *numbers, *((rebuild, name) for name in names)]
