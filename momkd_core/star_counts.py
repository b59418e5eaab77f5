"""STAR counts as the GDC gives them out: a file a sample, made one table of cases x genes.

Layout of ``<uuid>/<uuid>.rna_seq.augmented_star_gene_counts.tsv``: a comment with the gene model, the
columns ``gene_id gene_name gene_type unstranded stranded_first stranded_second tpm_unstranded
fpkm_unstranded fpkm_uq_unstranded``, and four rows ``N_…`` of reads that belong to no gene:
https://docs.gdc.cancer.gov/Data/Bioinformatics_Pipelines/Expression_mRNA_Pipeline/
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from momkd_core.barcode import PRIMARY, Level
from momkd_core.errors import ExpressionError
from momkd_core.expression import ExpressionTable, checked_table
from momkd_core.gdc_sheet import GdcFile, find_sheet, read_sheet
from momkd_core.progress import Report, silent

Names = Literal["symbol", "ensembl"]
NAMES: tuple[Names, ...] = get_args(Names)
Aliquots = Literal["refuse", "mean", "first"]
ALIQUOTS: tuple[Aliquots, ...] = get_args(Aliquots)
VALUES = (
    "tpm_unstranded fpkm_unstranded fpkm_uq_unstranded unstranded stranded_first stranded_second"
).split()

_ENDING = ".rna_seq.augmented_star_gene_counts.tsv"
_COLUMNS = {"symbol": "gene_name", "ensembl": "gene_id"}


@dataclass(frozen=True)
class StarChoices:
    """What is made of the files.

    Attributes:
        values: the column taken.
        names: genes by symbol, or by Ensembl id without its version. Rows of one name are added: a
            symbol with several ids, and the copies on Y of genes that X has too (``…_PAR_Y``).
        level: part of the barcode that is the case.
        sample_types: two-digit codes of the samples taken.
        aliquots: where a case has several files: ``refuse``, their ``mean``, or the ``first`` by
            barcode, then by file id.
    """

    values: str = "tpm_unstranded"
    names: Names = "symbol"
    level: Level = "patient"
    sample_types: tuple[str, ...] = (PRIMARY,)
    aliquots: Aliquots = "refuse"


@dataclass(frozen=True)
class StarTable:
    """The table, and what was left out or joined on the way.

    Attributes:
        sheet: name of the sheet that said whose the files are.
        files: how many are in the table.
        joined: cases of several files, with their barcodes in the order of the rule.
        other_samples: files of other sample types, counted by type.
        absent: files of the sheet that are not in the folder.
        unlisted: files of the folder that are not in the sheet.
        added_genes: names that stand for several rows.
    """

    table: ExpressionTable
    sheet: str
    files: int
    joined: dict[str, list[str]]
    other_samples: dict[str, int]
    absent: list[str]
    unlisted: list[str]
    added_genes: int


def star_files(folder: Path) -> dict[str, Path]:
    """The count files of a download by name: in a folder a file, or all in one."""
    found = [*folder.glob(f"*/*{_ENDING}"), *folder.glob(f"*{_ENDING}")]
    return {path.name: path for path in sorted(found)}


def read_star_counts(
    folder: Path,
    choices: StarChoices | None = None,
    *,
    sheet: Path | None = None,
    report: Report = silent,
) -> StarTable:
    """Makes a table of a download.

    Args:
        sheet: the sample sheet or metadata; by default the one in the folder.

    Raises:
        ExpressionError: no sheet, no file of the samples asked for, a file that does not fit the
            others, or a case of several files where that is refused.
    """
    choices = choices or StarChoices()
    sheet = sheet or find_sheet(folder)
    there = star_files(folder)
    listed = read_sheet(sheet, _ENDING)
    chosen = [one for one in listed if one.barcode.sample in choices.sample_types]
    cases = _by_case([one for one in chosen if one.name in there], choices.level)
    if not cases:
        raise ExpressionError(
            f"{folder.name} holds no counts of sample type {', '.join(choices.sample_types)} that "
            f"{sheet.name} lists ({len(there)} files are there, {len(listed)} are listed)",
            "Name the sheet of this download, or other types with --sample-type",
        )
    joined = {case: [one.sample for one in files] for case, files in cases.items() if files[1:]}
    if joined and choices.aliquots == "refuse":
        raise ExpressionError(
            f"{len(joined)} cases have several files, {_named(list(joined))}",
            "Say what is to be taken: momkd expression … --aliquots mean or first (by barcode), or a "
            "finer --barcode-level",
        )
    genes, added, values = _values(cases, there, choices, report)
    names = {one.name for one in listed}
    return StarTable(
        checked_table(folder.name, list(cases), genes, values),
        sheet.name,
        sum(1 if choices.aliquots == "first" else len(files) for files in cases.values()),
        joined,
        dict(Counter(one.barcode.sample or "" for one in listed if one not in chosen)),
        [one.name for one in chosen if one.name not in there],
        [name for name in there if name not in names],
        added,
    )


def _by_case(files: list[GdcFile], level: Level) -> dict[str, list[GdcFile]]:
    """Cases in the order of their barcodes, each with its files in the order of the rule."""
    cases: dict[str, list[GdcFile]] = {}
    for one in sorted(files, key=lambda file: (file.sample, file.file_id)):
        case = one.barcode.at(level)
        if case is None:
            raise ExpressionError(
                f"{one.sample} ({one.name}) does not say its {level}", "Take a coarser level"
            )
        cases.setdefault(case, []).append(one)
    return cases


def _values(
    cases: dict[str, list[GdcFile]], there: dict[str, Path], choices: StarChoices, report: Report
) -> tuple[list[str], int, NDArray[np.float64]]:
    """Names of genes, how many of them stand for several rows, and (cases, genes)."""
    first = there[next(iter(cases.values()))[0].name]
    rows = _read(first, choices)
    codes, names = pd.factorize(rows.index)
    values = np.zeros((len(cases), len(names)))
    for row, files in enumerate(cases.values()):
        report(row, len(cases), "reading counts")
        taken = files[:1] if choices.aliquots == "first" else files
        for one in taken:
            found = _read(there[one.name], choices)
            if not found.index.equals(rows.index):
                raise ExpressionError(
                    f"{one.name} names other genes than {first.name} ({len(found)} and {len(rows)})",
                    "Take files of one data release (one gene model)",
                )
            values[row] += np.bincount(codes, found.to_numpy(), len(names)) / len(taken)
    report(len(cases), len(cases), "reading counts")
    added = int((np.bincount(codes) > 1).sum())
    return [str(name) for name in names], added, values


def _read(path: Path, choices: StarChoices) -> pd.Series[float]:
    """One column of a file by gene name, without the rows of unassigned reads."""
    name = _COLUMNS[choices.names]
    try:
        frame = pd.read_csv(
            path,
            sep="\t",
            skiprows=_comments(path),
            usecols=["gene_id", name, choices.values],
            dtype={"gene_id": str, "gene_name": str, choices.values: np.float64},
            keep_default_na=False,
            na_values={choices.values: [""]},
        )
    except (OSError, ValueError) as error:
        raise ExpressionError(
            f"{path.name} cannot be read as STAR counts with a column {choices.values} ({error})",
            "Download it again, or choose another column with --values",
        ) from error
    frame = frame[~frame["gene_id"].str.startswith("N_")]
    if not len(frame) or frame[choices.values].isna().any():
        raise ExpressionError(
            f"{path.name} lacks values of {choices.values}",
            "The file may be cut: download it again",
        )
    labels = frame[name]
    if choices.names == "ensembl":
        labels = labels.str.replace(r"\.\d+", "", regex=True).str.replace("_PAR_Y", "")
    return pd.Series(frame[choices.values].to_numpy(), index=pd.Index(labels))


def _comments(path: Path) -> int:
    """Lines before the header."""
    with path.open(encoding="utf-8") as stream:
        return sum(1 for _ in takewhile(lambda line: line.startswith("#"), stream))


def _named(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
