"""Where a slide's feature file lies in the folders of this program, TRIDENT, CLAM and STAMP.

A folder may hold the files itself, or be one that a tool wrote: a job or coordinates folder of TRIDENT
(:mod:`momkd_core.trident_layout`), CLAM's with ``h5_files`` and ``pt_files``, or the folder above
STAMP's. The files may lie two levels down, and anywhere below the folder of a STAMP extractor; where
several folders could be meant, none is guessed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from momkd_core.errors import FeatureError
from momkd_core.stamp_layout import extractor_folder
from momkd_core.tensor_file import H5_FOLDER, TENSOR_FOLDER, TENSOR_SUFFIX
from momkd_core.trident_layout import may_hold_features

#: Endings of feature files.
FEATURE_SUFFIXES = (".h5", ".hdf5", TENSOR_SUFFIX)
_ENDINGS = tuple(case for suffix in FEATURE_SUFFIXES for case in (suffix, suffix.upper()))

_DEPTH = 2  # job folder / coordinates folder / features_<encoder>
_LISTED = 5


class FeatureFolder:
    """The feature files of a folder. Where they lie is found once: build it anew when some came."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, path: Path | FeatureFolder | None) -> FeatureFolder | None:
        """A folder to be searched for many slides, where one is given."""
        return cls(path) if isinstance(path, Path) else path

    def file(self, stem: str) -> Path:
        """The feature file of a slide; where there is none, the place where it is missing.

        Args:
            stem: the slide's name without its ending; of ``x.ome.tif`` TRIDENT writes ``x.h5``.

        Raises:
            FeatureError: several files or folders could be meant, or the folder cannot be read.
        """
        names = tuple(f"{name}{ending}" for name in _names(stem) for ending in _ENDINGS)
        for name in names:
            if (self.path / name).is_file():
                return self.path / name
        if self._tree is None:
            places = (self._holder / name for name in names)
            return next((at for at in places if at.is_file()), self._holder / f"{stem}.h5")
        found = next((self._tree[name] for name in names if name in self._tree), [])
        if len(found) > 1:
            raise FeatureError(
                f"{self.path} holds features of {stem} {len(found)} times: {self._listed(found)}",
                "Name one of these folders",
            )
        return found[0] if found else self._holder / f"{stem}.h5"

    def files(self) -> list[Path]:
        """All feature files, by path.

        Raises:
            FeatureError: there are none, several folders could be meant, or it cannot be read.
        """
        if self._tree is not None:
            files = [path for several in self._tree.values() for path in several]
        else:
            with _scan(self._holder) as entries:
                files = [Path(entry.path) for entry in entries if _is_features(entry)]
        if not files:
            raise FeatureError(
                f"{self.path} holds no feature files ({', '.join(FEATURE_SUFFIXES)})",
                "Name a folder of features, as TRIDENT, CLAM, STAMP or momkd extract write them",
            )
        rank = {ending: position for position, ending in enumerate(_ENDINGS)}
        files.sort(key=lambda file: -rank.get(file.suffix, 0))
        return sorted({file.with_suffix(""): file for file in files}.values())  # as file() chooses

    @cached_property
    def _found(self) -> tuple[Path, bool]:
        """The folder of the files, and whether they may lie at any depth below it."""
        found: dict[Path, tuple[Path, bool]] = {}
        for file in _first_files(self.path, _DEPTH):
            holder = file.parent
            if any(deep and holder.is_relative_to(root) for root, deep in found.values()):
                continue  # of one STAMP extractor, folder by folder
            root = self._stamp_root(file)
            found.setdefault((root or holder).resolve(), (root or holder, root is not None))
        if len(found) > 1:
            raise FeatureError(
                f"{self.path} holds features in {len(found)} folders: "
                f"{self._listed([folder for folder, _ in found.values()])}",
                "Name one of these",
            )
        return next(iter(found.values()), (self.path, False))

    @property
    def _holder(self) -> Path:
        return self._found[0]

    @cached_property
    def _tree(self) -> dict[str, list[Path]] | None:
        """Files by name, where they lie at any depth."""
        root, deep = self._found
        if not deep:
            return None
        found: dict[str, list[Path]] = {}
        for folder, _, names in os.walk(root, onerror=_unreadable):
            for name in names:
                if _is_named_features(name):
                    found.setdefault(name, []).append(Path(folder, name))
        return found

    def _stamp_root(self, file: Path) -> Path | None:
        """The folder of a STAMP extractor as far as it lies in this one; None for others' files."""
        root, top = extractor_folder(file), self.path.absolute()
        if root is None:
            return None
        return self.path / root.relative_to(top) if root.is_relative_to(top) else self.path

    def _listed(self, places: list[Path]) -> str:
        more = ", …" if len(places) > _LISTED else ""
        top = self.path.absolute()
        return ", ".join(str(at.absolute().relative_to(top)) for at in places[:_LISTED]) + more


def feature_files(folder: Path) -> list[Path]:
    """As :meth:`FeatureFolder.files`."""
    return FeatureFolder(folder).files()


def _names(stem: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((stem, stem.removesuffix(".ome"))))


def _first_files(folder: Path, depth: int) -> Iterator[Path]:
    """A feature file of each folder that has some, of this one alone if it has; those of CLAM once."""
    with _scan(folder) as entries:  # the first look at a large folder tells
        first = next((entry for entry in entries if _is_features(entry)), None)
    if first is not None:
        yield Path(first.path)
        return
    if depth == 0:
        return
    with _scan(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    for name in names:
        again = name == TENSOR_FOLDER and H5_FOLDER in names
        if may_hold_features(folder / name) and not again and not name.startswith("."):
            yield from _first_files(folder / name, depth - 1)


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
        _unreadable(error, folder)


def _unreadable(error: OSError, folder: Path | None = None) -> NoReturn:
    raise FeatureError(
        f"{folder or error.filename} cannot be read ({error.strerror or error})",
        "Check its permissions",
    ) from error


def _is_features(entry: os.DirEntry[str]) -> bool:
    return _is_named_features(entry.name) and entry.is_file()


def _is_named_features(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix in _ENDINGS
