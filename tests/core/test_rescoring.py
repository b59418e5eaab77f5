"""A cohort under two sets of muted components, compared with what each prediction says alone."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from momkd_core import load_model, predict, read_features, rescoring
from momkd_core.checkpoint import Model
from momkd_core.cli.main import main
from momkd_core.cohort import Cohort, cohort_of_slides, read_cohort
from momkd_core.cohort_case import Case
from momkd_core.cohort_change import CaseChange, focus_difference
from momkd_core.encoded_cases import EncodedCases
from momkd_core.errors import Cancelled, SettingsError
from momkd_core.evaluation import bootstrap_auc_difference, bootstrap_mean
from momkd_core.features import write_features
from momkd_core.prediction import EncodedSlide
from momkd_core.progress import CancelToken
from momkd_core.rescoring import rescore

MUTED = {"positive": [0, 1], "negative": [2]}


@pytest.fixture
def model(model_path: Path, features_folder: Path) -> Model:
    """A model whose threshold lies where muting moves a case across it."""
    found = load_model(model_path)
    said = [
        [predict(found, path, muted=muted).probability for muted in ({}, MUTED)]
        for path in sorted(features_folder.glob("*.h5"))
    ]
    most = max(said, key=lambda pair: abs(pair[1] - pair[0]))
    card = found.card.model_copy(update={"threshold": float(np.mean(most))})
    return replace(found, members=(replace(found.members[0], card=card),))


def with_values(cohort: Cohort, value: Callable[[Case], dict[str, str]]) -> Cohort:
    cases = tuple(replace(case, values={**case.values, **value(case)}) for case in cohort.cases)
    return replace(cohort, cases=cases)


def test_every_case_before_and_after(
    model: Model, cohort_path: Path, features_folder: Path
) -> None:
    cohort = read_cohort(cohort_path)
    found = rescore(model, cohort, MUTED, features_folder=features_folder)
    assert (found.muted_before, found.muted_after) == ({}, MUTED)
    assert not found.failures and len(found.cases) == 12
    for case in found.cases:
        path = features_folder / f"{case.case_id}.h5"
        before, after = predict(model, path), predict(model, path, muted=MUTED)
        assert case.probability_before == before.probability
        assert case.probability_after == after.probability
        assert case.background_focus_before == before.background_focus
        assert case.background_focus_after == after.background_focus
        assert case.flipped == (before.predicted != after.predicted)
        if case.flipped:
            assert case.became == ("right" if after.predicted == case.label else "wrong")
        else:
            assert case.became is None
    assert found.flipped, "else this shows nothing"
    labels = [case.label == "high" for case in found.cases]
    first = roc_auc_score(labels, [case.probability_before for case in found.cases])
    second = roc_auc_score(labels, [case.probability_after for case in found.cases])
    assert (found.auc.before, found.auc.after) == (first, second)
    assert found.auc.difference == second - first
    assert found.auc.low is not None and found.auc.high is not None
    assert found.auc.low <= second - first <= found.auc.high
    assert found.background_focus.cases == 12
    assert "were trained on" in found.warnings[0]
    back = rescore(model, cohort, {}, before=MUTED, features_folder=features_folder)
    assert [c.probability_after for c in back.cases] == [c.probability_before for c in found.cases]


def _aucs(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R,) of (R, 80) scores, of which the last 40 are of the positive class: the share of pairs."""
    pairs = scores[:, None, 40:] > scores[:, :40, None]
    return pairs.mean(axis=(1, 2))


