"""Cohort tables: what is read, and which rows are refused, by line number."""

from __future__ import annotations

from pathlib import Path

import pytest

from momkd_core.cohort import read_cohort
from momkd_core.errors import CohortError


def table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "cohort.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_cases_with_several_slides(tmp_path: Path) -> None:
    cohort = read_cohort(
        table(
            tmp_path,
            "case_id,patient_id,slide,mpp,her2\n"
            "a,p,x/1.svs,0.25,positive\na,p,x/2.svs,,positive\nb,,3.svs,,NA\n",
        )
    )
    first, second = cohort.cases
    assert [slide.mpp for slide in first.slides] == [0.25, None]
    assert first.slides[0].slide == tmp_path / "x" / "1.svs"
    assert (second.patient_id, second.values["her2"]) == ("b", "")


def test_spreadsheet_exports(tmp_path: Path) -> None:
    """A byte-order mark, semicolons, Windows line ends and decimal commas."""
    text = "case_id;slide;mpp\r\na;1.svs;0,25\r\n"
    cohort = read_cohort(table(tmp_path, text, "utf-8-sig"))
    assert cohort.cases[0].slides[0].mpp == 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'case_id'"),
        ("id,slide\na,1.svs\n", "no column 'case_id'"),
        ("case_id,label\na,x\n", "neither a column 'slide' nor 'features'"),
        ("case_id,slide\n", "holds no case"),
        ("case_id,slide\na,1.svs\n,2.svs\n", "line 3 has no case_id"),
        ("case_id,slide\na,1.svs,x\n", "line 2 has 3 cells for 2 columns"),
        ("case_id,slide\na,\n", "line 2: neither slide nor features"),
        ("case_id,slide,mpp\na,1.svs,0\n", "line 2: mpp '0' is not a positive number"),
        ("case_id,slide,mpp\na,1.svs,inf\n", "line 2: mpp 'inf'"),
        ("case_id,slide,slide\na,1,2\n", "two columns 'slide'"),
        ("case_id,slide,y\na,1.svs,p\na,2.svs,n\n", "lines 2 and 3: case 'a' has two values"),
        ("case_id,slide\n../a,1.svs\n", "cannot be a file name"),
    ],
)
def test_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CohortError, match=message):
        read_cohort(table(tmp_path, text))


def test_quoted_cells_may_hold_line_breaks(tmp_path: Path) -> None:
    cohort = read_cohort(
        table(tmp_path, 'case_id,slide,note\na,1.svs,"two\nlines\u2028and more"\nb,2.svs,x\n')
    )
    assert cohort.cases[0].values["note"] == "two\nlines\u2028and more"
    assert cohort.cases[1].slides[0].line == 4


def test_two_slides_may_not_share_features(tmp_path: Path) -> None:
    cohort = read_cohort(table(tmp_path, "case_id,slide\na,x/1.svs\nb,y/1.svs\n"))
    with pytest.raises(CohortError, match="lines 2 and 3 both take their features from 1.h5"):
        cohort.check_distinct(tmp_path)


def test_two_slides_of_one_name_are_refused(tmp_path: Path) -> None:
    cohort = read_cohort(table(tmp_path, "case_id,slide\na,x/1.svs\nb,y/1.svs\n"))
    with pytest.raises(CohortError, match="lines 2 and 3 both name a slide '1'"):
        cohort.jobs(tmp_path)


LABELS = "case_id,slide,y\na,1.s,pos\nb,2.s,neg\nc,3.s,equivocal\nd,4.s,\n"


def test_labels(tmp_path: Path) -> None:
    cohort = read_cohort(table(tmp_path, LABELS))
    cases, labels, negative = cohort.labelled("y", "pos", "neg")
    assert [case.case_id for case in cases] == ["a", "b"]
    assert (labels, negative) == ([1, 0], "neg")
    for arguments, message in (
        (("y", "pos"), "2 values beside 'pos': equivocal, neg"),
        (("y", "Pos"), "never has the positive value 'Pos'"),
        (("y", "pos", "other"), "never has the negative value"),
        (("z", "pos"), "no column 'z'"),
    ):
        with pytest.raises(CohortError, match=message):
            cohort.labelled(*arguments)
