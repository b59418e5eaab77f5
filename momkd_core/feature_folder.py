"""Where a slide's feature file lies in the folders of this program, TRIDENT, CLAM and STAMP.

A folder may hold the files itself, or be one that a tool wrote: a job or coordinates folder of TRIDENT
(:mod:`momkd_core.trident_layout`), CLAM's with ``h5_files`` and ``pt_files``, or the folder above
STAMP's. The files may lie two levels down; where several folders could be meant, none is guessed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from momkd_core.errors import FeatureError
from momkd_core.tensor_file import H5_FOLDER, TENSOR_FOLDER, TENSOR_SUFFIX
from momkd_core.trident_layout import NO_FEATURES

_H5 = (".h5", ".hdf5")
#: Endings of feature files.
FEATURE_SUFFIXES = (*_H5, TENSOR_SUFFIX)

_DEPTH = 2  # job folder / coordinates folder / features_<encoder>


def feature_file(folder: Path, stem: str) -> Path:
    """The feature file of a slide; where there is none, the place where it is missing.

    Args:
        folder: as described above.
        stem: the slide's name without its ending; of ``x.ome.tif`` TRIDENT writes ``x.h5``.

    Raises:
        FeatureError: several folders of features lie in it, or it cannot be read.
    """
    found = _in(folder, stem)
    if found is not None:
        return found
    holder = feature_folder(folder)
    return _in(holder, stem) or holder / f"{stem}.h5"


def feature_folder(folder: Path) -> Path:
    """The folder that holds the feature files: this one, or one that lies in it.

    Raises:
        FeatureError: several could be meant, or it cannot be read.
    """
    candidates = list(_holders(folder, _DEPTH))
    if not candidates:
        return folder
    if len(candidates) > 1:
        listed = ", ".join(str(path.relative_to(folder)) for path in candidates)
        raise FeatureError(
            f"{folder} holds features in {len(candidates)} folders: {listed}",
            "Name one of these",
        )
    return candidates[0]


def feature_files(folder: Path) -> list[Path]:
    """All feature files of a folder, by name.

    Raises:
        FeatureError: it holds none, several folders could be meant, or it cannot be read.
    """
    holder = feature_folder(folder)
    with _scan(holder) as entries:
        files = [Path(entry.path) for entry in entries if _is_features(entry)]
    if not files:
        raise FeatureError(
            f"{folder} holds no feature files ({', '.join(FEATURE_SUFFIXES)})",
            "Name a folder of features, as TRIDENT, CLAM, STAMP or momkd extract write them",
        )
    return sorted(files)


def _in(folder: Path, stem: str) -> Path | None:
    """A slide's file directly in a folder: .h5 before .pt, which has no coordinates."""
    for name in dict.fromkeys((stem, stem.removesuffix(".ome"))):
        for suffix in FEATURE_SUFFIXES:
            path = folder / f"{name}{suffix}"
            if path.is_file():
                return path
    return None


def _holders(folder: Path, depth: int) -> Iterator[Path]:
    """Folders with feature files, this one alone if it has some; those of CLAM once."""
    with _scan(folder) as entries:
        if any(_is_features(entry) for entry in entries):  # the first look at a large folder tells
            yield folder
            return
    if depth == 0:
        return
    with _scan(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    for name in names:
        other = NO_FEATURES.fullmatch(name) or name.startswith(".")
        again = name == TENSOR_FOLDER and H5_FOLDER in names
        if not other and not again:
            yield from _holders(folder / name, depth - 1)


@contextmanager
def _scan(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """The entries of a folder; none where there is no folder. Raises :class:`FeatureError`."""
    if not folder.is_dir():
        yield iter(())
        return
    try:
        with os.scandir(folder) as entries:
            yield entries
    except OSError as error:
        raise FeatureError(
            f"{folder} cannot be read ({error.strerror or error})", "Check its permissions"
        ) from error


def _is_features(entry: os.DirEntry[str]) -> bool:
    return (
        not entry.name.startswith(".")
        and Path(entry.name).suffix.lower() in FEATURE_SUFFIXES
        and entry.is_file()
    )
