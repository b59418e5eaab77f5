"""Each cure against what it stands for, done by hand; what is said of cures that only hide."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from momkd_core import load_model, predict, read_features
from momkd_core.checkpoint import Model
from momkd_core.cli.main import main
from momkd_core.cohort import Cohort, read_cohort
from momkd_core.cohort_change import CaseChange, CohortChange, Difference, focus_difference
from momkd_core.component_tissue import ComponentTissue
from momkd_core.cure_comparison import CureComparison, CureReport, compare_cures
from momkd_core.cure_notes import case_note, hiding_notes, other_notes
from momkd_core.cures import MaskBackground, MuteBackground, StricterTissue, parse_cure
from momkd_core.errors import FeatureError, SettingsError
from momkd_core.features import write_features
from momkd_core.graph import slide_edges
from momkd_core.result import MemoryMatch, SlideResult


@pytest.fixture
def model(model_path: Path) -> Model:
    return load_model(model_path)


@pytest.fixture
def few(cohort_path: Path) -> Cohort:
    """Four cases: two of each label."""
    cohort = read_cohort(cohort_path)
    return replace(cohort, cases=cohort.cases[:4])


def probabilities(report: CureReport) -> list[float]:
    return [case.probability_after for case in report.change.cases]


def with_distinct_components(model: Model, path: Path) -> Model:
    """Its memories made of patches from glass to tissue: training on so little lets them collapse."""
    (member,) = model.members
    network = copy.deepcopy(member.network)
    bag = read_features(path)
    graph = slide_edges("s", bag, model.card.model)
    with torch.no_grad():
        encoded = network.encode_patches(torch.from_numpy(bag.features), graph).projected
    assert bag.tissue_fraction is not None
    order = np.argsort(bag.tissue_fraction)
    network.memory.set_components(*(encoded[order[start::5][:4]] for start in (0, 1)))
    return replace(model, members=(replace(member, network=network),))


def test_each_cure_is_what_it_says(model: Model, few: Cohort, features_folder: Path) -> None:
    model = with_distinct_components(model, features_folder / "case_00.h5")
    cures = [MaskBackground(0.6), MuteBackground(0.7), StricterTissue(0.6)]
    masked, muted, stricter = compare_cures(model, few, cures, features_folder=features_folder)
    bags = [read_features(features_folder / f"{case.case_id}.h5") for case in few.cases]
    before = [predict(model, bag) for bag in bags]
    expected = []
    for bag in bags:
        assert bag.tissue_fraction is not None
        kept = bag.tissue_fraction >= 0.6
        assert 2 <= kept.sum() < len(bag)
        fraction = bag.tissue_fraction[kept]
        parts = {"features": bag.features[kept], "coords": bag.coords[kept]}
        expected.append(predict(model, replace(bag, **parts, tissue_fraction=fraction)))
    assert probabilities(masked) == [one.probability for one in expected]
    assert [case.background_focus_after for case in masked.change.cases] == [
        one.background_focus for one in expected
    ]
    assert [c.probability_before for c in masked.change.cases] == [r.probability for r in before]
    # Extracted again by the same grid, what stays is the same.
    np.testing.assert_allclose(probabilities(stricter), probabilities(masked), atol=1e-6)

    chosen: dict[str, list[int]] = {}
    for memory in ("positive", "negative"):
        mass, tissue = np.zeros(4), np.zeros(4)
        for one in before:
            for j, a, t in zip(
                one.winners(memory), one.attention, one.tissue_fraction, strict=True
            ):
                mass[j] += a
                tissue[j] += a * t
        used = mass >= 0.005 * mass.sum()
        low = [j for j in range(4) if used[j] and tissue[j] / mass[j] < 0.7]
        if len(low) == used.sum():
            low.remove(max(low, key=lambda j: tissue[j] / mass[j]))
        if low:
            chosen[memory] = low
    assert chosen and muted.change.muted_after == chosen
    assert probabilities(muted) == [predict(model, b, muted=chosen).probability for b in bags]
    # One case by itself, with what was chosen over the cohort.
    comparison = CureComparison(model, few, cures, features_folder=features_folder)
    comparison.prepare()
    alone = comparison.case(few.cases[2])
    assert not hasattr(alone, "error") and alone.after["mute-background"] == muted.change.cases[2]


def test_what_a_cure_needs_and_lacks_is_named(
    model: Model, run_folder: Path, few: Cohort, features_folder: Path, tmp_path: Path
) -> None:
    bare = []
    for case in few.cases:
        path = tmp_path / f"{case.case_id}.h5"
        bag = read_features(features_folder / path.name)
        known = case is few.cases[0]
        write_features(path, bag if known else replace(bag, tissue_fraction=None))
        slide = replace(case.slides[0], slide=None, features=path)
        bare.append(replace(case, slides=(slide,)))
    cohort = replace(few, cases=tuple(bare))
    masked, stricter = compare_cures(model, cohort, [MaskBackground(), StricterTissue()])
    assert [case.case_id for case in masked.change.cases] == ["case_00"]
    assert "patches of case_01 are background is unknown" in str(masked.change.failures[0].error)
    assert not stricter.change.cases and len(stricter.change.failures) == 4
    assert "has features but no slide" in str(stricter.change.failures[0].error)
    unknown = replace(cohort, cases=cohort.cases[1:])
    with pytest.raises(FeatureError, match="No slide's tissue is known"):
        compare_cures(model, unknown, [MuteBackground()])
    glass = read_features(tmp_path / "case_00.h5")
    pale = replace(glass, tissue_fraction=np.full(len(glass), 0.1, np.float32))
    write_features(tmp_path / "case_00.h5", pale)
    (nothing,) = compare_cures(model, cohort, [MaskBackground()])
    assert "At least 2 are needed" in str(nothing.change.failures[0].error)
    nowhere = tmp_path / "nothing"
    with pytest.raises(SettingsError, match="mean of several folds"):
        compare_cures(load_model(run_folder), few, [MuteBackground()], features_folder=nowhere)
    with pytest.raises(SettingsError, match="not stricter than the model's own"):
        compare_cures(model, few, [StricterTissue(0.05)], features_folder=nowhere)
    with pytest.raises(SettingsError, match="named twice"):
        compare_cures(model, few, [MaskBackground(), MaskBackground(0.5)], features_folder=nowhere)
    bad = {"mask": "one of", "mask-background:x": "no tissue", "mute-background:0": "above 0"}
    for text, told in bad.items():
        with pytest.raises(SettingsError, match=told):
            parse_cure(text)


def slide_of(winners: tuple[list[int], list[int]], tissue: list[float]) -> SlideResult:
    positive, negative = (np.eye(3, dtype=np.float32)[won] for won in winners)
    count = len(tissue)
    return SlideResult(
        slide_name="s",
        probability=0.5,
        predicted="high",
        threshold=0.5,
        coords=np.zeros((count, 2), np.int64),
        size_level0=256,
        affinity=np.zeros(count, np.float32),
        attention=np.full(count, 1 / count, np.float32),
        match=MemoryMatch(positive, negative),
        tissue_fraction=np.array(tissue, np.float32),
        model_sha256="0",
        encoder=None,
    )


def test_components_on_background_never_fill_a_memory() -> None:
    tissue = ComponentTissue(3)
    tissue.add(slide_of(([0, 0, 1, 1], [0, 0, 1, 1]), [0.1, 0.3, 0.9, 0.5]))
    assert tissue.means("positive") == pytest.approx([0.2, 0.7, np.nan], nan_ok=True)
    assert tissue.on_background(0.5) == {"positive": [0], "negative": [0]}
    # All that can be judged is below: the one with the most tissue stays.
    assert tissue.on_background(0.8) == {"positive": [0], "negative": [0]}
    # What is muted already is not there to stay.
    assert tissue.on_background(0.5, {"positive": [1]}) == {"negative": [0]}
    assert tissue.on_background(0.1) == {}


def change_of(cases: list[CaseChange], auc: tuple[float, float, float]) -> CohortChange:
    difference = Difference(len(cases), 0.7, 0.7 + auc[0], *auc)
    focus = focus_difference(cases)
    return CohortChange("0", {}, {}, tuple(cases), (), difference, focus)


def moved(before: float, after: float, label: str | None, focus: tuple[float, float]) -> CaseChange:
    says = ["high" if p >= 0.5 else "low" for p in (before, after)]
    return CaseChange("c", "p", label, before, after, says[0], says[1], *focus, 9.0, 4.0)


def test_a_cure_that_only_hides_is_called_so() -> None:
    glass, same = (0.6, 0.1), (0.2, 0.2)
    hides = change_of([moved(0.9, 0.7, "low", glass)] * 3, (0.0, 0.0, 0.0))
    assert hiding_notes(hides) == [
        "attention on glass falls from 60 % to 10 %, but 3 of 3 cases are wrong then, 3 before"
    ]
    still = change_of([moved(0.9, 0.905, "low", same)], (0.0, -0.1, 0.1))
    assert hiding_notes(still) == ["probabilities barely move (by 0.005 on average, 0.005 at most)"]
    there, back = moved(0.9, 0.1, "low", glass), moved(0.9, 0.1, "high", glass)
    traded = change_of([there, back], (-0.1, -0.2, -0.05))
    assert hiding_notes(traded)[-1] == "1 right cases become wrong, 1 wrong ones become right"
    assert other_notes(traded) == ["the AUC falls"]
    helps = change_of([there, there, back], (0.1, -0.01, 0.3))
    assert hiding_notes(helps) == []
    assert other_notes(helps) == ["the difference of AUC is uncertain: its interval holds 0"]
    unlabelled = change_of([moved(0.9, 0.1, None, glass)], (0.1, 0.05, 0.3))
    assert hiding_notes(unlabelled) == [] and "unknown" in other_notes(unlabelled)[0]
    assert [case_note(one) for one in (there, back, hides.cases[0], still.cases[0])] == [
        "becomes right",
        "was right, becomes wrong",
        "attention on glass falls from 60 % to 10 %, but it stays wrong",
        "the probability barely moves (+0.005)",
    ]


def test_the_command(
    model_path: Path,
    run_folder: Path,
    cohort_path: Path,
    features_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["triage", str(cohort_path), "--features", str(features_folder), "--model"]
    wanted = ["--cure", "mute-background:0.7", "--cure", "mask-background"]
    assert main([*arguments, str(model_path), *wanted, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["cure"] for one in told["cures"]] == ["mute-background", "mask-background"]
    assert {"hides", "notes", "auc", "background_focus"} <= set(told["cures"][0])
    of_cure = {one["case_id"]: one for one in told["cures"][1]["cases"]}
    for one in told["cases"]:
        assert of_cure[one["case_id"]]["probability_before"] == one["probability"]
        assert "note" in of_cure[one["case_id"]]
    assert main([*arguments, str(run_folder), "--cures"]) == 0
    shown = capsys.readouterr()
    assert "note: left out: " in shown.err and "none can be muted" in shown.err
    assert "mask-background: patches with less than 25 % tissue" in shown.out
    assert "AUC  " in shown.out and "mute-background" not in shown.out
    assert main([*arguments, str(model_path), "--cures", *wanted]) == 1
    assert "Leave one out" in capsys.readouterr().err
