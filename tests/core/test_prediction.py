"""Model files and predictions: what a trained run gives back."""

from __future__ import annotations

import csv
import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from momkd_core import load_model, predict, prediction, read_features
from momkd_core.errors import FeatureError, ModelFileError, SettingsError, TissueError
from momkd_core.export import write_prediction
from momkd_core.features import FeatureBag
from momkd_core.prediction import parse_muted
from momkd_core.processor import bfloat16_is_fast
from momkd_core.result import MemoryMatch, SlideResult


@pytest.fixture
def bag(features_folder: Path) -> FeatureBag:
    return read_features(features_folder / "case_00.h5")


def test_a_result_holds_together(model_path: Path, bag: FeatureBag) -> None:
    result = predict(load_model(model_path), bag)
    assert 0 < result.probability < 1
    assert result.predicted == ("high" if result.probability >= result.threshold else "low")
    assert result.attention.sum() == pytest.approx(1, abs=1e-5)
    assert bag.tissue_fraction is not None
    focus = float((result.attention * (1 - bag.tissue_fraction)).sum())
    assert result.background_focus == pytest.approx(focus, abs=1e-5)
    assert 1 <= result.effective_patches <= len(bag) + 1e-3
    best = result.best_similarity("positive") - result.best_similarity("negative")
    np.testing.assert_allclose(result.affinity, best, atol=1e-6)
    for memory in ("positive", "negative"):
        uses = [use for use in result.components() if use.memory == memory]
        assert [use.index for use in uses] == [0, 1, 2, 3]
        assert sum(use.share for use in uses) == pytest.approx(1)
        assert sum(use.attention for use in uses) == pytest.approx(1)
        assert result.match is not None
        top = result.top_patches(memory, 2, 5)
        similarity = result.match.of(memory)[:, 2]
        assert list(similarity[top]) == sorted(similarity, reverse=True)[:5]


def test_muting_takes_a_component_out(model_path: Path, bag: FeatureBag) -> None:
    model = load_model(model_path)
    before = predict(model, bag)
    busiest = max(before.components()[:4], key=lambda use: use.share).index
    after = predict(model, bag, muted={"positive": [busiest]})
    assert after.muted == {"positive": [busiest]}
    assert after.components()[busiest].share == 0
    assert (after.affinity <= before.affinity + 1e-6).all()
    assert after.affinity.min() < before.affinity.min()
    with pytest.raises(SettingsError, match="All 4 components"):
        predict(model, bag, muted={"positive": [0, 1, 2, 3]})


def test_top_patches_are_those_of_a_full_sort() -> None:
    random = np.random.default_rng(0)
    similarity = random.integers(0, 9, (500, 3)).astype(np.float32)  # with many ties
    similarity[:, 1] = -np.inf
    result = SlideResult(
        "s", 0.5, "high", 0.5, np.zeros((500, 2), np.int64), 256, similarity[:, 0],
        similarity[:, 0], MemoryMatch(similarity, similarity), None, "", None,
    )  # fmt: skip
    for count in (0, 1, 60, 499, 500, 900):
        order = np.argsort(-similarity[:, 2], kind="stable")[:count]
        np.testing.assert_array_equal(result.top_patches("negative", 2, count), order)
        assert not len(result.top_patches("negative", 1, count)), "a muted one has none"


