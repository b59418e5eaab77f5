"""``momkd train --splits``: folds as CLAM and the paper's authors write them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from synthetic import TINY, write_feature_cohort

from momkd_core.cli.main import main
from momkd_core.cohort import read_cohort
from momkd_core.errors import CohortError, LeakageError
from momkd_core.split_tables import read_split_tables, splits_of


def write_table(path: Path, train: list[str], val: list[str], test: list[str]) -> Path:
    """As CLAM's ``save_splits`` does: pandas, with its index as a column without a name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [pd.Series(part, dtype=object) for part in (train, val, test)]
    frame = pd.concat(columns, ignore_index=True, axis=1)
    frame.columns = ["train", "val", "test"]
    frame.to_csv(path)
    return path


def write_cohort(folder: Path) -> Path:
    """Cases a to h, one slide each but h's two; the patient of a is that of b."""
    rows = [
        f"{c},p{'a' if c == 'b' else c},{c}_1.svs,{'low' if c in 'bdf' else 'high'}"
        for c in "abcdefgh"
    ]
    table = folder / "cohort.csv"
    table.write_text("\n".join(["case_id,patient_id,slide,grade", *rows, "h,ph,h_2.svs,high"]))
    return table


LABELS = {case: int(case not in "bdf") for case in "abcdefgh"}


def test_names_of_slides_and_cases_become_cases(tmp_path: Path) -> None:
    cohort = read_cohort(write_cohort(tmp_path))
    write_table(
        tmp_path / "s" / "splits_0.csv", ["a_1.svs", "b_1", "h_1", "h_2"], ["c", "d"], ["e", "f"]
    )
    write_table(tmp_path / "s" / "splits_1.csv", ["e", "f"], ["c", "d"], ["h", "b_1.h5"])
    (tmp_path / "s" / "splits_0_bool.csv").write_text(",train,val,test\na_1,True,False,False\n")
    (tmp_path / "s" / "splits_0_descriptor.csv").write_text(",train,val,test\nlow,1,1,1\n")
    splits, told = splits_of(read_split_tables(tmp_path / "s"), cohort, LABELS)
    assert [s.train for s in splits] == [("a", "b", "h"), ("e", "f")]
    assert splits[1].validation == ("c", "d") and splits[1].test == ("h", "b")
    assert told == [
        "1 of 8 cases are in no split table and are left out (the first is g)",
    ]
    one = read_split_tables(tmp_path / "s" / "splits_1.csv")
    unlabelled = {case: label for case, label in LABELS.items() if case != "h"}
    with pytest.raises(
        CohortError, match=r"The test part of splits_1\.csv would have .* one label"
    ):
        splits_of(one, cohort, unlabelled)


def test_cases_tested_twice_are_counted(tmp_path: Path) -> None:
    for fold in (0, 1):
        write_table(tmp_path / f"splits_{fold}.csv", ["a", "b"], ["c", "d"], ["e", "f", "g", "h"])
    cohort = read_cohort(write_cohort(tmp_path))
    _, told = splits_of(read_split_tables(tmp_path), cohort, LABELS)
    assert len(told) == 1 and told[0].startswith("4 cases are tested in several folds")


@pytest.mark.parametrize(
    ("train", "test", "error", "message"),
    [
        (
            ["a", "d"],
            ["b", "e"],
            LeakageError,
            r"1 patients on two sides .*pa: a in train, b in test",
        ),
        (["h_1", "d"], ["h_2", "f"], LeakageError, r"ph: h in train, h in test"),
        (["a", "b", "x", "y"], ["e", "f"], CohortError, r"2 of 4 names are neither .*: x, y"),
        (["a", "b"], [], CohortError, "no name in column 'test'"),
    ],
)
def test_folds_that_cannot_be_used(
    tmp_path: Path, train: list[str], test: list[str], error: type[Exception], message: str
) -> None:
    write_table(tmp_path / "splits_0.csv", train, ["c", "d"][: 1 + ("d" not in train)], test)
    with pytest.raises(error, match=message):
        splits_of(read_split_tables(tmp_path), read_cohort(write_cohort(tmp_path)), LABELS)


def test_files_that_are_no_folds(tmp_path: Path) -> None:
    boolean = tmp_path / "splits_0_bool.csv"
    boolean.write_text(",train,val,test\na,True,False,False\nb,False,True,True\n")
    with pytest.raises(CohortError, match=r"splits_0_bool\.csv is the table of marks"):
        read_split_tables(boolean)
    (tmp_path / "renamed.csv").write_text(boolean.read_text())
    with pytest.raises(CohortError, match=r"renamed\.csv has marks instead of names"):
        read_split_tables(tmp_path / "renamed.csv")
    with pytest.raises(CohortError, match="holds no split tables"):
        read_split_tables(tmp_path)
    with pytest.raises(CohortError, match="cannot be read as CSV"):
        read_split_tables(tmp_path / "none.csv")
    (tmp_path / "splits_1.csv").write_text("train,val\na,b\n")
    with pytest.raises(CohortError, match=r"up to 1, but no splits_0\.csv"):
        read_split_tables(tmp_path)
    for content in ("train,val\na,b\n", "", "train,val,test,test\na,b,c,d\n"):
        (tmp_path / "splits_1.csv").write_text(content)
        with pytest.raises(CohortError, match="needs one column 'test'|needs one column 'train'"):
            read_split_tables(tmp_path / "splits_1.csv")
    (tmp_path / "splits_1.csv").write_bytes(b"\xff\xfe\x00train")
    with pytest.raises(CohortError, match="cannot be read as CSV"):
        read_split_tables(tmp_path / "splits_1.csv")


def test_training_on_given_folds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_feature_cohort(tmp_path)
    by_patient: dict[str, list[str]] = {}
    for case in read_cohort(table).cases:
        by_patient.setdefault(case.patient_id, []).append(case.case_id)
    patients = list(by_patient.values())
    thirds = [[case for cases in patients[i::3] for case in cases] for i in range(3)]
    folds = [(thirds[(k + 2) % 3], thirds[(k + 1) % 3], thirds[k]) for k in (0, 1)]
    for number, fold in enumerate(folds):
        write_table(tmp_path / "splits" / f"splits_{number}.csv", *fold)
    out = tmp_path / "run"
    arguments = [
        "train",
        str(table),
        "--expression",
        str(tmp_path / "expression.csv"),
        "--out",
        str(out),
    ]
    tiny = [part for part in TINY if part not in ("--folds", "3")]
    arguments += [*tiny, "--epochs", "1", "--splits", str(tmp_path / "splits")]

    assert main(arguments) == 0
    for number, fold in enumerate(folds):
        found = json.loads((out / "folds" / str(number) / "split.json").read_text())
        assert found == dict(zip(("train", "validation", "test"), fold, strict=True))
    record = json.loads((out / "run.json").read_text())
    assert record["folds"] == 2 and len(record["splits"]) == 2 and record["splits_sha256"]
    assert not (out / "folds" / "2").exists()

    write_table(tmp_path / "splits" / "splits_0.csv", *folds[1])
    assert main(arguments) == 1
    assert "it differs in: the given folds (splits_sha256)" in capsys.readouterr().err
    assert main([*arguments, "--group", "site", "--out", str(tmp_path / "other")]) == 1
    assert "Leave out --splits or --group" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*arguments, "--folds", "3"])
    assert "not allowed with argument" in capsys.readouterr().err
