"""Which case of the clinical tables a file is of: by TCGA barcode where ids are barcodes, else by name.

By name a file belongs to the id that its name is, or begins with. Nothing is chosen silently: what is
left out is kept by name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from momkd_core.barcode import PRIMARY, Barcode, Level, parse_barcode
from momkd_core.clinical_table import PATIENT_COLUMNS, ClinicalRow, ClinicalTable, is_nothing
from momkd_core.cohort_rows import names_a_file
from momkd_core.errors import CohortError

Kind = Literal["diagnostic", "frozen", "all"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class TcgaChoices:
    """What is taken of TCGA's files.

    Attributes:
        level: part of the barcode that is the case.
        sample_types: two-digit codes of the samples taken, of tables and files.
        kind: of slides: DX, or those of frozen tissue (TS, BS, MS), or all.
    """

    level: Level = "patient"
    sample_types: tuple[str, ...] = (PRIMARY,)
    kind: Kind = "diagnostic"


@dataclass
class LeftOut:
    """What is not in the cohort.

    Attributes:
        sample_types, kinds: files of other samples, or of other slides, counted by code.
        unnamed: files whose name does not say of what case they are.
        unlisted: files of cases that no table lists.
        ambiguous: files that could be of several cases.
        repeated: files of a name that another file has too; a picture beside a slide, else all.
        without_files: cases of the tables that have no file here.
    """

    sample_types: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    unnamed: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    without_files: list[str] = field(default_factory=list)


class Join(Protocol):
    """Files and rows of the same case."""

    def case_of(self, stem: str, left_out: LeftOut) -> str | None:
        """The case of a file; where it has none, why is noted."""

    def rows_of(self, case: str) -> list[ClinicalRow]:
        """What the tables say of a case."""

    def without(self, cases: Iterable[str]) -> list[str]:
        """What the tables list beside these cases, by patient where ids are barcodes."""

    def patient(self, case: str) -> str:
        """The patient of a case."""

    def site(self, case: str) -> str | None:
        """Where it comes from, None where ids do not say."""


def join_of(tables: Sequence[ClinicalTable], choices: TcgaChoices) -> Join:
    """By barcode or by name, as the tables' ids are.

    Raises:
        CohortError: ids are of two sorts, the choices exclude each other, an id cannot name a file, or
            is of two patients.
    """
    return BarcodeJoin(tables, choices) if _are_barcodes(tables) else NameJoin(tables)


def _are_barcodes(tables: Sequence[ClinicalTable]) -> bool:
    found: dict[bool, tuple[ClinicalTable, ClinicalRow]] = {}
    for table in tables:
        for row in table.rows:
            found.setdefault(parse_barcode(row.id) is not None, (table, row))
    if len(found) > 1:
        table, row = found[False]
        raise CohortError(
            f"{table.name} line {row.line}: {row.id!r} is no TCGA barcode, as other ids are",
            "Keep rows of one sort, or name another column of ids with --id",
        )
    return True in found


class BarcodeJoin:
    """By barcode. Rows of a coarser level hold for all that lies below, and finer ones above."""

    def __init__(self, tables: Sequence[ClinicalTable], choices: TcgaChoices) -> None:
        if (choices.level, choices.kind) == ("vial", "diagnostic"):
            raise CohortError(
                "Diagnostic slides are of vials of their own (Z, paraffin), which no expression is of",
                "Choose --barcode-level sample, or --kind frozen",
            )
        self._choices = choices
        self._rows: dict[str, list[tuple[str, ClinicalRow]]] = defaultdict(list)
        for table in tables:
            for row in table.rows:
                barcode = parse_barcode(row.id)
                assert barcode is not None  # all ids are barcodes
                if barcode.sample in (None, *choices.sample_types):
                    self._rows[barcode.patient].append((_finest(barcode), row))

    def case_of(self, stem: str, left_out: LeftOut) -> str | None:
        barcode = parse_barcode(stem)
        case = None if barcode is None else barcode.at(self._choices.level)
        if barcode is None or case is None:
            left_out.unnamed.append(stem)
        elif barcode.sample is not None and barcode.sample not in self._choices.sample_types:
            left_out.sample_types[barcode.sample] += 1
        elif barcode.slide is not None and not self._is_of_kind(barcode):
            left_out.kinds[barcode.slide] += 1
        elif not self.rows_of(case):
            left_out.unlisted.append(stem)
        else:
            return case
        return None

    def _is_of_kind(self, barcode: Barcode) -> bool:
        return self._choices.kind == "all" or barcode.diagnostic == (
            self._choices.kind == "diagnostic"
        )

    def rows_of(self, case: str) -> list[ClinicalRow]:
        # Parts of a barcode are equally long, so that a part of one is what it begins with.
        return [
            row
            for stated, row in self._rows.get(case[:12], [])
            if stated.startswith(case) or case.startswith(stated)
        ]

    def without(self, cases: Iterable[str]) -> list[str]:
        there = {case[:12] for case in cases}
        return sorted(patient for patient in self._rows if patient not in there)

    def patient(self, case: str) -> str:
        return case[:12]

    def site(self, case: str) -> str | None:
        """The tissue source site."""
        barcode = parse_barcode(case)
        return None if barcode is None else barcode.site


def _finest(barcode: Barcode) -> str:
    return barcode.at("vial") or barcode.at("sample") or barcode.patient


class NameJoin:
    """By name: the id itself, or with one of ``-_. `` and more behind it.

    Where samples are the cases, a table by patient holds for all samples of its patients.
    """

    def __init__(self, tables: Sequence[ClinicalTable]) -> None:
        by_sample = [table for table in tables if table.id_column not in PATIENT_COLUMNS]
        by_patient = [table for table in tables if table not in by_sample]
        columns = {table.id_column for table in by_sample}
        if by_sample and by_patient and not any(map(_patient_columns, by_sample)):
            columns |= {
                table.id_column for table in by_patient
            }  # nothing says whose the samples are
        if len(columns) > 1:
            raise CohortError(
                f"The tables' ids are of {len(columns)} sorts: {', '.join(sorted(columns))}",
                "Name with --id a column that all of them have",
            )
        self._rows: dict[str, list[ClinicalRow]] = defaultdict(list)
        for table in by_sample or by_patient:
            for row in table.rows:
                _check_name(table, row)
                self._rows[row.id].append(row)
        self._patients = _patients(by_sample or by_patient)
        self._without_sample: set[str] = set()
        if by_sample:
            self._add_patients(by_patient)

    def _add_patients(self, tables: Iterable[ClinicalTable]) -> None:
        cases: dict[str, list[str]] = defaultdict(list)
        for case, patient in self._patients.items():
            cases[patient].append(case)
        for row in (row for table in tables for row in table.rows):
            if row.id not in cases:
                self._without_sample.add(row.id)
            for case in cases[row.id]:
                self._rows[case].append(row)

    def case_of(self, stem: str, left_out: LeftOut) -> str | None:
        if stem in self._rows:
            return stem
        ends = (end for end, letter in enumerate(stem) if letter in "-_. ")
        found = [stem[:end] for end in ends if stem[:end] in self._rows]
        if len(found) == 1:
            return found[0]
        (left_out.ambiguous if found else left_out.unlisted).append(stem)
        return None

    def rows_of(self, case: str) -> list[ClinicalRow]:
        return self._rows[case]

    def without(self, cases: Iterable[str]) -> list[str]:
        """Cases without a file, and patients without a sample."""
        return sorted((set(self._rows) | self._without_sample) - set(cases))

    def patient(self, case: str) -> str:
        """As the tables say it, else the case."""
        return self._patients.get(case, case)

    def site(self, case: str) -> str | None:
        return None


def _check_name(table: ClinicalTable, row: ClinicalRow) -> None:
    if not names_a_file(row.id):
        raise CohortError(
            f"{table.name} line {row.line}: {row.id!r} cannot be a file name",
            "Use letters, digits, '-', '_' and '.'",
        )


def _patient_columns(table: ClinicalTable) -> list[str]:
    return [column for column in PATIENT_COLUMNS if column in table.columns]


def _patients(tables: Iterable[ClinicalTable]) -> dict[str, str]:
    """The patient of each id, as far as any of its rows says.

    Raises:
        CohortError: two rows disagree, which would put one patient on both sides of a split.
    """
    found: dict[str, tuple[str, str]] = {}
    for table in tables:
        columns = _patient_columns(table)
        for row in table.rows:
            said = (
                row.cells.get(column, "") for column in columns
            )  # others may be keys of a database
            patient = next((one for one in said if not is_nothing(one)), None)
            if patient is None:
                continue
            where = f"{table.name} line {row.line}"
            stated, before = found.setdefault(row.id, (patient, where))
            if stated != patient:
                raise CohortError(
                    f"{row.id!r} is of patient {stated!r} in {before}, and of {patient!r} in {where}",
                    "Keep the row that is right: patients decide what is trained and tested together",
                )
    return {case: patient for case, (patient, _) in found.items()}