def test_a_run_is_the_mean_of_its_folds(run_folder: Path, bag: FeatureBag) -> None:
    folds = [
        predict(load_model(run_folder / "folds" / str(k) / "model.safetensors"), bag)
        for k in range(3)
    ]
    mean = predict(load_model(run_folder), bag)
    assert mean.probability == pytest.approx(np.mean([fold.probability for fold in folds]))
    np.testing.assert_allclose(
        mean.attention, np.mean([f.attention for f in folds], axis=0), atol=1e-6
    )
    assert mean.components() == []
    with pytest.raises(SettingsError, match="mean of several folds"):
        predict(load_model(run_folder), bag, muted={"positive": [0]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder": "uni2-h"}, "features of uni2-h, but the model was trained on efficientnet"),
        ({"encoder_sha256": "00"}, "other weights"),
        ({"features": np.zeros((30, 12), np.float32), "encoder": None}, "12 wide.*needs 1280"),
        ({"target_mpp": 1.0}, r"patches at 1 µm/px, the model was trained at 0\.5"),
    ],
)
def test_foreign_features_are_refused_by_name(
    model_path: Path, bag: FeatureBag, change: dict[str, object], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        predict(load_model(model_path), dataclasses.replace(bag, **change))


def test_one_patch_is_no_graph(model_path: Path, bag: FeatureBag) -> None:
    single = dataclasses.replace(
        bag, features=bag.features[:1], coords=bag.coords[:1], tissue_fraction=None
    )
    with pytest.raises(TissueError, match="1 patch has no neighbourhood"):
        predict(load_model(model_path), single)
    pair = dataclasses.replace(
        bag, features=bag.features[:2], coords=bag.coords[:2], tissue_fraction=None
    )
    assert predict(load_model(model_path), pair).background_focus is None


def test_a_slide_gives_what_its_features_give(
    model_path: Path, bag: FeatureBag, cohort_path: Path
) -> None:
    model = load_model(model_path)
    from_slide = predict(model, cohort_path.parent / "slides" / "case_00.tif")
    from_features = predict(model, bag)
    np.testing.assert_array_equal(from_slide.coords, from_features.coords)
    assert from_slide.probability == pytest.approx(from_features.probability, abs=1e-4)


def test_files(model_path: Path, bag: FeatureBag, tmp_path: Path) -> None:
    result = predict(load_model(model_path), bag)
    write_prediction(result, "c", tmp_path)
    content = json.loads((tmp_path / "result.json").read_text())
    assert content == json.loads(json.dumps(result.as_json("c")))
    with (tmp_path / "patches.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(bag)
    assert float(rows[3]["affinity"]) == pytest.approx(result.affinity[3])
    assert int(rows[3]["negative_component"]) == result.winners("negative")[3]
    collection = json.loads((tmp_path / "overlay.geojson").read_text())
    assert collection["type"] == "FeatureCollection" and len(collection["features"]) == len(bag)
    feature = collection["features"][3]
    ring = feature["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1] == bag.coords[3].tolist()
    assert ring[2] == (bag.coords[3] + bag.size_level0).tolist()
    assert feature["properties"]["objectType"] == "tile"
    assert feature["properties"]["measurements"]["attention"] == pytest.approx(result.attention[3])


class _Exploding:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a foreign file was unpickled",))


def test_foreign_model_files(tmp_path: Path, model_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("no model")
    (tmp_path / "pickled.pt").write_bytes(pickle.dumps(_Exploding()))
    torch.save({"a": _Exploding()}, tmp_path / "torch.pt")
    whole = model_path.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    save_file({"w": torch.zeros(2)}, tmp_path / "bare.safetensors")
    for name in ("text.safetensors", "pickled.pt", "torch.pt", "cut.safetensors"):
        with pytest.raises(ModelFileError, match="not a readable model file"):
            load_model(tmp_path / name)
    with pytest.raises(ModelFileError, match="without a MoMKD model card"):
        load_model(tmp_path / "bare.safetensors")
    with pytest.raises(ModelFileError, match="no finished fold"):
        load_model(tmp_path)
    with pytest.raises(ModelFileError, match="does not exist"):
        load_model(tmp_path / "none.safetensors")


def test_muting_is_parsed() -> None:
    assert parse_muted("positive:3,negative:0,positive:1") == {"positive": [3, 1], "negative": [0]}
    assert parse_muted(None) is None, "the model's own"
    assert parse_muted("none") == {}, "no component"
    for text in ("", "3", "positive", "positive:-1", "other:1", "positive:a"):
        with pytest.raises(SettingsError, match="not of the form memory:index"):
            parse_muted(text)


def test_bfloat16_is_close_or_refused(
    model_path: Path, bag: FeatureBag, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(model_path)
    if bfloat16_is_fast():
        exact = predict(model, bag)
        rounded = predict(model, bag, precision="bfloat16")
        assert abs(rounded.probability - exact.probability) < 0.005
        assert rounded.probability != exact.probability
    monkeypatch.setattr(prediction, "bfloat16_is_fast", lambda: False)
    with pytest.raises(SettingsError, match="does not multiply in bfloat16"):
        predict(model, bag, precision="bfloat16")
