"""Features of other tools, from their folders to a model and its answers."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from layouts import write_stamp
from synthetic import TINY, write_feature_cohort

from momkd_core.cli.main import main


def momkd(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort, its features as a TRIDENT job in half precision, and a model trained on these."""
    folder = tmp_path_factory.mktemp("interchange")
    table = write_feature_cohort(folder, cases=12)
    # Of a slide of 0.25 µm/px: patches are 256 px wide there.
    stated = ("--encoder", "uni_v2", "--target-mpp", 0.5, "--patch-size", 128)
    job = ("--to", "trident", "--out", folder / "job", "--dtype", "float16")
    assert momkd("convert", table, *job, *stated) == 0
    run = ("train", table, "--expression", folder / "expression.csv", "--features", folder / "job")
    assert momkd(*run, *TINY, "--epochs", 1, "--fold", 0, "--out", folder / "run") == 0
    return folder


def test_a_trident_job_is_trained_on_and_names_the_encoder(work: Path) -> None:
    features = work / "job" / "20x_128px_0px_overlap" / "features_uni_v2"
    with h5py.File(features / "c00_0.h5") as file:
        assert file["features"].dtype == np.float16
    record = json.loads((work / "run" / "run.json").read_text())
    assert record["encoder"] == "uni2-h"  # as this program knows it, so that slides can follow
    assert (record["extraction"]["target_mpp"], record["extraction"]["patch_size"]) == (0.5, 128)


def test_half_precision_and_another_layout_give_the_same_answer(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert momkd("convert", work / "job", "--to", "clam", "--out", work / "clam") == 0
    answers = []
    for features in (work / "job", work / "clam", work / "clam" / "pt_files"):
        capsys.readouterr()
        asked = ("predict", work / "cohort.csv", "--features", features)
        assert momkd(*asked, "--model", work / "run", "--json") == 0
        answers.append(json.loads(capsys.readouterr().out)["cases"])
    probabilities = [[case["probability"] for case in cases] for cases in answers]
    np.testing.assert_array_equal(probabilities[1], probabilities[0])
    np.testing.assert_array_equal(probabilities[2], probabilities[0])


def test_features_of_another_encoder_or_cut_are_refused(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = work / "job" / "20x_128px_0px_overlap" / "features_uni_v2" / "c00_0.h5"
    other = work / "other" / "20x_128px_0px_overlap" / "features_conch_v15" / "a.h5"
    other.parent.mkdir(parents=True)
    other.write_bytes(file.read_bytes())
    with h5py.File(other, "r+") as opened:
        for holder in (opened, opened["features"], opened["coords"]):
            del holder.attrs["encoder"]  # as an older TRIDENT wrote it: the folder says it
    model = ("--model", work / "run")
    assert momkd("predict", other, *model) == 1
    told = capsys.readouterr().err
    assert "holds features of conch_v15, but the model was trained on uni2-h" in told
    assert "momkd extract … --encoder uni2-h" in told

    stamp = write_stamp(work / "stamp", "a")
    assert momkd("predict", stamp, *model) == 1
    assert "places its patches in microns" in capsys.readouterr().err
    assert momkd("predict", stamp, *model, "--slide-mpp", 0.5) == 1
    assert "features 4 wide, but the model needs 8" in capsys.readouterr().err
