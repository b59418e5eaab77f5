"""The table of cases: one row a slide, checked before anything starts.

Columns: ``case_id`` (required), ``patient_id`` (default: the case), ``slide`` and/or ``features``
(paths relative to the CSV; a folder of features is searched for the row's slide), optional ``site`` and
``mpp``, and any number of label columns.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.cohort_case import Case, CohortSlide
from momkd_core.cohort_rows import case_of, clean
from momkd_core.errors import CohortError
from momkd_core.feature_folder import FeatureFolder
from momkd_core.slide import SLIDE_SUFFIXES
from momkd_core.slide_folder import slides_in

if TYPE_CHECKING:
    from momkd_core.extraction import SlideJob

#: Columns with a meaning of their own, which no label can have.
RESERVED_COLUMNS = {"case_id", "patient_id", "slide", "features", "mpp"}


@dataclass(frozen=True)
class Cohort:
    """A checked table of cases, in the file's order."""

    path: Path
    cases: tuple[Case, ...]
    columns: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over case ids, their values and slides, independent of where the files lie."""
        lines = sorted(
            f"{c.case_id}|{c.patient_id}|{sorted(c.values.items())}|{sorted(s.stem for s in c.slides)}"
            for c in self.cases
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def labelled(
        self, column: str, positive: str, negative: str | None = None
    ) -> tuple[list[Case], list[int], str]:
        """Cases that have a label, their labels 0 or 1, and the negative value.

        Cases with an empty label are left out; the caller says how many.

        Raises:
            CohortError: no such column or value, a third value without ``negative``, one class.
        """
        self.require_column(column)
        present = sorted({c.values[column] for c in self.cases if c.values[column]})
        if positive not in present:
            raise CohortError(
                f"Column {column!r} of {self.path.name} never has the positive value {positive!r} "
                f"(it has: {', '.join(present) or 'nothing'})",
                "Choose one of these with --positive",
            )
        others = [value for value in present if value != positive]
        if negative is None:
            if len(others) != 1:
                raise CohortError(
                    f"Column {column!r} has {len(others)} values beside {positive!r}: "
                    f"{', '.join(others) or 'none'}",
                    "Say with --negative which one is the negative class"
                    if others
                    else "Two classes are needed to train",
                )
            negative = others[0]
        if negative not in others:
            raise CohortError(
                f"Column {column!r} never has the negative value {negative!r}",
                f"Choose one of: {', '.join(others) or 'none'}",
            )
        chosen = [c for c in self.cases if c.values[column] in (positive, negative)]
        return chosen, [int(c.values[column] == positive) for c in chosen], negative

    def require_column(self, column: str) -> None:
        if column not in self.columns:
            raise CohortError(
                f"{self.path.name} has no column {column!r} (it has: {', '.join(self.columns)})",
                "Name one of these columns",
            )

    def hold_out(self, column: str, values: Sequence[str]) -> tuple[Cohort, Cohort]:
        """The cohort without the cases that have one of these values, and those cases.

        Other cases of their patients are in neither, since the patient would be on both sides.

        Raises:
            CohortError: no such column or value, or no case is left on one side.
        """
        self.require_column(column)
        present = {case.values[column] for case in self.cases}
        unknown = [value for value in values if value not in present]
        if unknown:
            raise CohortError(
                f"Column {column!r} of {self.path.name} never has the value {unknown[0]!r} (it has: "
                f"{', '.join(sorted(present - {''}))})",
                "Choose among these with --hold-out",
            )
        held = tuple(case for case in self.cases if case.values[column] in values)
        patients = {case.patient_id for case in held}
        rest = tuple(case for case in self.cases if case.patient_id not in patients)
        if not rest:
            raise CohortError(
                f"Holding out {column} {', '.join(values)} leaves no case to train on",
                "Hold fewer values out",
            )
        return replace(self, cases=rest), replace(self, cases=held)

    def feature_path(
        self, slide: CohortSlide, features_folder: Path | FeatureFolder | None
    ) -> Path:
        """Where a slide's features are: in the given folder, else as its row says.

        Args:
            features_folder: of feature files, or as TRIDENT, CLAM or STAMP left it; for many slides
                open, so that it is searched once.

        Raises:
            CohortError: the row has no features and no folder was given.
            FeatureError: several folders of features lie in the given one.
        """
        folder = FeatureFolder.of(features_folder)
        if folder is not None:
            return folder.file(slide.stem)
        if slide.features is not None:
            return slide.features
        raise CohortError(
            f"{self.path.name} line {slide.line}: the row has no 'features' path",
            "Run momkd extract and name its folder with --features",
        )

    def check_distinct(self, features_folder: Path | FeatureFolder | None) -> None:
        """Refuses a table in which two slides would be read from one feature file.

        Raises:
            CohortError: names both lines.
        """
        seen: dict[Path, int] = {}
        features_folder = FeatureFolder.of(features_folder)
        for case in self.cases:
            for slide in case.slides:
                if features_folder is None and slide.features is None:
                    continue
                # Resolved: a link, or a/../a, is the same file.
                path = self.feature_path(slide, features_folder).resolve()
                if path in seen:
                    raise CohortError(
                        f"{self.path.name} lines {seen[path]} and {slide.line} both take their "
                        f"features from {path.name}",
                        "Give each slide its own feature file, in a 'features' column if two "
                        "slides share a name",
                    )
                seen[path] = slide.line

    def jobs(self, out: Path) -> list[SlideJob]:
        """Extraction jobs of all rows that have a slide.

        Raises:
            CohortError: no row has a slide, or two slides would share an output name.
        """
        rows = [slide for case in self.cases for slide in case.slides if slide.slide is not None]
        if not rows:
            raise CohortError(
                f"{self.path.name} has no slides", "Add a column 'slide' with paths to them"
            )
        # Imported here: torch takes seconds, which listing a cohort should not cost.
        from momkd_core.extraction import SlideJob

        jobs: dict[str, tuple[int, SlideJob]] = {}
        for row in rows:
            assert row.slide is not None
            earlier = jobs.get(row.stem)
            if earlier is not None:
                raise CohortError(
                    f"{self.path.name} lines {earlier[0]} and {row.line} both name a slide "
                    f"{row.stem!r}: their features would overwrite each other",
                    "Rename one of the slides",
                )
            jobs[row.stem] = (row.line, SlideJob(row.slide, row.mpp, out / f"{row.stem}.h5"))
        return [job for _, job in jobs.values()]


def read_cohort(path: str | Path) -> Cohort:
    """Reads and checks a cohort table.

    Raises:
        CohortError: names the file, the line and the column of the first bad value.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise CohortError(f"{path} does not exist", "Check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CohortError(
            f"{path.name} cannot be read as UTF-8 text ({error})", "Save it as CSV in UTF-8"
        ) from error
    delimiter = (
        ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    )
    lines = _lines(path, text, delimiter)
    _, first_cells = next(lines, (1, []))
    header = [name.strip() for name in first_cells]
    if "case_id" not in header:
        raise CohortError(
            f"{path.name} has no column 'case_id' (it has: {', '.join(header) or 'nothing'})",
            "Give each case an identifier in a column of that name",
        )
    if len(set(header)) != len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise CohortError(f"{path.name} has two columns {twice!r}", "Rename one")
    if not {"slide", "features"} & set(header):
        raise CohortError(
            f"{path.name} has neither a column 'slide' nor 'features'",
            "Add the path of each slide or feature file, relative to the CSV",
        )
    cases: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise CohortError(
                f"{path.name} line {line} has {len(cells)} cells for {len(header)} columns",
                "Quote cells that contain the separator",
            )
        row = dict(zip(header, (clean(cell) for cell in cells), strict=True))
        if not row["case_id"]:
            raise CohortError(f"{path.name} line {line} has no case_id", "Fill it in")
        cases.setdefault(row["case_id"], []).append((line, row))
    if not cases:
        raise CohortError(f"{path.name} holds no case", "Add a row for each slide")
    label_columns = tuple(name for name in header if name not in RESERVED_COLUMNS)
    folders: dict[Path, FeatureFolder] = {}
    built = tuple(
        case_of(path, case_id, rows, label_columns, folders) for case_id, rows in cases.items()
    )
    return Cohort(path, built, label_columns + (("patient_id",) if "patient_id" in header else ()))


def _lines(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with their line numbers; cells may hold line breaks where they are quoted."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise CohortError(
            f"{path.name} line {reader.line_num} is no CSV ({error})", "Save the table again as CSV"
        ) from error


def cohort_of_slides(path: Path) -> Cohort:
    """A slide, or a folder's slides, as a cohort of one case each.

    Raises:
        CohortError: the folder holds no slide.
    """
    if path.is_dir():
        files = slides_in(path)
        if not files:
            raise CohortError(
                f"{path} holds no slides", f"Known endings: {' '.join(SLIDE_SUFFIXES)}"
            )
    else:
        files = [path]
    cases = tuple(
        Case(file.stem, file.stem, (CohortSlide(0, file.absolute(), None, None),), {})
        for file in files
    )
    return Cohort(path, cases, ())
