"""Cohorts of clinical tables: layouts, the join by barcode or name, and what is left out."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from momkd_core.clinical_cohort import ClinicalCohort, make_cohort, write_cohort
from momkd_core.clinical_join import TcgaChoices
from momkd_core.clinical_labels import LabelRule
from momkd_core.clinical_table import ClinicalTable, read_clinical
from momkd_core.cohort import read_cohort
from momkd_core.errors import CohortError

ER = LabelRule("er", "ER", ("Positive", "Negative"))


def table(tmp_path: Path, text: str, name: str = "clinical.tsv") -> ClinicalTable:
    path = tmp_path / name
    path.write_text(text.replace("|", "\t"))
    return read_clinical(path)


def joined(
    tables: ClinicalTable, *names: str, choices: TcgaChoices | None = None
) -> ClinicalCohort:
    return make_cohort([tables], [ER], slides=[Path(name) for name in names], choices=choices)


CBIOPORTAL = (
    "#Patient Identifier|ER Status\n#Patient Identifier|ER Status\n#STRING|STRING\n#1|1\n"
    "PATIENT_ID|ER\nTCGA-A1-A0SB|Positive\nTCGA-A1-A0SD|Equivocal\nTCGA-A2-A0CL|Negative\n"
)
BIOTAB = (
    "bcr_patient_uuid|bcr_patient_barcode|ER\nbcr_patient_uuid|bcr_patient_barcode|er_status\n"
    "CDE_ID:|CDE_ID:2003301|CDE_ID:2957359\nu1|TCGA-A1-A0SB|Positive\n"
    "u2|TCGA-A1-A0SD|[Not Evaluated]\nu3|TCGA-A2-A0CL|Negative\n"
)
#: A row a treatment.
GDC = (
    "project.project_id|cases.submitter_id|ER\nTCGA-BRCA|TCGA-A1-A0SB|Positive\n"
    "TCGA-BRCA|TCGA-A1-A0SB|Positive\nTCGA-BRCA|TCGA-A1-A0SD|'--\nTCGA-BRCA|TCGA-A2-A0CL|Negative\n"
)
#: Normal tissue of a patient has a row of its own.
XENA = (
    "submitter_id.samples|ER\nTCGA-A1-A0SB-01A|Positive\nTCGA-A1-A0SB-11A|\nTCGA-A1-A0SD-01A|\n"
    "TCGA-A2-A0CL-01A|Negative\n"
)


@pytest.mark.parametrize(
    ("text", "emptied"),
    [(CBIOPORTAL, {"Equivocal": 1}), (BIOTAB, {}), (GDC, {}), (XENA, {})],
)
def test_tables_of_each_source(tmp_path: Path, text: str, emptied: dict[str, int]) -> None:
    cohort = joined(
        table(tmp_path, text),
        "TCGA-A1-A0SB-01Z-00-DX1.A.svs", "TCGA-A1-A0SB-01Z-00-DX2.B.svs",
        "TCGA-A1-A0SD-01Z-00-DX1.C.svs", "TCGA-A2-A0CL-01Z-00-DX1.D.svs",
    )  # fmt: skip
    write_cohort(tmp_path / "cohort.csv", cohort)
    read = read_cohort(tmp_path / "cohort.csv")
    found = [
        (one.case_id, len(one.slides), one.values["site"], one.values["er"]) for one in read.cases
    ]
    assert found == [
        ("TCGA-A1-A0SB", 2, "A1", "Positive"),
        ("TCGA-A1-A0SD", 1, "A1", ""),
        ("TCGA-A2-A0CL", 1, "A2", "Negative"),
    ]
    count = cohort.labels["er"]
    assert count.taken == {"Positive": 1, "Negative": 1} and not count.conflicts
    assert (count.emptied, count.missing) == (emptied, 1 - len(emptied))


def test_compressed_tables_and_csv(tmp_path: Path) -> None:
    (tmp_path / "x.tsv.gz").write_bytes(gzip.compress(XENA.replace("|", "\t").encode()))
    assert len(read_clinical(tmp_path / "x.tsv.gz").rows) == 4
    own = table(
        tmp_path, 'sample,ER,note\r\nP1,Positive,"a, ""b"""\r\n\r\nP2,Negative,\r\n', "x.csv"
    )
    assert [(row.line, row.cells["note"]) for row in own.rows] == [(2, 'a, "b"'), (4, "")]


