"""Expression out of folders: vectors of numbers, and STAR counts of the GDC joined by barcode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from downloads import GENES, write_gdc_download, write_star_counts

from momkd_core.barcode import parse_barcode
from momkd_core.errors import ExpressionError
from momkd_core.expression import read_expression, write_expression
from momkd_core.expression_source import open_expression, read_source
from momkd_core.star_counts import StarChoices, StarTable, read_star_counts

A, B = "TCGA-A1-A0SB-01A-11R-A144-07", "TCGA-A2-A0CL-01A-11R-A115-07"
NORMAL, SECOND = "TCGA-A2-A0CL-11A-31R-A115-07", "TCGA-A2-A0CL-01B-21R-A115-07"


def test_barcodes() -> None:
    aliquot = parse_barcode(A)
    assert aliquot is not None and aliquot.slide is None and aliquot.site == "A1"
    assert [aliquot.at("patient"), aliquot.at("sample"), aliquot.at("vial")] == [
        "TCGA-A1-A0SB",
        "TCGA-A1-A0SB-01",
        "TCGA-A1-A0SB-01A",
    ]
    slide = parse_barcode("TCGA-A1-A0SB-01Z-00-DX1.B34C267B-CAAA.svs")
    assert slide is not None and slide.diagnostic and slide.vial == "Z"
    frozen = parse_barcode("TCGA-CR-7395-01A-01-TS1")
    assert frozen is not None and frozen.slide == "TS1" and not frozen.diagnostic
    patient = parse_barcode("TCGA-A1-A0SB")
    assert patient is not None and patient.at("sample") is None
    assert parse_barcode("TCGA-A1-A0SBX") is None and parse_barcode("C3L-00001") is None


@pytest.mark.parametrize("as_json", [False, True])
def test_star_counts_by_symbol(tmp_path: Path, as_json: bool) -> None:
    """Genes of one name are added, unassigned reads and other samples left out, and that is said."""
    write_gdc_download(tmp_path, {B: 2.0, A: 1.0, NORMAL: 50.0}, as_json=as_json)
    found = read_star_counts(tmp_path)
    assert found.table.case_ids == ("TCGA-A1-A0SB", "TCGA-A2-A0CL")
    assert found.table.genes == ("TSPAN6", "PLCXD1", "ERBB2", "Y_RNA")
    np.testing.assert_allclose(found.table.values, [[1, 5, 4, 11], [2, 10, 8, 22]])
    assert (found.files, found.other_samples, found.added_genes) == (2, {"11": 1}, 2)
    np.testing.assert_array_equal(open_expression(tmp_path).values, found.table.values)


def test_counts_by_ensembl_id_and_other_samples(tmp_path: Path) -> None:
    write_gdc_download(tmp_path, {B: 2.0, NORMAL: 50.0})
    choices = StarChoices("unstranded", "ensembl", "sample", ("01", "11"))
    table = read_star_counts(tmp_path, choices).table
    assert table.case_ids == ("TCGA-A2-A0CL-01", "TCGA-A2-A0CL-11")
    assert table.genes[:2] == ("ENSG00000000003", "ENSG00000182378") and len(table.genes) == 5
    np.testing.assert_allclose(table.values[:, 1], [100, 2500])


def test_several_files_of_a_case_are_never_picked_silently(tmp_path: Path) -> None:
    write_gdc_download(tmp_path, {SECOND: 4.0, B: 2.0, A: 1.0})
    with pytest.raises(ExpressionError, match=r"1 cases have several files, TCGA-A2-A0CL\b.*mean"):
        open_expression(tmp_path)
    mean = read_star_counts(tmp_path, StarChoices(aliquots="mean"))
    assert mean.joined == {"TCGA-A2-A0CL": [B[:16], SECOND[:16]]} and mean.files == 3
    assert mean.table.values[1, 0] == 3
    first = read_star_counts(tmp_path, StarChoices(aliquots="first"))
    assert first.table.values[1, 0] == 2 and first.files == 2
    assert len(read_star_counts(tmp_path, StarChoices(level="vial")).table.case_ids) == 3


def test_files_beside_the_sheet(tmp_path: Path) -> None:
    write_gdc_download(tmp_path, {A: 1.0, B: 2.0})
    stray = tmp_path / "x" / "stray.rna_seq.augmented_star_gene_counts.tsv"
    write_star_counts(stray, 3.0)
    next(tmp_path.glob("00000001*/*.tsv")).unlink()
    found = read_star_counts(tmp_path)
    assert found.unlisted == [stray.name] and found.table.case_ids == ("TCGA-A1-A0SB",)
    assert [name[:8] for name in found.absent] == ["00000001"]


def test_other_genes_or_columns_are_refused(tmp_path: Path) -> None:
    write_gdc_download(tmp_path, {A: 1.0, B: 2.0})
    with pytest.raises(ExpressionError, match="a column tpm"):
        read_star_counts(tmp_path, StarChoices("tpm"))
    write_star_counts(next(tmp_path.glob("00000001*/*.tsv")), 1.0, GENES[:-1])
    with pytest.raises(ExpressionError, match="names other genes than 00000000"):
        read_star_counts(tmp_path)
    (tmp_path / "gdc_sample_sheet.2026-11-24.tsv").unlink()
    with pytest.raises(ExpressionError, match="nobody knows whose"):
        read_star_counts(tmp_path)


def test_vectors(tmp_path: Path) -> None:
    for number, case in enumerate(["case-1", "case-2"]):
        np.save(tmp_path / f"{case}.npy", np.arange(3, dtype=np.float32) + number)
    assert open_expression(tmp_path).genes == ("gene_0", "gene_1", "gene_2")
    (tmp_path / "genes.txt").write_text("A\nB\nC\n")
    table = open_expression(tmp_path)
    assert (table.case_ids, table.genes) == (("case-1", "case-2"), ("A", "B", "C"))
    np.testing.assert_array_equal(table.values, [[0, 1, 2], [1, 2, 3]])
    for name in ("t.csv.gz", "t.csv", "t.parquet"):
        write_expression(tmp_path / "out" / name, table)
        again = read_expression(tmp_path / "out" / name)
        assert (again.case_ids, again.genes) == (table.case_ids, table.genes)
        np.testing.assert_array_equal(again.values, table.values)
    with pytest.raises(ExpressionError, match="which the options are about"):
        read_source(tmp_path, StarChoices())


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.arange(4.0), r"1 of 2 files in .* \(case-2.npy: 4\)"),
        (np.ones((1, 3)), r"case-2.npy holds float64 of shape \(1, 3\)"),
        (np.array([1.0, np.inf, 2.0]), "case 'case-2' has an infinite value"),
        (np.array([1, None, 2]), "case-2.npy cannot be read as an array"),
    ],
)
def test_vectors_that_do_not_fit(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "case-1.npy", np.ones(3))
    np.save(tmp_path / "case-2.npy", array)
    with pytest.raises(ExpressionError, match=message):
        open_expression(tmp_path)


def test_genes_that_cannot_be_read(tmp_path: Path) -> None:
    np.save(tmp_path / "case-1.npy", np.ones(2))
    (tmp_path / "genes.txt").write_bytes("Ärger\nB\n".encode("latin-1"))
    with pytest.raises(ExpressionError, match=r"genes.txt of .* cannot be read as UTF-8"):
        open_expression(tmp_path)


def test_other_files_of_a_cart_do_not_matter(tmp_path: Path) -> None:
    """A clinical file is of a patient, and a row that was cut has no sample at all."""
    write_gdc_download(tmp_path, {A: 1.0})
    (sheet,) = tmp_path.glob("gdc_sample_sheet.*.tsv")
    rows = sheet.read_text().splitlines()
    clinical = ["x", "clinical.xml", "Clinical", "Clinical Supplement", "TCGA-BRCA", A[:12], "", ""]
    sheet.write_text("\n".join([rows[0], "\t".join(clinical), *rows[1:]]))
    assert read_star_counts(tmp_path).table.case_ids == (A[:12],)
    cut = "\t".join(rows[1].split("\t")[:4])
    sheet.write_text("\n".join([*rows, cut]))
    with pytest.raises(ExpressionError, match=r"file 2 \(00000000.*'' is no barcode"):
        read_star_counts(tmp_path)


def test_the_kind_of_a_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExpressionError, match=r"mistyped does not exist"):
        read_source(tmp_path / "mistyped", StarChoices())
    with pytest.raises(ExpressionError, match="neither .npy vectors nor"):
        open_expression(tmp_path)
    write_gdc_download(tmp_path, {A: 1.0})
    assert isinstance(read_source(tmp_path), StarTable)
    np.save(tmp_path / "case-1.npy", np.ones(3))
    with pytest.raises(ExpressionError, match="both .npy vectors and"):
        open_expression(tmp_path)
