"""Gradient decoupling, term by term (paper, section 3.3.2)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from synthetic import TRAINING, write_feature_cohort
from torch import Tensor

from momkd_core.cli.main import main
from momkd_core.cohort import read_cohort
from momkd_core.cross_validation import cross_validate
from momkd_core.errors import Cancelled
from momkd_core.expression import read_expression
from momkd_core.gradient_audit import FORBIDDEN, PARTS, GradientAudit, audit_gradients
from momkd_core.graph import edge_index, nearest_neighbours
from momkd_core.model.network import MoMKD
from momkd_core.progress import CancelToken
from momkd_core.settings import Preset, choose
from momkd_core.training_request import TrainingRequest

# What each term is there to move, so that a term that moves nothing does not pass.
MOVES = {
    "ce": {"graph encoder", "head"},
    "align_slide": {"graph encoder", "slide projection", "memory C+", "memory C-"},
    "align_expression": {
        "expression autoencoder", "expression projection", "memory C+", "memory C-",
    },
    "reconstruction": {"expression autoencoder"},
    "commitment": {"graph encoder", "patch projection"},
    "orthogonality": set(),
}  # fmt: skip


def slide(preset: Preset) -> tuple[MoMKD, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    settings, _ = choose(
        preset, [], feature_width=24, genes=12, hidden_width=16, memory_width=8, components=4
    )
    coords = torch.randint(0, 40, (30, 2)).numpy() * 256
    edges = edge_index(nearest_neighbours(coords, 8, settings.ties))
    return MoMKD(settings), torch.randn(30, 24), edges, torch.randn(12)


@pytest.mark.parametrize("preset", ["paper", "reference"])
@pytest.mark.parametrize("label", [0, 1])
def test_the_branches_meet_in_the_memory_alone(preset: Preset, label: int) -> None:
    network, features, edges, expression = slide(preset)
    _, training = choose(preset, [])
    audit = audit_gradients(network, features, edges, label, expression, training)
    assert not audit.violations
    assert set(audit.norms) == set(FORBIDDEN)
    for term, parts in MOVES.items():
        assert all(audit.norms[term][part] > 0 for part in parts), term
    own, other = ("memory C+", "memory C-") if label else ("memory C-", "memory C+")
    spread = audit.norms["orthogonality"]
    assert spread[own] > 0 and (spread[other] > 0) == (preset == "paper")


def test_a_coupled_network_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit sees what it is there to see: attention that reads a live memory."""
    network, features, edges, expression = slide("paper")
    _, training = choose("paper", [])

    def live(patches: object, muted: object = None) -> object:
        from momkd_core.model.attention import read_memory

        positive, negative = network.memory.unit()
        return read_memory(
            patches.projected,
            positive,
            negative,
            temperature=network.temperature,  # type: ignore[attr-defined]
        )

    monkeypatch.setattr(network, "read", live)
    audit = audit_gradients(network, features, edges, 1, expression, training)
    assert "ce moves the memory C+" in audit.violations
    assert "memory C+" in audit.table() and len(audit.table().splitlines()) == 7
    assert set(audit.norms["ce"]) == set(PARTS)


def test_training_shows_the_audit(
    cohort_path: Path, features_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expression = cohort_path.parent / "expression.csv"
    command = ["train", str(cohort_path), "--expression", str(expression), *TRAINING]
    command += ["--features", str(features_folder), "--out", str(tmp_path / "run")]
    assert main([*command, "--fold", "0", "--audit-gradients"]) == 0
    printed = capsys.readouterr().err
    assert "commitment" in printed and "no term crosses" in printed
    assert (tmp_path / "run" / "folds" / "0" / "gradient_audit.json").is_file()


@pytest.mark.parametrize("memory", ["fixed", "ema"])
@pytest.mark.parametrize("preset", ["paper", "reference"])
def test_a_memory_without_gradients_is_audited_too(preset: Preset, memory: str) -> None:
    network, features, edges, expression = slide(preset)
    _, training = choose(preset, [f"memory={memory}"])
    network.memory.requires_grad_(False)
    audit = audit_gradients(network, features, edges, 1, expression, training)
    assert not audit.violations
    for norms in audit.norms.values():
        assert norms["memory C+"] == norms["memory C-"] == 0
    assert audit.norms["align_slide"]["graph encoder"] > 0


@pytest.mark.parametrize("memory", ["momentum", "fixed"])
def test_every_fold_is_audited_whatever_its_state(memory: str, tmp_path: Path) -> None:
    """One that begins, one that goes on, and one that is finished."""
    cohort = write_feature_cohort(tmp_path)
    model, training = choose(
        "paper", [f"memory={memory}", "components=2"], hidden_width=8, memory_width=4, epochs=2
    )
    asked = TrainingRequest(
        read_cohort(cohort), read_expression(tmp_path / "expression.csv"), "grade", "high", None,
        tmp_path / "run", model, training, folds=3, only_fold=1,
    )  # fmt: skip
    token = CancelToken()

    def stop(done: int, total: int, what: str) -> None:
        if "training" in what and done == 1:
            token.cancel()

    kept = tmp_path / "run" / "folds" / "1" / "gradient_audit.json"
    with pytest.raises(Cancelled):
        cross_validate(asked, report=stop, cancel=token, on_audit=lambda audit: None)
    for _ in ("resumed", "finished"):
        kept.unlink()
        found: list[GradientAudit] = []
        cross_validate(asked, on_audit=found.append)
        assert [audit.label for audit in found] == [1, 0]
        assert not any(audit.violations for audit in found)
        assert (found[0].norms["align_slide"]["memory C+"] > 0) == (memory == "momentum")
        assert [audit["label"] for audit in json.loads(kept.read_text())] == [1, 0]
