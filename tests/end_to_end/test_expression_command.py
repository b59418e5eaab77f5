"""``momkd expression``: a download of the GDC becomes a table that training reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from downloads import write_gdc_download

from momkd_core.cli.main import main
from momkd_core.expression import read_expression

A, NORMAL = "TCGA-A1-A0SB-01A-11R-A144-07", "TCGA-A1-A0SB-11A-31R-A115-07"
B, AGAIN = "TCGA-A2-A0CL-01A-11R-A115-07", "TCGA-A2-A0CL-01B-21R-A115-07"


def test_download_to_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was taken, joined and left out is said, and the table holds exactly that."""
    download = tmp_path / "gdc"
    write_gdc_download(download, {A: 1.0, B: 2.0, AGAIN: 4.0, NORMAL: 50.0})
    out = tmp_path / "expression.csv.gz"
    verb = ["expression", str(download), "--out", str(out)]
    assert main(verb) == 1
    assert "error: 1 cases have several files, TCGA-A2-A0CL" in capsys.readouterr().err
    assert not out.exists()
    assert main([*verb, "--aliquots", "mean"]) == 0
    said = capsys.readouterr().out
    assert "2 cases x 4 genes" in said and "left out: 1 files of sample type 11" in said
    assert "several files: 1 cases (TCGA-A2-A0CL), taken: mean" in said
    table = read_expression(out)
    assert table.case_ids == ("TCGA-A1-A0SB", "TCGA-A2-A0CL")
    assert table.values[:, table.genes.index("ERBB2")].tolist() == [4.0, 12.0]
    assert main([*verb, "--barcode-level", "vial", "--genes", "ensembl", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["cases"], told["genes"], told["files"]) == (3, 5, 3)
    assert told["other_samples"] == {"11": 1} and told["joined"] == {}


def test_a_wrong_ending_is_told_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["expression", str(tmp_path / "none"), "--out", str(tmp_path / "table.xlsx")]) == 1
    assert "error: table.xlsx has no ending of a table. Write .csv" in capsys.readouterr().err
    assert main(["expression", str(tmp_path / "none"), "--out", str(tmp_path / "table.csv")]) == 1
    assert "none does not exist. Check the path." in capsys.readouterr().err
