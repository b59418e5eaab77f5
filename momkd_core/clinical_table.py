"""Clinical tables as cBioPortal, the GDC and UCSC Xena give them out, read as text.

Which column holds the ids, and what else is special:

- cBioPortal (``data_clinical_sample.txt``, ``data_clinical_patient.txt``): ``SAMPLE_ID``, else
  ``PATIENT_ID``; lines with ``#`` before the header:
  https://docs.cbioportal.org/file-formats/#clinical-data; downloaded from a study's page they are
  called ``Sample ID`` and ``Patient ID``
- GDC, a cohort's clinical TSV: ``cases.submitter_id``, earlier ``case_submitter_id``; a patient has
  a row a treatment, and ``'--`` is nothing:
  https://docs.gdc.cancer.gov/API/Users_Guide/Appendix_A_Available_Fields
- GDC, biospecimen core's tables (BCR Biotab): ``bcr_patient_barcode``; two more rows of names below the
  header; what is nothing stands in brackets, as ``[Not Available]``:
  https://bioconductor.org/packages/release/bioc/vignettes/TCGAbiolinks/inst/doc/clinical.html
- UCSC Xena: ``submitter_id.samples``, ``sampleID`` or ``sample``: https://xenabrowser.net/datapages/
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path

from momkd_core.errors import CohortError

#: The first of these in a table's header holds its ids.
ID_COLUMNS = (
    "SAMPLE_ID,PATIENT_ID,bcr_patient_barcode,cases.submitter_id,case_submitter_id,"
    "submitter_id.samples,sampleID,sample,Sample ID,Patient ID"
).split(",")
#: Of these a row's patient is taken.
PATIENT_COLUMNS = ("PATIENT_ID", "Patient ID", "patient_id")

_NOTHING = {"", "na", "n/a", "nan", "none", "null", "'--", "--"}


@dataclass(frozen=True)
class ClinicalRow:
    """One row: its line in the file, its id, and its cells by column."""

    line: int
    id: str
    cells: dict[str, str]


@dataclass(frozen=True)
class ClinicalTable:
    """A table.

    Attributes:
        name: of the file.
        id_column: the column that the ids were taken from.
        columns: all of them, in order.
    """

    name: str
    id_column: str
    columns: tuple[str, ...]
    rows: tuple[ClinicalRow, ...]

    def require_column(self, column: str) -> None:
        """Raises CohortError where a column is missing or there twice."""
        if self.columns.count(column) == 1:
            return
        how = "two columns" if column in self.columns else "no column"
        raise CohortError(
            f"{self.name} has {how} {column!r} (it has: {_some(self.columns)})",
            "Name one of its columns, as its header spells it",
        )


def is_nothing(value: str) -> bool:
    """Whether a cell says that there is no value."""
    text = value.strip()
    return text.lower() in _NOTHING or (text.startswith("[") and text.endswith("]"))


def read_clinical(path: Path, id_column: str | None = None) -> ClinicalTable:
    """Reads a table, tab-separated or CSV, ``.gz`` too.

    Args:
        id_column: by default the first of :data:`ID_COLUMNS` that it has.

    Raises:
        CohortError: unreadable, without ids or rows, or a row of another length than the header's;
            names the line.
    """
    lines = _lines(path, _text(path))
    header = tuple(_trimmed(next(lines, (0, [""]))[1], 1))
    known = [name for name in ([id_column] if id_column else ID_COLUMNS) if name in header]
    if not known:
        raise CohortError(
            f"{path.name} has no column {repr(id_column) if id_column else 'of ids that is known'} "
            f"(it has: {_some(header)})",
            "Say with --id which column holds the ids",
        )
    rows = []
    for line, cells in lines:
        values = _trimmed(cells, len(header))
        if len(values) != len(header):
            raise CohortError(
                f"{path.name} line {line} has {len(values)} cells for {len(header)} columns",
                "Repair that line, or download the table again",
            )
        found = dict(zip(header, values, strict=True))
        identity = found.get(known[0], "")
        if identity == known[0] or identity.startswith("CDE_ID:"):
            continue  # biotab's second and third row of names
        if is_nothing(identity):
            raise CohortError(f"{path.name} line {line} has nothing in {known[0]!r}", "Fill it in")
        rows.append(ClinicalRow(line, identity, found))
    if not rows:
        raise CohortError(f"{path.name} holds no row", "Name a clinical table with rows")
    table = ClinicalTable(path.name, known[0], header, tuple(rows))
    table.require_column(known[0])
    return table


def _trimmed(cells: list[str], least: int) -> list[str]:
    """Without empty cells at the end, where some programs write them, but not less than so many."""
    values = [cell.strip() for cell in cells]
    while len(values) > least and not values[-1]:
        values.pop()
    return values


def _text(path: Path) -> str:
    if not path.is_file():
        raise CohortError(f"{path} does not exist", "Check the path of the clinical table")
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise CohortError(
            f"{path.name} cannot be read as UTF-8 text ({error})",
            "Download it again, or save it as tab-separated text in UTF-8",
        ) from error


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Cells by line, from the header on, without empty lines."""
    numbered = enumerate(io.StringIO(text, newline=None), start=1)
    kept = list(dropwhile(lambda one: one[1].startswith("#") or not one[1].strip(), numbered))
    if not kept:
        return
    first, header = kept[0]
    separator = max("\t,;", key=header.count)
    # Tab-separated tables quote nothing, so that a quotation mark there is a letter.
    quoted = separator != "\t"
    reader = csv.reader(
        (line for _, line in kept),
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
    )
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield first + reader.line_num - 1, cells
    except csv.Error as error:
        raise CohortError(
            f"{path.name} line {first + reader.line_num - 1} is no table ({error})",
            "Save it again as tab-separated text or CSV",
        ) from error


def _some(columns: tuple[str, ...], most: int = 12) -> str:
    named = ", ".join(columns[:most]) or "nothing"
    return named + (f" and {len(columns) - most} more" if len(columns) > most else "")
