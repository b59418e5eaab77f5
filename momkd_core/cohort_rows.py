"""Rows of a cohort table as cases: each cell is checked, and what is wrong is named by its line."""

from __future__ import annotations

import re
from pathlib import Path

from momkd_core.cohort_case import Case, CohortSlide
from momkd_core.errors import CohortError, FeatureError
from momkd_core.feature_folder import FEATURE_SUFFIXES, FeatureFolder

_EMPTY = {"", "na", "nan", "none", "null"}


def clean(cell: str) -> str:
    """What a cell says; '' for nothing, however that is written."""
    text = cell.strip()
    return "" if text.lower() in _EMPTY else text


def names_a_file(case_id: str) -> bool:
    """Whether an id can name folders and files of results, without wandering out of them."""
    return not re.search(r'[/\\:*?"<>|\x00-\x1f]', case_id) and case_id.strip(". ") != ""


def case_of(
    path: Path,
    case_id: str,
    rows: list[tuple[int, dict[str, str]]],
    columns: tuple[str, ...],
    folders: dict[Path, FeatureFolder],
) -> Case:
    """The case of these rows of a table, each with its line number.

    Args:
        columns: that describe the case.
        folders: of features that were searched for rows before.

    Raises:
        CohortError: of the first bad cell.
    """
    first_line, first = rows[0]
    if not names_a_file(case_id):
        raise CohortError(
            f"{path.name} line {first_line}: case_id {case_id!r} cannot be a file name",
            "Use letters, digits, '-', '_' and '.'",
        )
    for line, row in rows[1:]:
        for column in (*columns, "patient_id"):
            if row.get(column, "") != first.get(column, "") and column in row:
                raise CohortError(
                    f"{path.name} lines {first_line} and {line}: case {case_id!r} has two values in "
                    f"column {column!r}: {first[column]!r} and {row[column]!r}",
                    "Rows of one case share everything but their slide",
                )
    values = {column: first.get(column, "") for column in columns}
    patient = first.get("patient_id") or case_id
    values["patient_id"] = patient
    slides = tuple(_slide(path, line, row, folders) for line, row in rows)
    stems = [slide.stem for slide in slides]
    for position, stem in enumerate(stems):
        if stem in stems[:position]:
            raise CohortError(
                f"{path.name} line {slides[position].line}: case {case_id!r} has two slides named "
                f"{stem!r}",
                "Remove the repeated row, or rename one of the slides",
            )
    return Case(case_id, patient, slides, values)


def _slide(
    path: Path, line: int, row: dict[str, str], folders: dict[Path, FeatureFolder]
) -> CohortSlide:
    slide, features = row.get("slide"), row.get("features")
    if not slide and not features:
        raise CohortError(
            f"{path.name} line {line}: neither slide nor features is given", "Fill in one of them"
        )
    mpp: float | None = None
    if row.get("mpp"):
        try:
            mpp = float(row["mpp"].replace(",", "."))
        except ValueError:
            mpp = -1.0
        if not 0 < mpp < 1000:
            raise CohortError(
                f"{path.name} line {line}: mpp {row['mpp']!r} is not a positive number",
                "State microns per pixel, for instance 0.5",
            )
    slide_path = (path.parent / slide).absolute() if slide else None
    return CohortSlide(
        line=line,
        slide=slide_path,
        features=_features(path, line, features, slide_path, folders) if features else None,
        mpp=mpp,
    )


def _features(
    path: Path, line: int, cell: str, slide: Path | None, folders: dict[Path, FeatureFolder]
) -> Path:
    """The feature file that a row names; of a folder, the file of the row's slide."""
    named = (path.parent / cell).absolute()
    if named.suffix.lower() in FEATURE_SUFFIXES or not named.is_dir():
        return named
    if slide is None:
        raise CohortError(
            f"{path.name} line {line}: features names the folder {cell}, and the row names no slide to "
            "look for in it",
            "Name the slide, or the feature file",
        )
    try:
        return folders.setdefault(named, FeatureFolder(named)).file(slide.stem)
    except FeatureError as error:
        raise CohortError(f"{path.name} line {line}: {error.cause}", error.cure) from error