def test_intervals_are_those_of_a_plain_bootstrap_over_patients() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1], 40)
    before = random.normal(labels * 0.8, 1)
    after = before + random.normal(labels * 0.3, 0.3)
    found = bootstrap_auc_difference(labels, before, after)
    drawn = np.concatenate(
        [random.integers(0, 40, (4000, 40)), random.integers(40, 80, (4000, 40))], axis=1
    )
    plain = _aucs(after[drawn]) - _aucs(before[drawn])
    low, high = np.percentile(plain, [2.5, 97.5])
    assert found["low"] == pytest.approx(low, abs=0.01)
    assert found["high"] == pytest.approx(high, abs=0.01)
    # Two cases a patient, both the same: the interval is that of the patients, not of the cases.
    twice = [str(i) for i in range(80)] * 2
    doubled = bootstrap_auc_difference(*(np.tile(v, 2) for v in (labels, before, after)), twice)
    assert found["low"] == pytest.approx(doubled["low"], abs=0.01)
    mean = bootstrap_mean(before)
    half = 1.96 * before.std(ddof=1) / np.sqrt(80)
    assert mean["low"] == pytest.approx(before.mean() - half, abs=0.03)
    assert mean["high"] == pytest.approx(before.mean() + half, abs=0.03)


@pytest.mark.parametrize(
    ("values", "reason", "known"),
    [
        (lambda case: {"grade": ""}, "no case has a grade label", False),
        (lambda case: {"grade": "medium"}, "no case has a grade label", False),
        (lambda case: {"grade": "high"}, "all cases with a label are high", False),
        (
            lambda case: {"grade": {"case_00": "high", "case_01": "low"}.get(case.case_id, "")},
            "one patient alone",
            True,
        ),
    ],
)
def test_what_is_not_known_is_said(
    model: Model,
    cohort_path: Path,
    features_folder: Path,
    values: Callable[[Case], dict[str, str]],
    reason: str,
    known: bool,
) -> None:
    cohort = with_values(read_cohort(cohort_path), values)
    found = rescore(model, cohort, MUTED, features_folder=features_folder)
    assert reason in found.auc.reason and found.auc.low is None
    assert (found.auc.difference is not None) == known
    assert len(found.cases) == 12 and all(c.became is None for c in found.cases if not c.label)


