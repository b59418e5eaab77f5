"""``momkd verdicts``: what it lists, writes and compares."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from reviewing import MODEL, verdict

from momkd_core import load_model
from momkd_core.cli.main import main
from momkd_core.review import Subject, open_review, review_file


def test_verdicts_are_listed_saved_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "review.sqlite"
    monkeypatch.setenv("MOMKD_REVIEW", str(place))
    assert review_file() == str(place)
    assert main(["verdicts"]) == 1
    assert "does not exist" in capsys.readouterr().err
    cases = [Subject("positive", 3, f"A-{i}") for i in range(4)]
    with open_review() as review:
        for case, anna, bob in zip(cases, ["fat"] * 2 + ["tumour"] * 2, ["fat"] * 4, strict=True):
            review.record(verdict(case, term=anna, blinded=True))
            review.record(verdict(case, "Bob", term=bob, note="seen\ntwice"))
        review.undo("Bob", MODEL, cases[3])
    assert main(["verdicts"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "model aaaaaaaaaaaa" and len(lines) == 8
    assert "Bob: positive 3 in case A-0  fat  seen twice" in lines[2]
    table = tmp_path / "verdicts.csv"
    assert main(["verdicts", "--history", "--csv", str(table), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 9 and rows[8]["withdrawn"] and rows[8]["undoes"] == 8
    with table.open(newline="") as stream:
        assert [row["note"] for row in csv.DictReader(stream)][1] == "seen\ntwice"
    assert main(["verdicts", "--agreement"]) == 0
    said = capsys.readouterr().out
    assert "term: 7 answers, 4 of them blinded" in said
    assert "positive  3  kappa 0.00 (cohen, 2 reviewers, n = 3)" in said
    assert "positive 3 in case A-2  0% of pairs agree (Anna tumour, Bob fat)" in said
    assert "no kappa: fewer than two reviewers answered" in said
    assert main(["verdicts", "--agreement", "--json"]) == 0
    term, credible = json.loads(capsys.readouterr().out)[MODEL]
    assert term["overall"]["n"] == 3 and credible["overall"]["kappa"] is None


def test_the_verdicts_on_one_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model_path = Path(__file__).parents[2] / "resources" / "demo" / "her2.safetensors"
    place = str(tmp_path / "review.sqlite")
    with open_review(place) as review:
        review.record(verdict())
        on_it = review.record(verdict(model=load_model(model_path).sha256))
    arguments = ["verdicts", "--review", place, "--model", str(model_path), "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == [on_it.as_json()]
