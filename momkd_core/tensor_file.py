"""Features as a bare PyTorch tensor, ``<slide>.pt``: their places lie in an .h5 beside.

CLAM writes ``pt_files/<slide>.pt`` beside ``h5_files/<slide>.h5``, and its coordinates as
``patches/<slide>.h5``; TRIDENT (``saveas='pt'``) ``features_<encoder>/<slide>.pt`` beside
``patches/<slide>_patches.h5``.

Source: https://github.com/mahmoodlab/CLAM, ``extract_features_fp.py``;
https://github.com/mahmoodlab/TRIDENT, ``trident/wsi_objects/WSI.py`` (``extract_patch_features``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from momkd_core.errors import FeatureError

#: Ending of such files, and CLAM's folders of them and of the same features with places.
TENSOR_SUFFIX = ".pt"
TENSOR_FOLDER, H5_FOLDER = "pt_files", "h5_files"


def places_of(path: Path) -> Path | None:
    """The .h5 with the coordinates of a feature file's patches, where the layout puts one."""
    name, folder = path.stem, path.parent
    candidates = [
        folder.parent / H5_FOLDER / f"{name}.h5",
        *(
            above / "patches" / file
            for above in (folder.parent, folder.parent.parent)
            for file in (f"{name}.h5", f"{name}_patches.h5")
        ),
    ]
    return next((file for file in candidates if file != path and file.is_file()), None)


def require_places(path: Path) -> Path:
    """As :func:`places_of`. Raises :class:`FeatureError` that says what is missing and where."""
    found = places_of(path)
    if found is None:
        raise FeatureError(
            f"{path.name} holds features without coordinates, and there is neither "
            f"{H5_FOLDER}/{path.stem}.h5 nor patches/{path.stem}.h5 (TRIDENT: "
            f"patches/{path.stem}_patches.h5) beside {path.parent}",
            f"Give the folder {H5_FOLDER} that CLAM wrote, or put the coordinates beside {path.parent}",
        )
    return found


def read_tensor(path: Path) -> NDArray[Any]:
    """(N, D) or (1, N, D) vectors; nothing but a tensor is read, and nothing in it is run.

    Raises:
        FeatureError: the file is damaged, or holds something else.
    """
    import pickle

    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise FeatureError(
            f"{path.name} cannot be read as a tensor ({first[:120]})",
            "It may be truncated, or hold more than a tensor: extract the slide again",
        ) from error
    if not isinstance(found, torch.Tensor):
        raise FeatureError(
            f"{path.name} holds a {type(found).__name__}, not a tensor of features",
            f"Give the .h5 files instead ({H5_FOLDER})",
        )
    if found.dtype == torch.bfloat16:
        found = found.float()
    array: NDArray[Any] = np.asarray(found.detach().contiguous().numpy())
    return array
