"""Feature files as TRIDENT, CLAM and STAMP lay them out, written with plain h5py by their own rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

#: Two rows of three patches 512 px apart at level 0, and vectors that half precision holds exactly.
COORDS = np.array([[x, y] for y in (1024, 1536) for x in (0, 512, 1024)])
FEATURES = np.round(np.random.default_rng(0).normal(size=(6, 4)), 1).astype(np.float16)


def write_datasets(path: Path, datasets: dict[str, Any], **attributes: dict[str, Any]) -> Path:
    """An .h5 with these datasets; ``attributes`` by the name of a dataset, or ``file``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
        for name, values in attributes.items():
            (file if name == "file" else file[name]).attrs.update(values)
    return path


def write_trident(job: Path, slide: str = "a", encoder: str = "uni_v2", **changed: Any) -> Path:
    """A slide of a TRIDENT job, 256 px at 20x of 40x; ``changed`` attributes, None: left out."""
    stated = {
        "patch_size": 256,
        "patch_size_level0": 512,
        "level0_magnification": 40,
        "target_magnification": 20,
        "overlap": 0,
        "name": slide,
        "savetodir": "out",
        "level0_width": 8000,
        "level0_height": 6000,
        **changed,
    }
    stated = {name: value for name, value in stated.items() if value is not None}
    folder = job / "20x_256px_0px_overlap"
    write_datasets(folder / "patches" / f"{slide}_patches.h5", {"coords": COORDS}, coords=stated)
    return write_datasets(
        folder / f"features_{encoder}" / f"{slide}.h5",
        {"features": FEATURES.astype(np.float32), "coords": COORDS},
        coords=stated,
        features={"name": slide, "savetodir": "out", "encoder": encoder},
    )


def write_clam(folder: Path, slide: str = "a", *, coords: NDArray[Any] = COORDS) -> Path:
    """A slide of CLAM's features, in both kinds of file; its .h5 say nothing of patches."""
    features = np.resize(FEATURES.astype(np.float32), (len(coords), 4))
    (folder / "pt_files").mkdir(parents=True, exist_ok=True)
    torch.save(torch.from_numpy(features), folder / "pt_files" / f"{slide}.pt")
    return write_datasets(
        folder / "h5_files" / f"{slide}.h5", {"features": features, "coords": coords}
    )


def write_clam_patches(folder: Path, slide: str = "a", **changed: Any) -> Path:
    """CLAM's coordinates of a slide: 256 px of a level that is halved."""
    return write_datasets(
        folder / "patches" / f"{slide}.h5",
        {"coords": COORDS},
        coords={"patch_size": 256, "patch_level": 1, "downsample": [2.0, 2.0], **changed},
    )


def write_stamp(out: Path, slide: str = "a", **changed: Any) -> Path:
    """A slide of STAMP 2: 256 µm tiles as 224 px, of a slide of 0.5 µm/px where COORDS are theirs."""
    stated = {
        "stamp_version": "2.4.0",
        "extractor": "mahmood-uni2",
        "unit": "um",
        "tile_size_um": 256.0,
        "tile_size_px": 224,
        "feat_type": "tile",
        **changed,
    }
    return write_datasets(
        out / "mahmood-uni2-1234abcd" / f"{slide}.h5",
        {"feats": FEATURES, "coords": (COORDS * 0.5).astype(np.float32)},
        file={name: value for name, value in stated.items() if value is not None},
    )
