"""What was drawn where: for checking maps and memories, never for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from momkd_core.demo.cells import MPP
from momkd_core.demo.section import COARSE, Tissue
from momkd_core.errors import SlideError
from momkd_core.storage import atomic_path

#: Side in level-0 pixels of the patches of the truth table: 256 pixels at 0.5 µm/px.
PATCH = 512

_COLOURS = {
    Tissue.GLASS: (244, 244, 246),
    Tissue.STROMA: (240, 170, 200),
    Tissue.FAT: (250, 232, 170),
    Tissue.TUMOUR: (200, 60, 60),
    Tissue.IN_SITU: (235, 140, 50),
    Tissue.NORMAL: (80, 160, 90),
    Tissue.LYMPHOCYTES: (70, 80, 180),
    Tissue.NECROSIS: (90, 70, 60),
    Tissue.VESSEL: (220, 30, 130),
    Tissue.PEN: (20, 20, 20),
    Tissue.FOLD: (130, 70, 160),
}
_PIXEL = round(COARSE / MPP)  # level-0 pixels a pixel of the map


def tissue_shares(
    kind: NDArray[np.uint8], coords: NDArray[np.integer], side: int
) -> NDArray[np.float32]:
    """Share of every :class:`Tissue` in patches, (N, 11).

    Args:
        kind: tissue types at :data:`COARSE` microns a pixel.
        coords: (N, 2) level-0 top left corners.
        side: of the patches, in level-0 pixels.
    """
    shares = np.zeros((len(coords), len(Tissue)), np.float32)
    for row, (x, y) in enumerate(np.asarray(coords) // _PIXEL):
        part = kind[y : y + side // _PIXEL, x : x + side // _PIXEL]
        shares[row] = np.bincount(part.ravel(), minlength=len(Tissue)) / max(1, part.size)
    return shares


def write_truth(folder: Path, stem: str, kind: NDArray[np.uint8]) -> None:
    """Writes ``<stem>.png`` (a palette picture, 2 µm a pixel) and ``<stem>.csv`` (a row a patch)."""
    picture = Image.fromarray(kind, mode="P")
    picture.putpalette([value for tissue in Tissue for value in _COLOURS[tissue]])
    with atomic_path(folder / f"{stem}.png") as path:
        picture.save(path, "PNG")
    rows, columns = (side * _PIXEL // PATCH for side in kind.shape)
    y, x = (axis.ravel() * PATCH for axis in np.mgrid[0:rows, 0:columns])
    shares = tissue_shares(kind, np.stack([x, y], axis=1), PATCH)
    table = pd.DataFrame({"x": x, "y": y, "size": PATCH})
    table["tissue"] = [Tissue(int(k)).name.lower() for k in shares.argmax(axis=1)]
    for tissue in Tissue:
        table[tissue.name.lower()] = shares[:, tissue].round(4)
    with atomic_path(folder / f"{stem}.csv") as path:
        table.to_csv(path, index=False, lineterminator="\n")


def read_truth(path: Path) -> NDArray[np.uint8]:
    """The map of :func:`write_truth` again. Raises :class:`SlideError`."""
    try:
        with Image.open(path) as picture:
            return np.asarray(picture, np.uint8)
    except OSError as error:
        raise SlideError(
            f"{path} cannot be read", f"Delete {path.parent.parent} and draw the demo cohort again"
        ) from error