def test_what_is_left_out_of_tcga(tmp_path: Path) -> None:
    names = [
        "TCGA-A1-A0SB-01Z-00-DX1.svs", "TCGA-A1-A0SB-01A-01-TS1.svs",
        "TCGA-A2-A0CL-11A-01-TS1.svs", "TCGA-ZZ-AAAA-01Z-00-DX1.svs", "scan 7.svs",
    ]  # fmt: skip
    cohort = joined(table(tmp_path, CBIOPORTAL), *names)
    assert [row.case_id for row in cohort.rows] == ["TCGA-A1-A0SB"]
    left_out = cohort.left_out
    assert (left_out.sample_types, left_out.kinds) == ({"11": 1}, {"TS1": 1})
    assert left_out.unlisted == ["TCGA-ZZ-AAAA-01Z-00-DX1"] and left_out.unnamed == ["scan 7"]
    assert left_out.without_files == ["TCGA-A1-A0SD", "TCGA-A2-A0CL"]
    with pytest.raises(CohortError, match="left out by sample type 11: 1, kind of slide TS1: 1"):
        joined(table(tmp_path, CBIOPORTAL), *names[1:])
    frozen = TcgaChoices("sample", ("01", "11"), "frozen")
    cohort = joined(table(tmp_path, CBIOPORTAL), *names, choices=frozen)
    assert [row.case_id for row in cohort.rows] == ["TCGA-A1-A0SB-01", "TCGA-A2-A0CL-11"]
    assert {row.patient_id for row in cohort.rows} == {"TCGA-A1-A0SB", "TCGA-A2-A0CL"}
    with pytest.raises(CohortError, match="Diagnostic slides are of vials of their own"):
        joined(table(tmp_path, CBIOPORTAL), *names, choices=TcgaChoices("vial"))


def test_no_value_is_no_label(tmp_path: Path) -> None:
    clinical = table(tmp_path, "PATIENT_ID|ER||\nx|NA|\ny|Positive||\n")  # empty cells at the ends
    rule = LabelRule("er", "ER", ("Positive", "NA"))
    with pytest.raises(CohortError, match="'NA' of label 'er' says that there is no value"):
        make_cohort([clinical], [rule], slides=[Path("x.svs")])


def test_rows_that_disagree_give_no_label(tmp_path: Path) -> None:
    text = "SAMPLE_ID|ER\nTCGA-A1-A0SB-01|Positive\nTCGA-A1-A0SB-01|Negative\n"
    text += "TCGA-A1-A0SB-06|Positive\nTCGA-A2-A0CL-01|Negative\n"
    cohort = joined(
        table(tmp_path, text), "TCGA-A1-A0SB-01Z-00-DX1.svs", "TCGA-A2-A0CL-01Z-00-DX1.svs"
    )
    assert cohort.labels["er"].conflicts == {"TCGA-A1-A0SB": ["Negative", "Positive"]}
    assert [row.labels["er"] for row in cohort.rows] == ["", "Negative"]


def test_other_ids_join_by_name(tmp_path: Path) -> None:
    """A file is of the id that it begins with; one that could be of two is of neither."""
    text = "PATIENT_ID|SAMPLE_ID|ER\np1|a|Positive\np1|b|Negative\np2|a-1|Negative\n"
    cohort = make_cohort(
        [table(tmp_path, text)], [ER],
        slides=[Path(name) for name in ("a.svs", "b_HE.svs", "a-1-x.svs", "ab.svs")],
        features=[Path("a.h5")],
    )  # fmt: skip
    rows = [(row.case_id, row.patient_id, row.slide, row.features) for row in cohort.rows]
    assert rows == [
        ("a", "p1", Path("a.svs"), Path("a.h5")),
        ("b", "p1", Path("b_HE.svs"), None),
    ]
    assert cohort.left_out.ambiguous == ["a-1-x"] and cohort.left_out.unlisted == ["ab"]
    assert cohort.left_out.without_files == ["a-1"] and "site" not in cohort.rows[0].labels


