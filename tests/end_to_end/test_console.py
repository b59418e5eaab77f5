"""The installed commands, as users run them: processes where those differ, exit codes, files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from momkd_core.cli.main import main

SCRIPTS = Path(sys.executable).parent


def run(command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPTS / command), *(str(a) for a in arguments)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def within(*arguments: object) -> int:
    """The exit code of ``momkd`` in this process, where one more would prove nothing."""
    try:
        return main([str(a) for a in arguments])
    except SystemExit as exit_:
        assert isinstance(exit_.code, int)
        return exit_.code


def test_slides_to_screenshot(
    cohort_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The main job: extract, train, evaluate, predict, atlas, look."""
    features, folder = tmp_path / "features", tmp_path / "run"
    made = run("momkd", "extract", cohort_path, "--out", features, "--patch-size", 128)
    assert made.returncode == 0 and "12 slides extracted" in made.stdout
    assert within("extract", cohort_path, "--out", features, "--patch-size", 128) == 0
    assert "12 were there already" in capsys.readouterr().out
    training = (
        "train", cohort_path, "--expression", cohort_path.parent / "expression.csv",
        "--label", "grade", "--positive", "high", "--features", features, "--out", folder,
        "--folds", 3, "--epochs", 2, "--set", "components=4", "--set", "hidden_width=32", "--json",
    )  # fmt: skip
    assert within(*training) == 0
    assert len(json.loads(capsys.readouterr().out)["folds"]) == 3
    assert "pooled AUC" in run("momkd", "evaluate", folder).stdout
    external = ("evaluate", folder, "--cohort", cohort_path, "--features", features, "--json")
    assert within(*external) == 0
    assert json.loads(capsys.readouterr().out)["pooled"]["cases"] == 12

    slide = cohort_path.parent / "slides" / "case_00.tif"
    model = folder / "folds" / "0" / "model.safetensors"
    found = run(
        "momkd", "predict", slide, "--model", model, "--out", tmp_path / "p", "--json",
        "--mute", "positive:1",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    result = json.loads(found.stdout)
    assert result["case_id"] == "case_00" and result["muted"] == {"positive": [1]}
    assert {path.name for path in (tmp_path / "p").iterdir()} == {
        "result.json", "patches.csv", "overlay.geojson",
    }  # fmt: skip
    atlas = (
        "atlas", cohort_path, "--model", model, "--features", features,
        "--out", tmp_path / "atlas", "--top", 4,
    )  # fmt: skip
    assert within(*atlas) == 0
    assert len(list((tmp_path / "atlas").glob("*.png"))) == 8

    picture = tmp_path / "window.png"
    shown = run(
        "momkd-viewer", slide, "--model", model, folder, "--screenshot", picture,
        "--size", "1000x700", "--view", "320,320,1",
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    with Image.open(picture) as image:
        assert image.size == (1000, 700)
        colours = image.convert("RGB").resize((100, 70)).getcolors(7000)
        assert colours is not None and len(colours) > 300


def test_one_bad_slide_stops_nothing(
    cohort_path: Path, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cohort with ünïcode"
    shutil.copytree(cohort_path.parent, folder)
    (folder / "slides" / "case_01.tif").write_text("not a slide")
    short = "\n".join((folder / "cohort.csv").read_text().splitlines()[:4])
    (folder / "cohort.csv").write_text(short)
    out = tmp_path / "features"
    extracted = run("momkd", "extract", folder / "cohort.csv", "--out", out, "--patch-size", 128)
    assert extracted.returncode == 1
    assert "error: case_01.tif: case_01.tif is not a slide format" in extracted.stderr
    assert sorted(path.name for path in out.iterdir()) == ["case_00.h5", "case_02.h5"]
    predicting = (
        "predict", folder / "cohort.csv", "--model", run_folder, "--features", out,
        "--out", tmp_path / "p", "--json",
    )  # fmt: skip
    assert within(*predicting) == 1
    content = json.loads(capsys.readouterr().out)
    assert [case["case_id"] for case in content["cases"]] == ["case_00", "case_02"]
    assert [error["case_id"] for error in content["errors"]] == ["case_01"]
    assert (tmp_path / "p" / "case_02" / "result.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["info"], 2, "usage: momkd info"),
        (["predict", "x.svs", "--model", "none"], 1, "error: none does not exist."),
        (["extract", "none.csv", "--out", "o"], 1, "error: none.csv does not exist."),
        (["extract", "x", "--out", "o", "--encoder", "uni"], 1, "no encoder 'uni'. Choose one of"),
        (["train", "c.csv"], 2, "required"),
        (["nothing"], 2, "invalid choice"),
    ],
)
def test_failures_have_a_code_a_cause_and_a_cure(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert within(*arguments) == code
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
    assert ("\nlog: " in said) == (code == 1)


def test_a_failure_is_the_exit_code_of_the_process() -> None:
    found = run("momkd", "info", "none.svs")
    assert found.returncode == 1 and "Traceback" not in found.stderr
    assert "error: none.svs does not exist. Check the path." in found.stderr
    assert "\nlog: " in found.stderr


def test_every_verb_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    listing = run("momkd", "--help").stdout
    for verb in "info extract train evaluate predict rescore curate atlas".split():
        assert verb in listing
        assert within(verb, "--help") == 0
        assert "example:" in capsys.readouterr().out
    settings = run("momkd", "train", "--list-settings")
    assert settings.returncode == 0 and "attention_temperature" in settings.stdout


def test_the_window_fails_by_name_too(tmp_path: Path) -> None:
    (tmp_path / "fake.svs").write_text("no slide")
    found = run("momkd-viewer", tmp_path / "fake.svs", "--screenshot", tmp_path / "w.png")
    assert found.returncode == 1
    assert "error: fake.svs is not a slide format" in found.stderr
    assert (tmp_path / "w.png").exists(), "the picture shows the message"
