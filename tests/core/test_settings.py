"""Presets, assignments, ablations."""

from __future__ import annotations

import pytest

from momkd_core.errors import SettingsError
from momkd_core.settings import ABLATED_WEIGHTS, ModelSettings, TrainingSettings, choose

# Paper and code, row by row (CONTRIBUTING.md): setting, preset paper, preset reference.
ROWS: list[tuple[str, object, object]] = [
    ("hidden_width", 256, 512),
    ("memory_width", 128, 64),
    ("components", 16, 16),
    ("attention_temperature", 0.2, 0.2),
    ("learn_temperature", False, True),
    ("ce_weight", 0.5, 0.5),
    ("align_slide_weight", 0.2, 0.2),
    ("align_expression_weight", 0.05, 0.05),
    ("memory_weight", 0.1, 0.1),
    ("reconstruction_weight", 0.01, 0.05),
    ("align_temperature", 5.0, 5.0),
    ("align_beta", 20.0, 20.0),
    ("align_margin", 0.3, 0.3),
    ("clip_norm", 16.0, 16.0),
    ("clip_branches", True, False),
    ("accumulate", 1, 1),
    ("bags_per_pass", 1, 1),
    ("memory", "momentum", "momentum"),
    ("ema_decay", 0.99, 0.99),
    ("commitment_mean", False, True),
    ("commitment_scope", "label", "label"),
    ("normalise_commitment", True, False),
    ("orthogonality_scope", "both", "label"),
    ("orthogonality_mean", False, True),
    ("normalise_patches", True, True),
    ("initial_patches", 10_000, 50_000),
    ("initial_sampling", "even", "whole-slides"),
    ("initial_clustering", "k-means", "spherical"),
    ("background_weight", 1.0, 1.0),
    ("head", "linear", "mlp"),
    ("head_width", 128, 128),
    ("heads", 2, 2),
    ("dropout", 0.5, 0.5),
    ("neighbours", 8, 8),
    ("edges", "own", "reversed"),
    ("ties", "lower-index", "kd-tree"),
    ("learning_rate", 2e-4, 2e-4),
    ("teacher_weight", 0.0, 0.0),
    ("weight_decay", 1e-4, 1e-4),
    ("decay_all", False, True),
    ("schedule", "cosine", "constant"),
    ("patience", 10, 1),
    ("earliest_stop", 0, 2),
    ("balanced_sampling", True, True),
    ("top_genes", 768, 768),
    ("expression_clip", 6.0, 6.0),
    ("ablation", "full", "full"),
    ("epochs", 50, 50),
    ("seed", 0, 0),
    ("split_seed", None, None),
]


@pytest.mark.parametrize(("name", "paper", "reference"), ROWS)
def test_presets_are_as_the_table_says(name: str, paper: object, reference: object) -> None:
    for preset, wanted in (("paper", paper), ("reference", reference)):
        model, training = choose(preset, [])  # type: ignore[arg-type]
        assert {**model.model_dump(), **training.model_dump()}[name] == wanted, preset


def test_taught_is_the_paper_with_a_teacher() -> None:
    (model, training), (same, paper) = choose("taught", []), choose("paper", [])
    assert model == same and training == paper.model_copy(update={"teacher_weight": 1.0})


def test_the_table_has_every_setting() -> None:
    fields = {*ModelSettings.model_fields, *TrainingSettings.model_fields}
    assert fields - {"feature_width", "genes"} == {name for name, _, _ in ROWS}


@pytest.mark.parametrize("ablation", sorted(ABLATED_WEIGHTS))
@pytest.mark.parametrize("preset", ["paper", "reference", "taught"])
def test_an_ablation_leaves_out_what_it_says(ablation: str, preset: str) -> None:
    _, full = choose(preset, [])  # type: ignore[arg-type]
    _, settings = choose(preset, [f"ablation={ablation}"])  # type: ignore[arg-type]
    gone = set(ABLATED_WEIGHTS[settings.ablation])
    for name, value in full.model_dump().items():
        if name != "ablation":
            assert getattr(settings, name) == (0 if name in gone else value), name


def test_contradictions_are_refused() -> None:
    with pytest.raises(SettingsError, match="leaves align_slide_weight out"):
        choose("paper", ["ablation=wsi-only", "align_slide_weight=0.5"])
    with pytest.raises(SettingsError, match="ablation"):
        TrainingSettings(ablation="wsi-only")
    with pytest.raises(SettingsError, match="ablation"):
        choose("paper", ["ablation=none"])
