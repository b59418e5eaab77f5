"""One muting, asked for in every way there is, gives the same numbers to the last digit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from momkd_core import load_model, predict
from momkd_core.cli.main import main
from momkd_core.curation import save_curated
from momkd_core.prediction import encode
from momkd_core.progress import CancelToken, silent
from momkd_viewer.jobs.cohort_work import find_all
from momkd_viewer.jobs.slide_work import analyse, read_again
from momkd_viewer.state.analysis import Analysis, Outcome, Reader
from momkd_viewer.state.source import Source

MUTED = {"positive": [1, 3], "negative": [0]}
ASKED = "negative:0,positive:3,positive:1"


def test_the_same_numbers_everywhere(
    model_path: Path,
    cohort_path: Path,
    features_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, features = load_model(model_path), features_folder / "case_00.h5"
    slide = cohort_path.parent / "slides" / "case_00.tif"
    expected = predict(model, features, muted=MUTED)
    assert expected.muted == MUTED
    assert expected.probability != predict(model, features).probability

    def told(*arguments: object) -> dict[str, object]:
        capsys.readouterr()
        assert main([*(str(a) for a in arguments), "--json"]) == 0
        content: dict[str, object] = json.loads(capsys.readouterr().out)
        return content

    wanted = expected.as_json("case_00")
    by_command = told("predict", features, "--model", model_path, "--mute", ASKED)
    assert by_command == json.loads(json.dumps(wanted))

    curated = save_curated(model, tmp_path / "c.safetensors", MUTED, who="A", why="pen")
    by_file = told("predict", features, "--model", curated)
    assert by_file == {**by_command, "model_sha256": load_model(curated).sha256}
    open_again = told("predict", features, "--model", curated, "--mute", "none")
    assert open_again["probability"] == predict(model, features).probability

    cohort = ("rescore", cohort_path, "--features", features_folder)
    for arguments in (("--model", model_path, "--mute", ASKED),
                      ("--model", curated, "--before", "none", "--mute", ASKED)):  # fmt: skip
        case = told(*cohort, *arguments)["cases"][0]  # type: ignore[index]
        assert case["probability_after"] == expected.probability
        assert case["background_focus_after"] == expected.background_focus
        assert case["probability_before"] == predict(model, features).probability

    # What the window computes: read again from an encoded slide, or analysed with a curated model.
    read = Outcome.of(encode(model, features), MUTED)
    again = read_again(read.encoded, MUTED)(silent, CancelToken())
    fresh = analyse(Source(slide, features), load_model(curated), MUTED)(silent, CancelToken())
    for outcome in (read, again, fresh):
        assert outcome.result.probability == expected.probability
        assert outcome.unmuted is not None
        assert outcome.unmuted.probability == predict(model, features).probability
        np.testing.assert_array_equal(outcome.result.affinity, expected.affinity)
        np.testing.assert_array_equal(outcome.result.attention, expected.attention)
    reader = Reader(model, frozenset((m, index) for m, found in MUTED.items() for index in found))
    read_all = find_all(Source(slide, features), [reader])(silent, CancelToken())
    listed = read_all.findings[reader.asked]
    assert listed.probability == expected.probability
    assert listed.background_focus == expected.background_focus


def test_the_window_takes_over_what_a_curated_model_leaves_out(
    model_path: Path, tmp_path: Path
) -> None:
    curated = save_curated(
        load_model(model_path), tmp_path / "c.safetensors", MUTED, who="A", why="pen"
    )
    analysis = Analysis()
    entry = analysis.models[analysis.add(load_model(curated))]
    assert entry.muted == {("positive", 1), ("positive", 3), ("negative", 0)}
    assert entry.muted_by_memory == MUTED
    assert analysis.models[analysis.add(load_model(model_path))].muted == frozenset()
