"""The paper's ablations as commands; what each leaves out shows in its history."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from synthetic import TINY, TRAINING, write_feature_cohort

from momkd_core import ablation
from momkd_core.cli.main import main
from momkd_core.export import write_json
from momkd_core.model.class_memory import ClassMemory

ROWS = ["wsi-only", "full", "memory-fixed", "memory-ema", "components-2"]


@pytest.fixture(scope="module")
def outcome(
    cohort_path: Path, features_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("ablation")
    command = [
        "ablate",
        str(cohort_path),
        "--expression",
        str(cohort_path.parent / "expression.csv"),
    ]
    command += ["--features", str(features_folder), "--out", str(out), *TRAINING]
    assert main([*command, "--epochs", "2", "--components", "2", "--only", *ROWS]) == 0
    return out


def history(outcome: Path, row: str) -> pd.DataFrame:
    folds = (outcome / row / "folds").glob("*/history.csv")
    return pd.concat([pd.read_csv(path) for path in folds])


def test_every_row_is_trained_on_the_same_folds(outcome: Path) -> None:
    result = json.loads((outcome / "ablation.json").read_text())
    assert [row["name"] for row in result["variants"]] == ROWS
    splits = [
        [
            json.loads((outcome / row / "folds" / str(k) / "split.json").read_text())
            for k in range(3)
        ]
        for row in ROWS
    ]
    assert all(split == splits[0] for split in splits)
    rows = {row["name"]: row for row in result["variants"]}
    assert rows["full"]["auc_difference"] == {"mean": 0, "sd": 0, "low": 0, "high": 0}
    difference = rows["wsi-only"]["auc"]["mean"] - rows["full"]["auc"]["mean"]
    assert rows["wsi-only"]["auc_difference"]["mean"] == pytest.approx(difference)
    assert 1 <= rows["components-2"]["memory"]["positive"]["perplexity"]["mean"] <= 2


def test_each_leaves_out_what_it_says(outcome: Path) -> None:
    assert (history(outcome, "memory-fixed")["drift"] < 1e-6).all()
    assert (history(outcome, "memory-ema")["drift"] > 1e-6).all()
    full, alone = history(outcome, "full"), history(outcome, "wsi-only")
    # The terms are still measured, but nothing follows them.
    assert full["loss_align_expression"].iloc[-1] < alone["loss_align_expression"].iloc[-1]
    settings = json.loads((outcome / "wsi-only" / "run.json").read_text())["training"]
    assert settings["align_slide_weight"] == settings["align_expression_weight"] == 0


def test_what_cannot_be_trained_is_a_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sizes of Fig. S1 come by themselves; 32 components are more than a label has patches."""
    cohort = write_feature_cohort(tmp_path, patches=2)
    command = ["ablate", str(cohort), "--expression", str(tmp_path / "expression.csv"), *TINY]
    command += ["--fold", "0", "--epochs", "1"]
    written: list[list[str]] = []

    def keep(path: Path, content: dict) -> None:
        written.append([row["name"] for row in content["variants"]])
        write_json(path, content)

    monkeypatch.setattr(ablation, "write_json", keep)
    chosen = ["--only", "full", "components-32", "components-4"]
    assert main([*command, *chosen, "--out", str(tmp_path / "a")]) == 1
    result = json.loads((tmp_path / "a" / "ablation.json").read_text())
    rows = {row["name"]: row for row in result["variants"]}
    assert list(rows) == ["full", "components-4", "components-32"]
    assert "cannot initialise 32 components" in rows["components-32"]["error"]
    assert rows["components-4"]["auc"]["mean"] is not None and "error" not in rows["components-4"]
    assert written == [list(rows)[: i + 1] for i in range(3)]
    assert "components-32  not trained: " in capsys.readouterr().out

    names = [variant.name for variant in ablation.variants()]
    assert [name for name in names if "components" in name] == [
        f"components-{n}" for n in (4, 8, 16, 32)
    ]
    # Without numbers there are none, and a request that trains nothing leaves nothing.
    alone = ["--components", "--only", "components-4", "--out", str(tmp_path / "b")]
    assert main([*command, *alone]) == 1
    assert main([*command, "--label", "x", "--only", "full", "--out", str(tmp_path / "b")]) == 1
    assert not (tmp_path / "b").exists()


def test_unknown_rows_are_refused(cohort_path: Path, tmp_path: Path) -> None:
    expression = str(cohort_path.parent / "expression.csv")
    command = ["ablate", str(cohort_path), "--expression", expression, *TRAINING]
    assert main([*command, "--out", str(tmp_path), "--only", "half"]) == 1


def test_ema_moves_matched_components_only() -> None:
    memory = ClassMemory(3, 4)
    memory.set_components(torch.eye(3, 4), torch.eye(3, 4))
    patches = torch.tensor([[1.0, 0.2, 0.0, 0.0], [1.0, -0.2, 0.0, 0.4]])
    memory.follow(patches, 1, decay=0.5)
    moved = np.array([1.0, 0.0, 0.0, 0.1])
    expected = torch.eye(3, 4).numpy()
    expected[0] = moved / np.linalg.norm(moved)
    np.testing.assert_allclose(memory.positive.detach().numpy(), expected, atol=1e-6)
    assert torch.equal(memory.negative, torch.eye(3, 4))