@pytest.mark.parametrize("column", ["PATIENT_ID", "Patient ID", "patient_id"])
def test_samples_of_one_patient_stay_together(tmp_path: Path, column: str) -> None:
    """Whichever table or row says whose they are: folds go by it."""
    samples = table(tmp_path, f"{column}|SAMPLE_ID\nP1|S1\n|S1\n|S2\nP1|S2\nP2|S3\n", "samples.txt")
    labels = table(tmp_path, "SAMPLE_ID|ER\nS1|Positive\nS2|Negative\nS3|Positive\n", "labels.csv")
    slides = [Path(f"S{number}.svs") for number in (1, 2, 3)]
    for tables in ([labels, samples], [samples, labels]):
        cohort = make_cohort(tables, [ER], slides=slides)
        assert [row.patient_id for row in cohort.rows] == ["P1", "P1", "P2"]
    other = table(tmp_path, f"SAMPLE_ID|{column}\nS1|P9\n", "other.txt")
    with pytest.raises(
        CohortError, match=r"'S1' is of patient 'P1' in samples.txt line 2, and of 'P9'"
    ):
        make_cohort([labels, samples, other], [ER], slides=slides)


def test_one_row_may_name_its_patient_twice(tmp_path: Path) -> None:
    """As the study and as a database call it; the first of the known columns counts."""
    text = "SAMPLE_ID|patient_id|PATIENT_ID|ER\nS1|uuid-1|P1|Positive\nS2|uuid-2|P1|Negative\n"
    assert {row.patient_id for row in joined(table(tmp_path, text), "S1.svs", "S2.svs").rows} == {
        "P1"
    }


def test_features_of_an_ome_tiff_are_of_its_slide(tmp_path: Path) -> None:
    tables = [table(tmp_path, "PATIENT_ID|ER\nP1|Positive\nP2|Negative\n")]
    slides, features = [Path("P1.ome.tif"), Path("P2.svs")], [Path("P1.h5"), Path("P2.h5")]
    found = make_cohort(tables, [ER], slides=slides, features=features).rows
    assert [(str(row.slide), str(row.features)) for row in found] == [
        ("P1.ome.tif", "P1.h5"),
        ("P2.svs", "P2.h5"),
    ]


def test_labels_by_patient_and_slides_by_sample(tmp_path: Path) -> None:
    """Both tables of a cBioPortal study whose ids are no barcodes."""
    patients = table(tmp_path, "PATIENT_ID|ER\nP1|Positive\nP2|Negative\nP3|Negative\n", "p.txt")
    samples = table(
        tmp_path, "PATIENT_ID|SAMPLE_ID|SITE\nP1|P1-a|x\nP1|P1-b|y\nP2|P2-a|x\n", "s.txt"
    )
    slides = [Path(f"{name}.svs") for name in ("P1-a", "P1-b", "P2-a")]
    cohort = make_cohort([patients, samples], [ER], slides=slides)
    found = [(row.case_id, row.patient_id, row.labels["er"]) for row in cohort.rows]
    assert found == [
        ("P1-a", "P1", "Positive"),
        ("P1-b", "P1", "Positive"),
        ("P2-a", "P2", "Negative"),
    ]
    assert cohort.left_out.without_files == ["P3"]
    alone = table(tmp_path, "SAMPLE_ID|SITE\nP1-a|x\n", "a.txt")
    with pytest.raises(CohortError, match="ids are of 2 sorts: PATIENT_ID, SAMPLE_ID"):
        make_cohort([patients, alone], [ER], slides=slides)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    """A thumbnail or mask is never the slide, and nothing is chosen between two slides."""
    text = "PATIENT_ID|ER\nP1|Positive\nP2|Negative\nP3|Negative\nP4|Positive\n"
    names = "P1.jpg P1.svs masks/P2.png P2.svs P3.svs x/P3.svs P4.png".split()
    cohort = joined(table(tmp_path, text), *names)
    assert [str(row.slide) for row in cohort.rows] == ["P1.svs", "P2.svs", "P4.png"]
    assert cohort.left_out.repeated == ["P1.jpg", "masks/P2.png", "P3.svs", "x/P3.svs"]
    assert cohort.left_out.without_files == ["P3"]
    with pytest.raises(CohortError, match="left out by one name for several: 2"):
        joined(table(tmp_path, text), "P3.svs", "x/P3.svs")


