"""The atlas: which patches show a component, found slide by slide, against all patches at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from synthetic import TINY, write_feature_cohort

from momkd_core import load_model, predict
from momkd_core.atlas import Found, atlas_of_results, build_atlas
from momkd_core.atlas_record import Atlas, AtlasComponent, AtlasPatch, read_atlas
from momkd_core.checkpoint import Model
from momkd_core.cli.main import main
from momkd_core.cohort import read_cohort
from momkd_core.errors import AtlasError, SettingsError

Values = NDArray[Any]
OPPOSITE = {"positive": "negative", "negative": "positive"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve cases of eight patients with two slides each, and a run on them."""
    folder = tmp_path_factory.mktemp("atlas")
    cohort = write_feature_cohort(folder, cases=12, patches=40, slides=2)
    arguments = ["train", cohort, "--expression", folder / "expression.csv", *TINY]
    options = ["--epochs", "2", "--fold", "0", "--set", "components=3"]
    assert main([*map(str, arguments), *options, "--out", str(folder / "run")]) == 0
    return folder


def the_model(run: Path) -> Model:
    return load_model(run / "run/folds/0/model.safetensors")


def all_patches(run: Path) -> list[Found]:
    found: list[Found] = []
    for case in read_cohort(run / "cohort.csv").cases:
        for slide in case.slides:
            assert slide.features is not None
            result = predict(the_model(run), slide.features)
            found.append((case.case_id, case.patient_id, result, case.values["grade"]))
    return found


Place = tuple[str, int, int]


def place(patch: AtlasPatch) -> Place:
    return patch.slide, patch.x, patch.y


@dataclass
class Everything:
    """All patches of a cohort at once."""

    places: list[Place]
    patients: list[str]
    labels: Values
    match: dict[str, Values]  # by memory, (patches, components)
    affinity: Values

    @classmethod
    def of(cls, found: list[Found]) -> Everything:
        results = [result for _, _, result, _ in found]
        return cls(
            [(r.slide_name, int(x), int(y)) for r in results for x, y in r.coords],
            [patient for _, patient, result, _ in found for _ in range(len(result))],
            np.concatenate([[label] * len(result) for _, _, result, label in found]),
            {m: np.concatenate([r.match.of(m) for r in results if r.match]) for m in OPPOSITE},
            np.concatenate([result.affinity for result in results]),
        )

    def best(self, similarity: Values, among: Values, count: int, each: int) -> list[Place]:
        """The most similar patches, at most ``each`` of a patient."""
        chosen, taken = [], dict.fromkeys(self.patients, 0)
        for i in np.argsort(-similarity, kind="stable"):
            if among[i] and taken[self.patients[i]] < each and len(chosen) < count:
                chosen.append(self.places[i])
                taken[self.patients[i]] += 1
        return chosen


def test_it_is_what_all_patches_at_once_would_give(run: Path) -> None:
    found = all_patches(run)
    atlas = build_atlas(
        the_model(run), read_cohort(run / "cohort.csv"),
        top=8, typical=5, counter_examples=6, per_patient=2,
    )  # fmt: skip
    assert atlas == atlas_of_results(
        the_model(run), iter(found), top=8, typical=5, counter_examples=6, per_patient=2
    )
    assert (atlas.cases, atlas.patients, atlas.slides, atlas.patches) == (12, 8, 24, 960)
    all_ = Everything.of(found)
    for c in atlas.components:
        mine = all_.match[c.memory][:, c.index]
        wins = all_.match[c.memory].argmax(axis=1) == c.index
        margin = all_.affinity if c.memory == "negative" else -all_.affinity
        assert c.patches == wins.sum() and c.prevalence == pytest.approx(wins.mean())
        assert c.patients == len({p for p, won in zip(all_.patients, wins, strict=True) if won})
        assert [place(p) for p in c.top] == all_.best(mine, np.ones_like(wins), 8, 2)
        lost = all_.best(mine, margin > 0, 6, 2)
        assert [place(e.patch) for e in c.counter_examples] == lost
        for example in c.counter_examples:
            at = all_.places.index(place(example.patch))
            of_others = all_.match[OPPOSITE[c.memory]][at]
            assert example.winner == of_others.argmax()
            assert example.winner_similarity == of_others.max() > example.patch.similarity
            assert example.margin == pytest.approx(margin[at], abs=1e-6)
            assert example.margin > 0 and example.patch.similarity == mine[at]

        won = mine[wins]
        assert len(c.typical) == min(5, len(won))
        if len(won) >= 40:
            low, middle, high = np.quantile(won, [0.25, 0.5, 0.75])
            values = [patch.similarity for patch in c.typical]
            assert low <= min(values) < middle < max(values) <= high
        for label in ("high", "low"):
            of_class = all_.labels == label
            assert c.prevalence_by_class[label] == pytest.approx(wins[of_class].mean())
            attention = [
                use.attention
                for _, _, result, value in found if value == label
                for use in result.components() if (use.memory, use.index) == (c.memory, c.index)
            ]  # fmt: skip
            assert c.attention_by_class[label] == pytest.approx(np.mean(attention))
        assert c.profile is not None and c.profile.index == c.index


def test_near_components_are_those_with_the_largest_cosine(run: Path) -> None:
    memories = the_model(run).members[0].network.memory.unit()
    unit = dict(zip(OPPOSITE, (memory.detach() for memory in memories), strict=True))
    for c in atlas_of_results(the_model(run), []).components:
        found = {(near.memory, near.index): near.cosine for near in c.nearest}
        assert len(found) == 5 and (c.memory, c.index) not in found  # of three and three
        assert list(found.values()) == sorted(found.values(), reverse=True)
        for (memory, index), cosine in found.items():
            expected = float(unit[c.memory][c.index] @ unit[memory][index])
            assert cosine == pytest.approx(expected, abs=1e-6)


