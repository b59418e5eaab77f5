"""Curated models: the same weights without some components, with who and why inside."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from momkd_core import load_model, predict
from momkd_core.cli.main import main
from momkd_core.curation import save_curated
from momkd_core.errors import ModelFileError, MomkdError, OutputError, SettingsError

WHO = {"who": " A. Reader ", "why": "pen marks"}


def card_of(path: Path) -> dict[str, object]:
    with safe_open(path, framework="pt") as file:
        content: dict[str, object] = json.loads(file.metadata()["momkd"])
    return content


def with_card(source: Path, target: Path, **changes: object) -> Path:
    card = {**card_of(source), **changes}
    save_file(load_file(source), target, metadata={"momkd": json.dumps(card), "other": "kept"})
    return target


def test_a_curated_model_is_the_same_but_for_what_it_leaves_out(
    model_path: Path, tmp_path: Path
) -> None:
    # A field of a later version has to survive this one.
    source = with_card(model_path, tmp_path / "source.safetensors", later={"a": 1})
    model = load_model(source)
    assert model.card.muted == {} and model.card.curation == ()
    path = save_curated(model, tmp_path / "c.safetensors", {"positive": [2, 0, 2]}, **WHO)
    curated = load_model(path)
    assert curated.card.muted == {"positive": (0, 2)}
    assert curated.origin_sha256 == model.sha256 == model.origin_sha256 != curated.sha256
    (step,) = curated.card.curation
    assert (step.who, step.why, step.from_sha256) == ("A. Reader", "pen marks", model.sha256)
    age = datetime.now(UTC) - datetime.fromisoformat(step.when)
    assert timedelta() <= age + timedelta(seconds=1) < timedelta(minutes=1)
    assert "Saved without C⁺0, C⁺2 by A. Reader" in curated.card.remark
    before, after = load_file(source), load_file(path)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    changed = {"muted", "curation", "format"}
    assert {k: v for k, v in card_of(path).items() if k not in changed} == {
        k: v for k, v in card_of(source).items() if k not in changed
    }
    with safe_open(path, framework="pt") as file:
        assert file.metadata()["other"] == "kept"


def test_every_step_is_kept_and_can_be_taken_back(
    model_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    original, slide = load_model(model_path), features_folder / "case_00.h5"
    first = load_model(save_curated(original, tmp_path / "1.safetensors", {"positive": [1]}, **WHO))
    sets = {"positive": [1], "negative": [3]}
    second = load_model(save_curated(first, tmp_path / "2.safetensors", sets, **WHO))
    third = load_model(save_curated(second, tmp_path / "3.safetensors", {}, **WHO))
    steps = third.card.curation
    assert [step.from_sha256 for step in steps] == [original.sha256, first.sha256, second.sha256]
    assert [len(step.muted) for step in steps] == [1, 2, 0]
    assert third.origin_sha256 == original.sha256 and third.card.curated == ""
    plain = predict(original, slide)
    assert predict(third, slide).probability == plain.probability
    # A set that is given replaces the model's own, it does not add to it.
    assert predict(second, slide).muted == sets
    assert predict(second, slide, muted={}).probability == plain.probability
    other = predict(second, slide, muted={"negative": [0]})
    assert other.muted == {"negative": [0]}
    assert other.probability == predict(original, slide, muted={"negative": [0]}).probability


@pytest.mark.parametrize(
    ("muted", "change", "kind", "message"),
    [
        ({"positive": [0, 1, 2, 3]}, {}, SettingsError, "All 4 components"),
        ({"positive": [4]}, {}, SettingsError, "no component 4"),
        ({}, {}, SettingsError, "Nothing is muted"),
        ({"positive": [1]}, {"who": " "}, SettingsError, "who left components out, and why"),
        ({"positive": [1]}, {"why": ""}, SettingsError, "who left components out, and why"),
        ({"positive": [1]}, {"path": "c.pt"}, OutputError, "is no model file"),
        ({"positive": [1]}, {"path": "there.safetensors"}, OutputError, "exists.*--force"),
        ({"positive": [1]}, {"path": "m.safetensors", "force": True}, OutputError, "model itself"),
    ],
)
def test_refusals(
    model_path: Path,
    tmp_path: Path,
    muted: dict[str, list[int]],
    change: dict[str, object],
    kind: type[MomkdError],
    message: str,
) -> None:
    shutil.copy(model_path, tmp_path / "m.safetensors")
    (tmp_path / "there.safetensors").write_text("another file")
    asked = {"path": "c.safetensors", **WHO, **change}
    with pytest.raises(kind, match=message):
        save_curated(
            load_model(tmp_path / "m.safetensors"),
            tmp_path / str(asked.pop("path")),
            muted,
            **asked,  # type: ignore[arg-type]
        )
    assert (tmp_path / "there.safetensors").read_text() == "another file"
    assert (tmp_path / "m.safetensors").read_bytes() == model_path.read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_the_same_set_again_says_nothing(model_path: Path, tmp_path: Path) -> None:
    there = tmp_path / "c.safetensors"
    there.write_text("replaced on request")
    curated = save_curated(load_model(model_path), there, {"positive": [1]}, **WHO, force=True)
    with pytest.raises(SettingsError, match="exactly these components already"):
        save_curated(load_model(curated), tmp_path / "d.safetensors", {"positive": [1]}, **WHO)


def test_a_model_that_changed_on_disk_is_not_curated(model_path: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(model_path, tmp_path / "m.safetensors"))
    model = load_model(path)
    with_card(model_path, path, organ="another")
    with pytest.raises(ModelFileError, match="changed since it was loaded"):
        save_curated(model, tmp_path / "c.safetensors", {"positive": [1]}, **WHO)
    path.unlink()
    with pytest.raises(ModelFileError, match="cannot be read any more"):
        save_curated(model, tmp_path / "c.safetensors", {"positive": [1]}, **WHO)


def test_runs_and_curated_models(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="mean of several folds"):
        save_curated(load_model(run_folder), tmp_path / "c.safetensors", {"positive": [1]}, **WHO)
    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    fold = run / "folds" / "1" / "model.safetensors"
    model = load_model(run_folder / "folds" / "1" / "model.safetensors")
    save_curated(model, fold, {"positive": [1]}, **WHO, force=True)
    with pytest.raises(ModelFileError, match="is curated: it leaves components out"):
        load_model(run)


@pytest.mark.parametrize("muted", [{"positive": [0, 1, 2, 3]}, {"positive": [9]}, {"third": [0]}])
def test_a_card_that_mutes_the_impossible_is_damaged(
    model_path: Path, tmp_path: Path, muted: dict[str, list[int]]
) -> None:
    path = with_card(model_path, tmp_path / "m.safetensors", format=2, muted=muted)
    with pytest.raises(ModelFileError, match="does not hold what its card says"):
        load_model(path)


def test_versions_that_know_no_muting_refuse_it(model_path: Path, tmp_path: Path) -> None:
    path = save_curated(
        load_model(model_path), tmp_path / "c.safetensors", {"positive": [1]}, **WHO
    )
    assert card_of(model_path)["format"] == 1 and card_of(path)["format"] == 2
    with pytest.raises(ModelFileError, match="newer version"):
        load_model(with_card(path, tmp_path / "n.safetensors", format=3))


def test_the_command(model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "c.safetensors"
    arguments = ["curate", str(model_path), "--by", "B", "--why", "fat", "--out", str(out)]
    assert main([*arguments, "--mute", "positive:1,negative:0"]) == 0
    assert "leaves out C⁺1, C⁻0" in capsys.readouterr().out
    assert main([*arguments, "--mute", "positive:2"]) == 1
    assert "exists" in capsys.readouterr().err
    assert main([*arguments, "--mute", "positive:2", "--force", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["muted"] == {"positive": [2]} and told["curation"][0]["who"] == "B"
    assert told["origin_sha256"] == load_model(model_path).sha256 != told["model_sha256"]
