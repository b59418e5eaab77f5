"""A cohort table made of clinical tables and the slides or feature files of a folder."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from momkd_core.clinical_join import Join, LeftOut, TcgaChoices, join_of
from momkd_core.clinical_labels import LabelCount, LabelRule, check_rules
from momkd_core.clinical_table import ClinicalTable
from momkd_core.errors import CohortError
from momkd_core.storage import write_table

SITE = "site"
_PICTURES = (".png", ".jpg", ".jpeg")  # beside a slide a thumbnail or a mask


@dataclass(frozen=True)
class CohortRow:
    """A row of the cohort table: a file of a case.

    Attributes:
        slide, features: files; one of them at least.
        labels: by column, '' where empty.
    """

    case_id: str
    patient_id: str
    slide: Path | None
    features: Path | None
    labels: dict[str, str]


@dataclass(frozen=True)
class ClinicalCohort:
    """The table, and what was joined or left out on the way."""

    rows: tuple[CohortRow, ...]
    labels: dict[str, LabelCount]
    left_out: LeftOut

    @property
    def cases(self) -> int:
        return len({row.case_id for row in self.rows})


def make_cohort(
    tables: Sequence[ClinicalTable],
    rules: Sequence[LabelRule],
    *,
    slides: Iterable[Path] = (),
    features: Iterable[Path] = (),
    choices: TcgaChoices | None = None,
) -> ClinicalCohort:
    """Joins files with the rows of their cases.

    Where ids are TCGA barcodes, the tissue source site becomes the column ``site``, unless a rule
    fills it.

    Args:
        slides, features: files; those of one stem make one row, unless two could be its slide.
        choices: of barcodes alone.

    Raises:
        CohortError: a rule cannot be filled, ids are of two sorts, or no file belongs to a row.
    """
    check_rules(rules, tables)
    left_out = LeftOut()
    slide_of, features_of = (_by_stem(files, left_out) for files in (slides, features))
    for stem in slide_of:  # of x.ome.tif TRIDENT writes x.h5
        plain = stem.removesuffix(".ome")
        if stem not in features_of and plain in features_of and plain not in slide_of:
            features_of[stem] = features_of.pop(plain)
    stems = sorted({*slide_of, *features_of})
    join = join_of(tables, choices or TcgaChoices())
    of_case: dict[str, list[str]] = defaultdict(list)
    for stem in stems:
        case = join.case_of(stem, left_out)
        if case is not None:
            of_case[case].append(stem)
    if not of_case:
        raise _nothing_joined(tables[0], stems, left_out)
    left_out.without_files = join.without(of_case)
    counts = {rule.name: LabelCount(rule.column) for rule in rules}
    rows = []
    for case, files in sorted(of_case.items()):
        labels, patient = _labels(join, case, rules, counts), join.patient(case)
        for stem in files:
            row = CohortRow(case, patient, slide_of.get(stem), features_of.get(stem), labels)
            rows.append(row)
    return ClinicalCohort(tuple(rows), counts, left_out)


def _labels(
    join: Join, case: str, rules: Sequence[LabelRule], counts: dict[str, LabelCount]
) -> dict[str, str]:
    site, stated = join.site(case), join.rows_of(case)
    labels = {} if site is None else {SITE: site}
    return labels | {rule.name: counts[rule.name].label(rule, case, stated) for rule in rules}


def write_cohort(path: Path, cohort: ClinicalCohort) -> None:
    """Writes the table that :func:`momkd_core.cohort.read_cohort` reads, with paths relative to it.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = path.parent.resolve()  # from a linked folder ".." leads elsewhere
    rows = [
        {
            "case_id": row.case_id,
            "patient_id": row.patient_id,
            "slide": _relative(row.slide, folder),
            "features": _relative(row.features, folder),
            **row.labels,
        }
        for row in cohort.rows
    ]
    files = [name for name in ("slide", "features") if any(row[name] for row in rows)]
    write_table(path, ["case_id", "patient_id", *files, *cohort.rows[0].labels], rows)


def _relative(file: Path | None, folder: Path) -> str:
    if file is None:
        return ""
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return str(file.absolute())


def _nothing_joined(table: ClinicalTable, stems: list[str], left_out: LeftOut) -> CohortError:
    told = {"sample type": left_out.sample_types, "kind of slide": left_out.kinds}
    parts = [f"{what} {code}: {n}" for what, codes in told.items() for code, n in codes.items()]
    if left_out.repeated:
        parts.append(f"one name for several: {len(left_out.repeated)}")
    why = f"; left out by {', '.join(parts)}" if parts else ""
    return CohortError(
        f"None of {len(stems)} files belongs to a row of {table.name} "
        f"({', '.join(stems[:3]) or 'there are none'}){why}",
        "Names of files begin with the ids; --id, --barcode-level, --sample-type and --kind say "
        "which count",
    )


def _by_stem(files: Iterable[Path], left_out: LeftOut) -> dict[str, Path]:
    """The file of each name; a picture gives way to a slide, and of other two neither is taken."""
    named: dict[str, list[Path]] = defaultdict(list)
    for one in sorted(files):
        named[one.stem].append(one)
    found: dict[str, Path] = {}
    for stem, several in named.items():
        slides = [one for one in several if one.suffix.lower() not in _PICTURES]
        if len(several) == 1 or len(slides) == 1:
            found[stem] = (slides or several)[0]
        left_out.repeated += [str(one) for one in several if one != found.get(stem)]
    return found
