"""The index of a cohort's patches: even, exact within it, and safe to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic import TINY, write_feature_cohort

from momkd_core import load_model
from momkd_core.checkpoint import Model
from momkd_core.cli.main import main
from momkd_core.cohort import read_cohort
from momkd_core.errors import AtlasError, SettingsError
from momkd_core.features import read_features
from momkd_core.patch_index import PatchIndex, PatchIndexBuilder, build_patch_index
from momkd_core.prediction import EncodedSlide


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    cohort = write_feature_cohort(folder, cases=12, patches=40)
    arguments = ["train", cohort, "--expression", folder / "expression.csv", *TINY]
    options = ["--epochs", "1", "--fold", "0", "--out", folder / "run"]
    assert main([*map(str, arguments), *map(str, options)]) == 0
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return load_model(run / "run/folds/0/model.safetensors")


def encoded(run: Path, model: Model, name: str) -> EncodedSlide:
    return EncodedSlide(model, read_features(run / f"{name}.h5"), name)


def test_the_nearest_are_those_of_all_patches(run: Path, model: Model) -> None:
    index, failures = build_patch_index(model, read_cohort(run / "cohort.csv"))
    assert len(index) == 12 * 40 and failures == []
    vector = encoded(run, model, "c04_0").projected[7]
    every = np.concatenate([encoded(run, model, f"c{i:02d}_0").projected for i in range(12)])
    cosine = every @ vector / np.linalg.norm(every, axis=1) / np.linalg.norm(vector)
    found = index.nearest(10 * vector, 12)
    # Half precision may swap what is equal to three digits.
    assert [c for _, c in found] == pytest.approx(np.sort(cosine)[::-1][:12], abs=2e-3)
    assert found[0][1] == pytest.approx(1.0, abs=1e-3)
    own = read_features(run / "c04_0.h5").coords[7]
    first = found[0][0]
    assert (first.case_id, first.slide, first.x, first.y) == ("c04", "c04_0", *own)
    for patch, value in found:
        coords = read_features(run / f"{patch.slide}.h5").coords.tolist()
        at = int(patch.slide[1:3]) * 40 + coords.index([patch.x, patch.y])
        assert value == pytest.approx(cosine[at], abs=2e-3)

    others = index.nearest(vector, 6, per_patient=1, without_case="c04")
    patients = [patch.patient_id for patch, _ in others]
    assert len(set(patients)) == 6 and "c04" not in [patch.case_id for patch, _ in others]
    with pytest.raises(AtlasError, match="of two models"):
        index.nearest(vector[:2], 1)


def test_slides_give_equal_shares_and_always_the_same(run: Path, model: Model) -> None:
    cohort = read_cohort(run / "cohort.csv")
    first, _ = build_patch_index(model, cohort, most=125)
    again, _ = build_patch_index(model, cohort, most=125)
    assert np.bincount(first.of_slide).tolist() == [10] * 12
    assert np.array_equal(first.coords, again.coords)
    rows = [set(map(tuple, first.coords[first.of_slide == slide])) for slide in range(12)]
    assert all(len(row) == 10 for row in rows) and len({frozenset(row) for row in rows}) > 6
    folds = Model(model.path, model.members * 2)
    with pytest.raises(SettingsError, match="mean of several folds"):
        PatchIndexBuilder(folds, 1)


def test_a_file_reads_back_the_same_and_others_are_refused(
    run: Path, model: Model, tmp_path: Path
) -> None:
    arguments = ["atlas", run / "cohort.csv", "--model", model.path, "--out", tmp_path, "--index"]
    assert main([*map(str, arguments)]) == 0
    path = tmp_path / "patch_index.npz"
    index, _ = build_patch_index(model, read_cohort(run / "cohort.csv"))
    read = PatchIndex.load(path)
    assert (read.model_sha256, read.slides) == (model.sha256, index.slides)
    for name in ("vectors", "coords", "of_slide"):
        assert np.array_equal(getattr(read, name), getattr(index, name))
        assert getattr(read, name).dtype == getattr(index, name).dtype
    content = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)
    damaged = [content[: len(content) // 2], b"", b"no index"]
    for number, text in enumerate(damaged):
        (tmp_path / f"{number}.npz").write_bytes(text)
        with pytest.raises(AtlasError, match="is not a readable index of patches"):
            PatchIndex.load(tmp_path / f"{number}.npz")
    for changes, told in (
        ({"format": np.array(2)}, "has format 2"),
        ({"coords": arrays["coords"][1:]}, "differ in length"),
        ({"of_slide": arrays["of_slide"] + 1}, "slides that it lacks"),
        ({"vectors": arrays["vectors"] * np.float16(np.nan)}, "not finite"),
        ({"slide": np.array([None] * 12)}, "readable index"),
    ):
        np.savez(tmp_path / "other.npz", **{**arrays, **changes})
        with pytest.raises(AtlasError, match=told):
            PatchIndex.load(tmp_path / "other.npz")
    with pytest.raises(AtlasError, match="is not a readable index"):
        PatchIndex.load(tmp_path / "absent.npz")
