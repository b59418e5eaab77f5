"""``momkd cohort``: a clinical table and a folder of slides become a cohort that other verbs take."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from momkd_core.cli.main import main
from momkd_core.cohort import read_cohort

CLINICAL = (
    "PATIENT_ID\tER_STATUS\nTCGA-A1-A0SB\tPositive\nTCGA-A2-A0CL\tIndeterminate\n"
    "TCGA-A2-A0CM\tNegative\n"
)


def test_clinical_table_to_cohort(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clinical, slides, out = tmp_path / "clinical.txt", tmp_path / "slides", tmp_path / "t" / "c.csv"
    clinical.write_text(CLINICAL)
    for name in (
        "A1-A0SB-01Z-00-DX1",
        "A2-A0CL-01Z-00-DX1",
        "A2-A0CM-01Z-00-DX1",
        "A2-A0CM-11A-01-TS1",
    ):
        slide = slides / f"uuid of {name}" / f"TCGA-{name}.svs"  # as the GDC's client leaves them
        slide.parent.mkdir(parents=True)
        slide.touch()
    verb = ["cohort", str(clinical), "--out", str(out), "--slides", str(slides)]
    assert main([*verb, "--label", "er=ER_STATUS:Positive,Negative"]) == 0
    said = capsys.readouterr().out
    assert "clinical.txt: 3 rows by PATIENT_ID" in said and "3 cases, 3 rows" in said
    assert "er (ER_STATUS): Negative 1, Positive 1\n  left empty: Indeterminate 1" in said
    assert "left out, other samples: 11 1" in said
    cohort = read_cohort(out)
    assert [case.values["er"] for case in cohort.cases] == ["Positive", "", "Negative"]
    assert [case.values["site"] for case in cohort.cases] == ["A1", "A2", "A2"]
    assert all(
        slide.slide is not None and slide.slide.exists()
        for case in cohort.cases
        for slide in case.slides
    )
    assert len(cohort.labelled("er", "Positive")[0]) == 2
    assert main(verb) == 1 and "--overwrite" in capsys.readouterr().err
    again = [*verb, "--label", "er=ER_STATUS:Positive,Negative", "--json", "--overwrite"]
    assert main(again) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["labels"]["er"]["emptied"] == {"Indeterminate": 1} and told["rows"] == 3
    own = clinical.rename(tmp_path / "own.csv")
    linked = tmp_path / "linked.csv"
    linked.symlink_to(own)
    assert main(["cohort", str(own), "--out", str(linked), "--slides", str(slides)]) == 1
    assert "linked.csv is one of the clinical tables" in capsys.readouterr().err
    assert own.read_text() == CLINICAL


def test_it_does_not_wait_for_torch() -> None:
    """Which takes seconds to import."""
    asked = "import sys, momkd_core.clinical_cohort; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--slides", "."], 1, "None of 0 files belongs to a row of clinical.tsv"),
        (["--slides", ".", "--id", "x"], 1, "clinical.tsv has no column 'x'"),
        ([], 1, "A case needs a slide or features"),
        (["--slides", "none"], 1, "none is no folder"),
        (["--features", "clinical.tsv"], 1, "clinical.tsv is no folder"),
        (["--slides", ".", "--label", "e;r=ER"], 2, "'e;r' cannot head a column"),
        (["--slides", ".", "--label", "er"], 2, "'er' is not NAME=COLUMN"),
        (["--slides", ".", "--label", "er=ER:Positive"], 2, "is not NAME=COLUMN"),
        (["--slides", ".", "--label", "slide=ER"], 2, "slide is a column of its own"),
        (["--slides", ".", "--label", "a=X", "--label", "a=Y"], 1, "Two labels have one name"),
    ],
)
def test_what_cannot_be_meant(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clinical.tsv").write_text(CLINICAL)
    try:
        found = main(["cohort", "clinical.tsv", "--out", "c.csv", *arguments])
    except SystemExit as exit_:
        found = int(exit_.code or 0)
    assert found == code and message in capsys.readouterr().err