def test_paths_lead_to_their_files_through_a_linked_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "deep")
    (tmp_path / "x.svs").touch()
    cohort = joined(table(tmp_path, "PATIENT_ID|ER\nx|Positive\ny|Negative\n"), "x.svs")
    (row,) = cohort.rows
    there = replace(cohort, rows=(replace(row, slide=tmp_path / "x.svs"),))
    write_cohort(tmp_path / "link" / "c.csv", there)
    (case,) = read_cohort(tmp_path / "link" / "c.csv").cases
    assert case.slides[0].slide is not None and case.slides[0].slide.exists()


def test_a_patient_table_beside_a_sample_table(tmp_path: Path) -> None:
    patients = table(tmp_path, CBIOPORTAL, "patient.txt")
    samples = table(
        tmp_path, "PATIENT_ID|SAMPLE_ID|SUBTYPE\nTCGA-A1-A0SB|TCGA-A1-A0SB-01|LumA\n", "sample.txt"
    )
    rules = [ER, LabelRule("subtype", "SUBTYPE")]
    slides = [Path("TCGA-A1-A0SB-01Z-00-DX1.svs"), Path("TCGA-A2-A0CL-01Z-00-DX1.svs")]
    cohort = make_cohort([patients, samples], rules, slides=slides)
    assert [row.labels["subtype"] for row in cohort.rows] == ["LumA", ""]
    assert [row.labels["er"] for row in cohort.rows] == ["Positive", "Negative"]
    with pytest.raises(CohortError, match=r"'ER' is in patient.txt and in patient.txt"):
        make_cohort([patients, patients], [ER], slides=slides)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"has no column of ids"),
        ("name|ER\nx|Positive\n", "has no column of ids that is known.*--id which column"),
        ("PATIENT_ID|ER\n", "holds no row"),
        ("PATIENT_ID|ER\nx|Positive\n|Negative\n", "line 3 has nothing in 'PATIENT_ID'"),
        ("#c\nPATIENT_ID|ER\nx|Positive|1\n", "line 3 has 3 cells for 2 columns"),
        ("PATIENT_ID|PR|ER\nx|1\n", "line 2 has 2 cells for 3 columns"),
        ("PATIENT_ID|PATIENT_ID\nx|y\n", "two columns 'PATIENT_ID'"),
        ("PATIENT_ID|PR\nx|Positive\n", "no column 'ER'"),
        ("PATIENT_ID|ER\nx|positive\n", r"never has the value 'Positive' \(it has: 'positive' \(1\)\)"),
        ("PATIENT_ID|ER\nTCGA-A1-A0SB|Positive\nx|Negative\n", "line 3: 'x' is no TCGA barcode"),
        ("PATIENT_ID|ER\na/b|Positive\nx|Negative\n", "line 2: 'a/b' cannot be a file name"),
        ("PATIENT_ID|ER\ny|Positive\nz|Negative\n", r"None of 1 files belongs to a row of .*\(x\)"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CohortError, match=message):
        joined(table(tmp_path, text), "x.svs")


def test_tables_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="does not exist"):
        read_clinical(tmp_path / "none.tsv")
    (tmp_path / "x.tsv").write_bytes(b"PATIENT_ID\tER\n\xff\xfe\tPositive\n")
    (tmp_path / "x.tsv.gz").write_bytes(gzip.compress(b"PATIENT_ID\n" * 99)[:-9])
    for name in ("x.tsv", "x.tsv.gz"):
        with pytest.raises(CohortError, match=f"{name} cannot be read as UTF-8"):
            read_clinical(tmp_path / name)