def test_one_slide_is_a_cohort_of_one(run: Path) -> None:
    """Then a single patient fills everything, and there are no classes."""
    case, patient, result, _ = all_patches(run)[0]
    atlas = atlas_of_results(
        the_model(run), [(case, patient, result, None)], top=9, typical=200, counter_examples=0
    )
    assert (atlas.slides, atlas.patients, atlas.patches) == (1, 1, 40)
    for c in atlas.components:
        expected = result.top_patches(c.memory, c.index, 9)
        assert [(p.x, p.y) for p in c.top] == [tuple(result.coords[i]) for i in expected]
        assert len(c.typical) == c.patches and c.counter_examples == ()
        assert c.prevalence_by_class == {} and c.prevalence == pytest.approx(c.patches / 40)
    assert atlas_of_results(the_model(run), []).component("positive", 0).top == ()


def test_a_muted_component_shows_nothing(run: Path) -> None:
    result = predict(
        the_model(run), read_cohort(run / "cohort.csv").cases[0].slides[0].features or "",
        muted={"positive": [1]},
    )  # fmt: skip
    atlas = atlas_of_results(the_model(run), [("c", "p", result, "high")])
    muted = atlas.component("positive", 1)
    assert (muted.patches, muted.top, muted.typical, muted.counter_examples) == (0, (), (), ())
    assert json.dumps(atlas.as_json(), allow_nan=False)


def test_few_drawn_of_many_patches_still_have_the_middle(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = all_patches(run)
    monkeypatch.setattr("momkd_core.atlas_picks._DRAWN", 60)
    atlas = atlas_of_results(the_model(run), found, per_patient=3)
    again = atlas_of_results(the_model(run), found, per_patient=3)
    assert atlas == again
    c = max(atlas.components, key=lambda c: c.patches)
    assert c.patches > 200
    match = Everything.of(found).match[c.memory]
    won = match[match.argmax(axis=1) == c.index, c.index]
    low, high = np.quantile(won, [0.1, 0.9])
    assert all(low < patch.similarity < high for patch in c.typical)
    assert max(np.unique([p.patient_id for p in c.typical], return_counts=True)[1]) <= 3


def test_a_file_reads_back_the_same_and_a_foreign_one_is_refused(run: Path, tmp_path: Path) -> None:
    arguments = ["atlas", run / "cohort.csv", "--model", run / "run/folds/0/model.safetensors"]
    options = ["--out", tmp_path, "--top", 2, "--typical", 1, "--counter-examples", 1]
    assert main([*map(str, arguments), *map(str, options), "--per-patient", "1"]) == 0
    atlas = read_atlas(tmp_path / "atlas.json")
    assert atlas == build_atlas(
        the_model(run), read_cohort(run / "cohort.csv"),
        top=2, typical=1, counter_examples=1, per_patient=1,
    )  # fmt: skip
    assert Atlas.from_json(atlas.as_json()) == atlas
    content = atlas.as_json()
    content["components"][0]["top"][0]["x"] = "left"
    with pytest.raises(AtlasError, match=r"damaged \(components.0.top.0.x"):
        Atlas.from_json(content)
    with pytest.raises(AtlasError, match="has format 2"):
        Atlas.from_json({**atlas.as_json(), "format": 2})
    for text in ("[]", "{", '{"components": 1}'):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(AtlasError):
            read_atlas(tmp_path / "other.json")


def test_a_case_that_fails_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (run / "cohort.csv").read_text().replace("c03_1.h5", "absent.h5")
    (run / "gap.csv").write_text(table)
    arguments = ["atlas", run / "gap.csv", "--model", run / "run/folds/0/model.safetensors"]
    assert main([*map(str, arguments), "--out", str(tmp_path)]) == 1
    assert "error: case c03:" in capsys.readouterr().err
    atlas = read_atlas(tmp_path / "atlas.json")
    assert atlas.cases == 11 and [(f.case_id, f.slide) for f in atlas.failures] == [
        ("c03", "absent")
    ]


def test_several_folds_have_no_atlas(run: Path) -> None:
    member = the_model(run)
    folds = Model(member.path, member.members * 2)
    with pytest.raises(SettingsError, match="mean of several folds"):
        atlas_of_results(folds, [])


def test_montages_show_each_kind(
    cohort_path: Path, features_folder: Path, model_path: Path, tmp_path: Path
) -> None:
    arguments = ["atlas", cohort_path, "--model", model_path, "--features", features_folder]
    assert main([*map(str, arguments), "--out", str(tmp_path), "--top", "4"]) == 0
    atlas = read_atlas(tmp_path / "atlas.json")

    def pictures(of: str, folder: Path) -> set[str]:
        def name(c: AtlasComponent) -> str:
            return f"{c.memory}_{c.index:02d}.png"

        expected = {name(c) for c in atlas.components if getattr(c, of)}
        assert {path.name for path in folder.glob("*.png")} == expected
        return expected

    assert len(pictures("top", tmp_path)) == 8
    pictures("typical", tmp_path / "typical")
    shown = pictures("counter_examples", tmp_path / "counter_examples")
    assert shown
    with Image.open(tmp_path / "positive_00.png") as image:
        assert image.size == (3 * 224 + 8, 2 * 224 + 4)
    with Image.open(tmp_path / "counter_examples" / min(shown)) as image:
        assert image.size[0] in (448, 900)  # a pair, or two beside each other
