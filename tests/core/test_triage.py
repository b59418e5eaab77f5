"""Tissue under imported patches, what is flagged and why, and the order of review."""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import tissue_image, write_slide

from momkd_core import load_model, patch_tissue, predict, read_features
from momkd_core.case_triage import CaseTriage, in_order, parse_order
from momkd_core.cli.main import main
from momkd_core.cohort import read_cohort
from momkd_core.cohort_case import Case
from momkd_core.cohort_prediction import CaseResult
from momkd_core.decision import Decision
from momkd_core.errors import SettingsError
from momkd_core.features import write_features
from momkd_core.patch_tissue import with_tissue
from momkd_core.result import MemoryMatch, SlideResult
from momkd_core.slide_summary import component_entropy
from momkd_core.triage import triage, triage_of


@pytest.fixture
def imported(features_folder: Path, tmp_path: Path) -> Path:
    """The features as another program would have written them: without tissue fractions."""
    for path in features_folder.glob("*.h5"):
        bag = replace(read_features(path), tissue_fraction=None)
        write_features(tmp_path / "imported" / path.name, bag)
    return tmp_path / "imported"


def test_imported_features_take_their_tissue_from_the_slide_once(
    cohort_path: Path, features_folder: Path, imported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = cohort_path.parent / "slides" / "case_00.tif"
    own = read_features(features_folder / "case_00.h5")
    bare = read_features(imported / "case_00.h5")
    found = with_tissue(bare, slide)
    assert own.tissue_fraction is not None and found.tissue_fraction is not None
    np.testing.assert_array_equal(found.tissue_fraction, own.tissue_fraction)
    monkeypatch.setattr(patch_tissue, "find_tissue", None)  # what is kept needs no mask
    again = with_tissue(bare, slide)
    np.testing.assert_array_equal(again.tissue_fraction, found.tissue_fraction)
    # Its own are never replaced, and only this slide's patches are looked up on it.
    halved = replace(own, tissue_fraction=own.tissue_fraction / 2)
    assert with_tissue(halved, slide) is halved
    assert with_tissue(bare, None) is bare


def test_another_slide_says_nothing_of_these_patches(
    features_folder: Path, slide_path: Path, tmp_path: Path, imported: Path
) -> None:
    bare = read_features(imported / "case_00.h5")
    other = with_tissue(bare, slide_path)
    assert (
        other.tissue_fraction is None and "made of a slide of 640 x 640 px" in other.tissue_reason
    )
    small = write_slide(tmp_path / "small.tif", tissue_image(300, 300))
    placed = with_tissue(replace(bare, attributes={}), small)
    assert placed.tissue_fraction is None and "lie outside small.tif" in placed.tissue_reason
    gone = with_tissue(bare, tmp_path / "gone.tif")
    assert gone.tissue_fraction is None and "gone.tif" in gone.tissue_reason


def test_the_numbers_are_those_of_a_prediction_also_for_imported_features(
    model_path: Path, cohort_path: Path, features_folder: Path, imported: Path, tmp_path: Path
) -> None:
    model, cohort = load_model(model_path), read_cohort(cohort_path)
    found = triage(model, cohort, features_folder=features_folder)
    assert triage(model, cohort, features_folder=imported) == found
    assert len(found.cases) == 12 and not found.failures
    assert "were trained on" in found.warnings[0]
    for case in found.cases:
        alone = predict(model, features_folder / f"{case.case_id}.h5")
        assert case.probability == alone.probability
        assert case.background_focus == alone.background_focus
        assert case.effective_patches == alone.effective_patches
        assert case.margin == abs(alone.probability - alone.threshold)
        assert case.correct == (case.label == alone.predicted)
        entropies = []
        for memory in ("positive", "negative"):
            won = alone.winners(memory)
            mass = [alone.attention[won == j].sum(dtype=float) for j in range(4)]
            entropies.append(-sum(p * math.log(p) for p in mass if p > 0))
        assert case.entropy == pytest.approx(np.mean(entropies), abs=1e-5)
        assert case.entropy_normalised == pytest.approx(np.mean(entropies) / math.log(4), abs=1e-5)
    products = [
        (not case.correct) * (case.background_focus or 0.0) * case.margin for case in found.cases
    ]
    assert products == sorted(products, reverse=True)
    # Without the slides nothing is known of the glass, and that is said.
    bare = [
        replace(
            one,
            slides=tuple(
                replace(slide, slide=tmp_path / "no.tif", features=imported / f"{slide.stem}.h5")
                for slide in one.slides
            ),
        )
        for one in cohort.cases
    ]
    homeless = replace(cohort, cases=tuple(bare))
    blind = triage(model, homeless)
    assert all(case.background_focus is None for case in blind.cases)
    (flag,) = [f for f in blind.cases[0].flags if f.words == "attention on glass unknown"]
    assert "no.tif" in flag.reason
    assert "Of 12 of 12 cases" in blind.warnings[-1]


def case(
    name: str,
    probability: float,
    *,
    label: str | None = "low",
    tissue: tuple[float, ...] | None = (0.2, 0.9, 0.9, 0.9),
    attention: tuple[float, ...] = (0.7, 0.1, 0.1, 0.1),
) -> CaseResult:
    """One slide with the given answer; the threshold is 0.4."""
    match = MemoryMatch(np.eye(4, 2, dtype=np.float32), np.eye(4, 3, dtype=np.float32))
    slide = SlideResult(
        slide_name=name,
        probability=probability,
        predicted="high" if probability >= 0.4 else "low",
        threshold=0.4,
        coords=np.zeros((4, 2), np.int64),
        size_level0=256,
        affinity=np.zeros(4, np.float32),
        attention=np.array(attention, np.float32),
        match=match,
        tissue_fraction=None if tissue is None else np.array(tissue, np.float32),
        model_sha256="0",
        encoder=None,
    )
    found = Case(name, name, (), {})
    return CaseResult(found, (slide,), probability, slide.predicted, 0.4, label)


def seen(result: CaseResult) -> CaseTriage:
    decision = Decision("grade", "high", "low", 0.4)
    found = replace(result.case, values={"grade": result.label or ""})
    return triage_of(decision, replace(result, case=found))


def words(result: CaseResult) -> list[str]:
    return [flag.words for flag in seen(result).flags]


def test_flags_are_words_with_reasons() -> None:
    sure = seen(case("a", 0.9))
    assert [flag.words for flag in sure.flags] == [
        "wrong",
        "confident",
        "59 % of attention on glass",
    ]
    assert sure.flags[0].reason == "recorded low, predicted high"
    assert sure.flags[2].reason == "glass is 28 % of the area of its patches: attention seeks it"
    assert words(case("a", 0.9, label="high")) == ["59 % of attention on glass"]
    assert words(case("a", 0.9, label=None)) == ["59 % of attention on glass"]
    assert words(case("a", 0.41, tissue=(1, 1, 1, 1))) == ["wrong", "undecided"]
    assert words(case("a", 0.1, tissue=(0.81, 0.81, 0.81, 0.81))) == []
    (avoided,) = seen(case("a", 0.1, tissue=(0.9, 0.2, 0.2, 0.2))).flags
    assert avoided.words == "31 % of attention on glass"
    assert avoided.reason.endswith("attention does not seek it")
    assert words(case("a", 0.1, tissue=None)) == ["attention on glass unknown"]
    every = np.ones(400, np.float32)
    one_of_many = replace(
        case("a", 0.1).slides[0],
        coords=np.zeros((400, 2), np.int64),
        attention=np.eye(1, 400, dtype=np.float32)[0],
        match=None,
        tissue_fraction=every,
    )
    result = replace(case("a", 0.1), slides=(one_of_many,))
    assert [(flag.words, flag.reason) for flag in seen(result).flags] == [
        ("attention on few patches", "effective patches 1.0, of 400")
    ]


def test_the_order_of_review() -> None:
    cases = [
        seen(one)
        for one in (
            case("right", 0.39),
            case("right on glass", 0.1),
            case("no label", 0.9, label=None),
            case("wrong", 0.5),
            case("wrong and sure", 0.9),
            case("wrong, unknown glass", 0.9, tissue=None),
            case("wrong on tissue", 0.9, tissue=(1, 1, 1, 1)),
        )
    ]
    assert [one.case_id for one in in_order(cases)] == [
        "wrong and sure",
        "wrong",
        "wrong, unknown glass",
        "wrong on tissue",
        "no label",
        "right on glass",
        "right",
    ]
    doubtful = in_order(cases, parse_order("doubt"))
    assert [one.case_id for one in doubtful[:2]] == ["right", "wrong"]
    assert parse_order("wrong * margin") == ("wrong", "margin")
    for text in ("wrong,glas", ""):
        with pytest.raises(SettingsError, match="Join some of: wrong, background"):
            parse_order(text)


def test_entropy_knows_what_is_muted_and_a_run_has_none() -> None:
    slide = case("a", 0.9).slides[0]  # positive: 0.8 and 0.1 + …; negative: three components
    nats, normalised = component_entropy(slide) or (0.0, 0.0)
    masses = ((0.9, 0.1), (0.8, 0.1, 0.1))
    entropies = [-sum(p * math.log(p) for p in mass) for mass in masses]
    assert nats == pytest.approx(np.mean(entropies))
    assert normalised == pytest.approx(
        (entropies[0] / math.log(2) + entropies[1] / math.log(3)) / 2
    )
    alone = component_entropy(replace(slide, muted={"positive": [1]})) or (0.0, 0.0)
    assert alone[1] == pytest.approx(entropies[1] / math.log(3) / 2)  # one component has no choice
    assert component_entropy(replace(slide, match=None)) is None
    assert seen(replace(case("a", 0.9), slides=(replace(slide, match=None),))).entropy is None


def test_the_command(
    model_path: Path,
    run_folder: Path,
    cohort_path: Path,
    features_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "features"
    shutil.copytree(features_folder, folder)
    (folder / "case_02.h5").write_text("damaged")
    slides = cohort_path.parent / "slides"
    rows = [
        f"case_{k:02d},{slides}/case_{k:02d}.tif,{'high' if k % 2 == 0 else 'low'}"
        for k in range(12)
    ]
    rows[1] = f"case_00,{slides}/case_01.tif,high"  # a case of two slides
    table = tmp_path / "cohort.csv"
    table.write_text("\n".join(["case_id,slide,grade", *rows]))
    arguments = [str(table), "--model", str(model_path), "--features", str(folder), "--json"]
    assert main(["triage", *arguments, "--csv", str(tmp_path / "queue.csv")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [error["case_id"] for error in told["errors"]] == ["case_02"]
    assert len(told["cases"]) == 10
    promised = (
        "case_id label probability predicted correct background_focus effective_patches margin"
    )
    assert {*promised.split(), "flags"} <= set(told["cases"][0])
    assert main(["predict", *arguments]) == 1
    predicted = {one["case_id"]: one for one in json.loads(capsys.readouterr().out)["cases"]}
    assert len(predicted["case_00"]["slides"]) == 2
    for one in told["cases"]:
        for name in ("probability", "predicted", "background_focus", "effective_patches"):
            assert one[name] == predicted[one["case_id"]][name]
    with (tmp_path / "queue.csv").open() as file:
        assert [row["case_id"] for row in csv.DictReader(file)] == [
            one["case_id"] for one in told["cases"]
        ]
    assert main(["triage", *arguments[:1], "--model", str(run_folder), *arguments[3:5]]) == 1
    assert "effective patches\tflags" in capsys.readouterr().out
    assert main(["triage", *arguments, "--order", "glas"]) == 1
    assert "no factor 'glas'" in capsys.readouterr().err
