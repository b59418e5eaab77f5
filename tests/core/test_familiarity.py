"""Strangeness: a slide like those of training, and one unlike them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from momkd_core import load_model, predict, read_features
from momkd_core.errors import ModelFileError
from momkd_core.extraction import EncoderLoader
from momkd_core.familiarity import Familiarity, fit_familiarity, from_tensors
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import Slide
from momkd_core.slide_encoding import extract_bag

SHARED = Path(__file__).parents[3] / "shared" / "data"
RANDOM = np.random.default_rng(5)
KINDS = RANDOM.normal(0, 4, (3, 20))


def slide(patches: int = 60) -> np.ndarray:
    """Patches of three kinds of tissue."""
    features = KINDS[RANDOM.integers(0, 3, patches)] + RANDOM.normal(0, 1, (patches, 20))
    return features.astype(np.float32)


def fitted() -> Familiarity:
    train, validation = [slide() for _ in range(30)], [slide() for _ in range(12)]
    return fit_familiarity(
        [lambda x=x: x for x in train], [lambda x=x: x for x in validation], seed=0
    )


def test_only_what_is_unlike_training_is_outside() -> None:
    found = fitted()
    assert max(found.strangeness(slide()) for _ in range(40)) <= 1.0
    unlike = RANDOM.normal(0, 4, (60, 20)).astype(np.float32)
    assert found.strangeness(unlike) > 1.2
    # A kind of tissue more than training knew, in half of the patches.
    assert found.strangeness(np.concatenate([slide(30), unlike[:30]])) > 1.0


def test_distance_is_the_mean_to_the_nearest_centre() -> None:
    found, features = fitted(), slide(9000)
    scaled = (features - found.mean) / found.spread
    nearest = np.linalg.norm(scaled[:, None] - found.centres[None], axis=2).min(axis=1)
    assert found.distance(features) == pytest.approx(nearest.mean() / np.sqrt(20), rel=1e-4)
    again = from_tensors(found.tensors(), found.limit, found.calibrated_on)
    assert again.strangeness(features) == pytest.approx(found.strangeness(features), rel=1e-6)


def test_a_model_file_carries_it(model_path: Path, features_folder: Path, tmp_path: Path) -> None:
    bag = read_features(features_folder / "case_00.h5")
    model = load_model(model_path)
    result = predict(model, bag)
    assert result.strangeness is not None and result.outside is False
    strange = dataclasses.replace(bag, features=bag.features[:, ::-1] * 3 + 1)
    assert predict(model, strange).outside is True
    found = result.as_json("case")
    assert found["strangeness"] == result.strangeness and found["outside"] is False

    with safe_open(model_path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    tensors["familiarity.centres"] = tensors["familiarity.centres"][:, :5].contiguous()
    save_file(tensors, tmp_path / "bad.safetensors", metadata=metadata)
    with pytest.raises(ModelFileError, match="does not hold what its card says"):
        load_model(tmp_path / "bad.safetensors")


@pytest.mark.skipif(not SHARED.exists(), reason="needs the real slides in ../shared/data")
def test_another_organ_is_outside_what_breast_slides_taught() -> None:
    """Breast regions and a head-and-neck slide (TCGA-CR-7395), by the bundled encoder."""
    settings, load = ExtractionSettings(target_mpp=1.0), EncoderLoader()

    def features(path: Path, mpp: float | None = None) -> np.ndarray:
        with Slide(path, mpp=mpp) as opened:
            return extract_bag(opened, load(settings.encoder), settings).features

    regions = SHARED / "her2st_regions" / "slides"
    train, validation, test = (
        [features(regions / f"her2st_{section}_r{region:02d}.tif") for region in range(0, 12, 2)]
        for section in ("C3", "C4", "C6")
    )
    found = fit_familiarity(
        [lambda x=x: x for x in train], [lambda x=x: x for x in validation], seed=0
    )
    strangeness = [found.strangeness(x) for x in test]
    assert np.median(strangeness) < 0.9 and max(strangeness) < 1.1
    head_and_neck = features(SHARED / "slides" / "TCGA-CR-7395-01A-01-TS1.svs", mpp=0.5)
    assert found.strangeness(head_and_neck) > max(1.0, *strangeness)
