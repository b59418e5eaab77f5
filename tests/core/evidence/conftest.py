"""A slide with a telling name, what a model says of it, and the bundle of both."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from bundles import ANNOTATIONS, CASE, FILE, PATIENT, STATE, VERDICTS

from momkd_core import load_model, read_features
from momkd_core.evidence import Evidence, write_bundle
from momkd_core.evidence_gathering import gather
from momkd_core.features import FeatureBag
from momkd_core.prediction import EncodedSlide
from momkd_core.slide import Slide


@pytest.fixture(scope="module")
def bag(features_folder: Path) -> FeatureBag:
    return read_features(features_folder / "case_00.h5")


@pytest.fixture(scope="module")
def slide_file(cohort_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("named") / FILE
    shutil.copy(cohort_path.parent / "slides" / "case_00.tif", path)
    return path


@pytest.fixture
def evidence(model_path: Path, bag: FeatureBag, slide_file: Path) -> Evidence:
    """With muted components, verdicts, an annotation and a state of the window."""
    model = load_model(model_path)
    encoded = EncodedSlide(model, bag, slide_file.stem)
    with Slide(slide_file) as slide:
        found = gather(
            slide,
            model,
            encoded.result({"positive": [2]}),
            unmuted=encoded.result({}),
            top=4,
        )
    return replace(
        found,
        case_id=CASE,
        patient_id=PATIENT,
        verdicts=VERDICTS,
        annotations=ANNOTATIONS,
        viewer=STATE,
    )


@pytest.fixture
def bundle(evidence: Evidence, tmp_path: Path) -> Path:
    path = tmp_path / "evidence.zip"
    write_bundle(path, evidence)
    return path
