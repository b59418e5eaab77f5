"""Folds that another program made: one CSV a fold, with columns ``train``, ``val`` and ``test``.

Cells are slide names in CLAM's tables and in those of the paper's authors, which are alike; case ids
are taken as well. A column without a name, where pandas puts its index, means nothing.

Source: https://github.com/mahmoodlab/CLAM, ``create_splits_seq.py`` and ``save_splits`` in
``dataset_modules/dataset_generic.py``; https://github.com/CAIR-LAB-WFUSM/MoMKD, ``main.py``.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from momkd_core.cohort import Cohort
from momkd_core.cohort_case import Case
from momkd_core.errors import CohortError, LeakageError
from momkd_core.feature_folder import FEATURE_SUFFIXES
from momkd_core.slide import SLIDE_SUFFIXES
from momkd_core.splits import Split, check_labels

_NAME = re.compile(r"splits_(\d+)\.csv")
_COLUMNS = {"train": "train", "val": "validation", "test": "test"}  # theirs, and ours
_NAMED = "splits_0.csv, splits_1.csv, … with columns train, val and test"


@dataclass(frozen=True)
class SplitTable:
    """One fold as its file says: names by part, ``train``, ``validation`` and ``test``."""

    path: Path
    parts: Mapping[str, tuple[str, ...]]


def read_split_tables(path: Path) -> tuple[SplitTable, ...]:
    """The folds of a folder, in the order of their numbers; of a file, that one.

    Raises:
        CohortError: there are none, one is missing, or one is no such table.
    """
    return tuple(_read(file) for file in _files(path))


def splits_of(
    tables: Sequence[SplitTable], cohort: Cohort, labels: Mapping[str, int]
) -> tuple[list[Split], list[str]]:
    """The folds as cases of a cohort, and what is to be said of them.

    Args:
        labels: 0 or 1 by case id; cases without one are left out.

    Raises:
        CohortError: a name is unknown or means two cases, or a part lacks one of the labels.
        LeakageError: a case or a patient is on two sides of a fold.
    """
    known = _Names(cohort)
    cases = {case.case_id: case for case in cohort.cases}
    splits, unlabelled = [], set()
    for table in tables:
        found = {part: known.cases(table.path, names) for part, names in table.parts.items()}
        _check_sides(table.path, found, cases)
        unlabelled |= {case for part in found.values() for case in part if case not in labels}
        split = Split(
            **{name: tuple(c for c in part if c in labels) for name, part in found.items()}
        )
        check_labels(split, labels, f"of {table.path.name}", "Make folds with cases of both labels")
        splits.append(split)
    return splits, [*_renumbered(tables), *_told(splits, unlabelled, labels)]


def _renumbered(tables: Sequence[SplitTable]) -> list[str]:
    """A warning where one table of several is given: folds are counted from 0."""
    match = _NAME.fullmatch(tables[0].path.name) if len(tables) == 1 else None
    if match is None or int(match[1]) == 0:
        return []
    return [f"{tables[0].path.name} is given alone, and is fold 0 of this run"]


def _told(splits: list[Split], unlabelled: set[str], labels: Mapping[str, int]) -> list[str]:
    """Warnings: who is in no fold, and who is tested more than once."""
    found = []
    if unlabelled:
        found.append(
            f"{len(unlabelled)} cases of the split tables have no usable label and are left out (the "
            f"first is {min(unlabelled)})"
        )
    absent = set(labels) - {case for s in splits for case in (*s.train, *s.validation, *s.test)}
    if absent:
        found.append(
            f"{len(absent)} of {len(labels)} cases are in no split table and are left out (the first "
            f"is {min(absent)})"
        )
    again = _several(case for split in splits for case in split.test)
    if again:
        found.append(
            f"{len(again)} cases are tested in several folds (the first is {again[0]}): what is "
            "pooled over folds counts them as often"
        )
    return found


def check_tested_once(tables: Sequence[SplitTable], cohort: Cohort) -> None:
    """Raises :class:`CohortError` where a case is tested in several folds, as CLAM's may be: of such a
    case there is not one probability to compare methods by.
    """
    known = _Names(cohort)
    again = _several(case for one in tables for case in known.cases(one.path, one.parts["test"]))
    if again:
        raise CohortError(
            f"{len(again)} cases are tested in several of the given folds (the first is {again[0]}), "
            "and methods are compared on cases that are tested once",
            "Give folds whose test parts share no case, one of these folds (--splits splits_0.csv), or "
            "let this program make them (--folds)",
        )


def _several(cases: Iterable[str]) -> list[str]:
    """Those that come more than once, sorted."""
    return sorted(case for case, times in Counter(cases).items() if times > 1)


class _Names:
    """What the cells of a table may say: case ids, and names of slides with or without an ending."""

    def __init__(self, cohort: Cohort) -> None:
        self._table = cohort.path.name
        self._cases = {case.case_id for case in cohort.cases}
        self._slides: dict[str, set[str]] = {}
        for case in cohort.cases:
            for slide in case.slides:
                for path in (slide.slide, slide.features):
                    if path is not None:
                        self._slides.setdefault(path.stem, set()).add(case.case_id)

    def cases(self, table: Path, names: tuple[str, ...]) -> tuple[str, ...]:
        """The cases of these names, each once. Raises :class:`CohortError`."""
        found: dict[str, None] = {}
        unknown = []
        for name in names:
            meant = self._meant(name)
            if len(meant) > 1:
                raise CohortError(
                    f"{table.name}: {name} is a slide of several cases: {', '.join(sorted(meant))}",
                    "Name the cases instead of the slides",
                )
            unknown += [] if meant else [name]
            found.update(dict.fromkeys(meant))
        if unknown:
            listed = ", ".join(unknown[:3]) + (", …" if len(unknown) > 3 else "")
            raise CohortError(
                f"{table.name}: {len(unknown)} of {len(names)} names are neither a case nor a slide of "
                f"{self._table}: {listed}",
                "Use the cohort that the folds were made for, or remove these names",
            )
        return tuple(found)

    def _meant(self, name: str) -> set[str]:
        if name in self._cases:
            return {name}
        path = Path(name)
        endings = (*SLIDE_SUFFIXES, *FEATURE_SUFFIXES)
        stem = path.stem if path.suffix.lower() in endings else path.name
        if stem in self._cases:
            return {stem}
        return self._slides.get(stem, set())


def _check_sides(
    table: Path, parts: Mapping[str, tuple[str, ...]], cases: Mapping[str, Case]
) -> None:
    """Raises :class:`LeakageError` where a case, or two of one patient, are on two sides."""
    seen: dict[str, tuple[str, str]] = {}
    shared: dict[str, str] = {}
    for part, names in parts.items():
        for name in names:
            patient = cases[name].patient_id
            other, where = seen.setdefault(patient, (name, part))
            if where != part:
                shared.setdefault(patient, f"{other} in {where}, {name} in {part}")
    if shared:
        patient, told = next(iter(shared.items()))
        raise LeakageError(
            f"{table.name} has {len(shared)} patients on two sides (the first is {patient}: {told})",
            "Keep the cases of a patient together, or let this program make the folds (--folds)",
        )


def _files(path: Path) -> list[Path]:
    if path.name.endswith(("_bool.csv", "_descriptor.csv")):
        raise CohortError(
            f"{path.name} is the table of marks or counts that CLAM writes beside a fold's names",
            f"Give the table of names: {re.sub('_(bool|descriptor)', '', path.name)}",
        )
    if not path.is_dir():
        return [path]
    numbered: dict[int, Path] = {}
    for file in sorted(path.iterdir()):
        match = _NAME.fullmatch(file.name)
        if match is None:
            continue
        other = numbered.setdefault(int(match[1]), file)
        if other != file:
            raise CohortError(
                f"{path} has two tables of one fold: {other.name} and {file.name}", "Remove one"
            )
    if not numbered:
        raise CohortError(f"{path} holds no split tables", f"They are named {_NAMED}")
    missing = sorted(set(range(max(numbered) + 1)) - set(numbered))
    if missing:
        raise CohortError(
            f"{path} has folds up to {max(numbered)}, but no splits_{missing[0]}.csv",
            "Add it, or number the others from 0",
        )
    return [numbered[number] for number in sorted(numbered)]


def _read(path: Path) -> SplitTable:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CohortError(
            f"{path} cannot be read as CSV ({getattr(error, 'strerror', None) or error})",
            f"Split tables are named {_NAMED}",
        ) from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    absent = [name for name in _COLUMNS if header.count(name) != 1]
    if absent:
        raise CohortError(
            f"{path.name} needs one column {absent[0]!r} (it has: "
            f"{', '.join(filter(None, header)) or 'nothing'})",
            f"A fold needs three parts: {_NAMED}",
        )
    parts = {}
    for theirs, ours in _COLUMNS.items():
        column = header.index(theirs)
        cells = [row[column].strip() for row in rows[1:] if column < len(row)]
        parts[ours] = tuple(cell for cell in cells if cell and cell.lower() != "nan")
        if not parts[ours] or set(parts[ours]) <= {"True", "False"}:
            what = "no name" if not parts[ours] else "marks instead of names"
            raise CohortError(f"{path.name} has {what} in column {theirs!r}", f"Give {_NAMED}")
    return SplitTable(path, parts)