def test_a_folder_has_no_labels_and_features_may_know_no_glass(
    model: Model, cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    for path in sorted(features_folder.glob("*.h5"))[:2]:
        write_features(tmp_path / path.name, replace(read_features(path), tissue_fraction=None))
    cohort = cohort_of_slides(cohort_path.parent / "slides")
    gone = [  # else their tissue would be taken from the slides
        replace(one, slides=tuple(replace(s, slide=tmp_path / f"{s.stem}.tif") for s in one.slides))
        for one in cohort.cases[:2]
    ]
    cohort = replace(cohort, cases=tuple(gone))
    found = rescore(model, cohort, MUTED, features_folder=tmp_path)
    assert "no column 'grade'" in found.auc.reason and found.auc.cases == 0
    assert found.background_focus.difference is None
    assert found.background_focus.reason == "no tissue fractions are known"
    assert all(case.background_focus_after is None for case in found.cases)
    lone = CaseChange("c", "p", None, 0.1, 0.2, "low", "low", 0.25, 0.5, 9.0, 4.0)
    alone = focus_difference([lone])
    assert (alone.difference, alone.low) == (0.25, None) and "one patient" in alone.reason


def test_a_second_set_encodes_nothing_again(
    model: Model,
    cohort_path: Path,
    features_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded_names: list[str] = []
    real = rescoring.encode

    def counting(*args: object, **named: object) -> EncodedSlide:
        encoded_names.append(str(named["name"]))
        return real(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(rescoring, "encode", counting)
    folder = tmp_path / "features"
    shutil.copytree(features_folder, folder)
    cohort, kept = read_cohort(cohort_path), EncodedCases()
    plain = rescore(model, cohort, MUTED, features_folder=folder)
    assert len(encoded_names) == 12
    encoded_names.clear()
    first = rescore(model, cohort, MUTED, features_folder=folder, encoded=kept)
    assert first == plain and len(encoded_names) == len(kept) == 12
    again = rescore(model, cohort, MUTED, features_folder=folder, encoded=kept)
    assert again == plain and len(encoded_names) == 12
    # Features that were made anew are read anew.
    bag = read_features(folder / "case_03.h5")
    write_features(folder / "case_03.h5", replace(bag, features=bag.features[::-1].copy()))
    changed = rescore(model, cohort, MUTED, features_folder=folder, encoded=kept)
    assert encoded_names[12:] == ["case_03"]
    assert changed.cases[3] != plain.cases[3] and changed.cases[4] == plain.cases[4]
    # Within half the bytes, half the slides are kept, again and again.
    small = EncodedCases(budget=kept.bytes_held // 2)
    for wanted in (12, 7):
        encoded_names.clear()
        rescore(model, cohort, MUTED, features_folder=folder, encoded=small)
        assert small.bytes_held <= kept.bytes_held // 2
        assert wanted - 1 <= len(encoded_names) <= wanted
    # Another model's slides make room.
    other = replace(model, members=(replace(model.members[0], sha256="another"),))
    rescore(other, cohort, MUTED, features_folder=folder, encoded=small)
    encoded_names.clear()
    rescore(other, cohort, MUTED, features_folder=folder, encoded=small)
    assert len(encoded_names) <= 7
    small.clear()
    assert len(small) == small.bytes_held == 0


def test_one_bad_case_stops_nothing_a_bad_request_starts_nothing(
    model: Model, run_folder: Path, cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "features"
    shutil.copytree(features_folder, folder)
    (folder / "case_02.h5").write_text("damaged")
    (folder / "case_05.h5").unlink()
    cohort = read_cohort(cohort_path)
    found = rescore(model, cohort, MUTED, features_folder=folder)
    assert [failure.case_id for failure in found.failures] == ["case_02", "case_05"]
    assert len(found.cases) == 10 and found.auc.cases == 10
    nowhere = tmp_path / "nothing"
    for muted in ({"positive": [0, 1, 2, 3]}, {"positive": [7]}):
        with pytest.raises(SettingsError):
            rescore(model, cohort, muted, features_folder=nowhere)
        with pytest.raises(SettingsError):
            rescore(model, cohort, {}, before=muted, features_folder=nowhere)
    with pytest.raises(SettingsError, match="mean of several folds"):
        rescore(load_model(run_folder), cohort, {}, features_folder=nowhere)
    token = CancelToken()

    def stop_at(done: int, total: int, what: str) -> None:
        if done == 3:
            token.cancel()

    with pytest.raises(Cancelled):
        rescore(model, cohort, MUTED, features_folder=folder, report=stop_at, cancel=token)


def test_a_case_of_several_slides_is_their_mean(
    model: Model, cohort_path: Path, features_folder: Path
) -> None:
    cohort = read_cohort(cohort_path)
    both = replace(cohort.cases[0], slides=cohort.cases[0].slides + cohort.cases[1].slides)
    joined = replace(cohort, cases=(both,))
    (case,) = rescore(model, joined, MUTED, features_folder=features_folder).cases
    slides = [predict(model, features_folder / f"case_0{i}.h5", muted=MUTED) for i in (0, 1)]
    assert case.probability_after == np.mean([slide.probability for slide in slides])
    assert case.background_focus_after == np.mean([slide.background_focus for slide in slides])


def test_the_command(
    model_path: Path,
    cohort_path: Path,
    features_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["rescore", str(cohort_path), "--model", str(model_path)]
    arguments += ["--features", str(features_folder), "--mute", "positive:0,positive:1,negative:2"]
    assert main([*arguments, "--out", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "rescore.json").read_text())
    change = rescore(
        load_model(model_path), read_cohort(cohort_path), MUTED, features_folder=features_folder
    )
    assert told == json.loads(json.dumps(change.as_json()))
    with (tmp_path / "cases.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["probability_after"]) for row in rows] == [
        case.probability_after for case in change.cases
    ]
    assert main([*arguments, "--before", "positive:0"]) == 0
    shown = capsys.readouterr()
    assert "muted: C⁺0 before, C⁺0, C⁺1, C⁻2 after" in shown.out
    assert "95 % interval" in shown.out and "were trained on" in shown.err
    assert main([*arguments, "--before", "0"]) == 1
    assert "not of the form memory:index" in capsys.readouterr().err
