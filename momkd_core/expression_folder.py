"""A folder with one ``.npy`` vector a case, as the authors of the paper keep expression.

The cases are the files' names; the genes are named by ``genes.txt`` (one a line) or ``genes.npy`` in
the same folder, or else numbered, since a vector does not say what its values are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from momkd_core.errors import ExpressionError
from momkd_core.expression import ExpressionTable, checked_table

_GENES = ("genes.txt", "genes.npy")


def vector_files(folder: Path) -> list[Path]:
    """The ``.npy`` files of cases in a folder, by name."""
    found = (one for one in folder.glob("*.npy") if not one.name.startswith("."))
    return sorted(one for one in found if one.name not in _GENES)


def read_vectors(folder: Path) -> ExpressionTable:
    """Reads a folder of vectors.

    Raises:
        ExpressionError: a file is no vector of numbers, is as long as no other, or does not fit the
            genes' names; names the file.
    """
    files = vector_files(folder)
    genes = _genes(folder)
    rows = [_vector(file) for file in files]
    expected = len(rows[0]) if genes is None else len(genes)
    wrong = [file.name for file, row in zip(files, rows, strict=True) if len(row) != expected]
    if wrong:
        lengths = {len(row) for row in rows} - {expected}
        told = "the first file" if genes is None else "the names of genes"
        raise ExpressionError(
            f"{len(wrong)} of {len(files)} files in {folder.name} are not {expected} long as {told} "
            f"({', '.join(wrong[:3])}{', …' if len(wrong) > 3 else ''}: "
            f"{', '.join(map(str, sorted(lengths)[:3]))})",
            "Write the same genes in the same order for every case",
        )
    names = genes or [f"gene_{index}" for index in range(expected)]
    return checked_table(folder.name, [file.stem for file in files], names, np.stack(rows))


def _vector(file: Path) -> NDArray[np.float64]:
    values = _load(file)
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        raise ExpressionError(
            f"{file.name} holds {values.dtype} of shape {values.shape}, not a vector of numbers",
            "Save one value a gene: numpy.save(path, values) with a 1-D array",
        )
    return values.astype(np.float64)


def _genes(folder: Path) -> list[str] | None:
    there = [folder / name for name in _GENES if (folder / name).is_file()]
    if not there:
        return None
    if len(there) > 1:
        raise ExpressionError(
            f"{folder.name} has both genes.txt and genes.npy", "Keep the one that names the genes"
        )
    if there[0].suffix == ".npy":
        names = _load(there[0])
        if names.ndim != 1 or names.dtype.kind not in "US":
            raise ExpressionError(
                f"genes.npy of {folder.name} is no list of names", "Write genes.txt, one a line"
            )
        return [str(name).strip() for name in names.astype(str)]
    try:
        lines = there[0].read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ExpressionError(
            f"genes.txt of {folder.name} cannot be read as UTF-8 text ({error})",
            "Save it in UTF-8, one name a line",
        ) from error
    return [line.strip() for line in lines if line.strip()]


def _load(file: Path) -> NDArray[Any]:
    """An array; one that would have to be unpickled is refused."""
    try:
        return np.asarray(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise ExpressionError(
            f"{file.name} cannot be read as an array of numbers ({error})",
            "Save it with numpy.save; arrays of Python objects are not opened",
        ) from error
