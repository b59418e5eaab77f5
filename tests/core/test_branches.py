"""The two branches meet in the memory alone: in steps, not only in gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import write_feature_cohort
from torch import Tensor

from momkd_core.model.network import MoMKD
from momkd_core.settings import ModelSettings, TrainingSettings
from momkd_core.training import fit
from momkd_core.training_slides import SlideStore, TrainingSlide
from momkd_core.training_step import forward_pass

MODEL = ModelSettings(
    feature_width=8, genes=6, hidden_width=8, memory_width=4, components=3, dropout=0.25
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("features")
    write_feature_cohort(path, cases=8)
    return path


def slides(folder: Path, seed: int) -> list[TrainingSlide]:
    """The same slides with an expression table of their own; one case has none."""
    random = np.random.default_rng(seed)
    rows = [random.normal(0, 3, 6).astype(np.float32) for _ in range(8)]
    return [
        TrainingSlide(f"c{i:02d}", folder / f"c{i:02d}_0.h5", 1 - i % 2, rows[i] if i else None)
        for i in range(8)
    ]


def histology(folder: Path, seed: int, **settings: object) -> dict[str, Tensor]:
    """Weights of the histology branch after two epochs with one of two expression tables."""
    training = TrainingSettings(epochs=2, learning_rate=0.01, **settings)  # type: ignore[arg-type]
    network = fit(slides(folder, seed), [], MODEL, training, seed=0).network
    kept = set(map(id, network.branches()["histology"]))
    return {name: p.detach() for name, p in network.named_parameters() if id(p) in kept}


def differ(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return any(not torch.equal(a[name], b[name]) for name in a)


def test_branches_share_nothing() -> None:
    network = MoMKD(MODEL)
    parts = network.branches()
    assert {name for name, found in parts.items() if found} == {"histology", "expression", "memory"}
    identities = [id(parameter) for found in parts.values() for parameter in found]
    assert sorted(identities) == sorted(map(id, network.parameters()))


@pytest.mark.parametrize("bags", [1, 4])
def test_expression_reaches_histology_by_the_memory_alone(folder: Path, bags: int) -> None:
    """With a memory that stands still nothing arrives, however small clip_norm is."""
    tight = {"memory": "fixed", "clip_norm": 0.05, "bags_per_pass": bags}
    assert not differ(histology(folder, 1, **tight), histology(folder, 2, **tight))
    joint = {**tight, "clip_branches": False}
    assert differ(histology(folder, 1, **joint), histology(folder, 2, **joint))


@pytest.mark.parametrize("bags", [1, 4])
def test_expression_teaches_by_an_ema_memory(folder: Path, bags: int) -> None:
    free = {"memory": "ema", "clip_norm": 1e9, "ema_decay": 0.8, "bags_per_pass": bags}
    assert differ(histology(folder, 1, **free), histology(folder, 2, **free))
    alone = {**free, "align_expression_weight": 0.0}
    assert not differ(histology(folder, 1, **alone), histology(folder, 2, **alone))


def test_an_ema_memory_follows_several_bags_as_one_by_one(folder: Path) -> None:
    training = TrainingSettings(memory="ema", ema_decay=0.7)
    store, found = SlideStore(MODEL), []
    for bags in (1, 4):
        torch.manual_seed(0)
        network = MoMKD(MODEL.model_copy(update={"dropout": 0.0}))
        network.memory.requires_grad_(False)
        before = network.memory.positive.clone()
        chosen = slides(folder, 1)
        for start in range(0, len(chosen), bags):
            forward_pass(network, chosen[start : start + bags], store, training)
        found.append(network.memory)
        assert not torch.equal(before, network.memory.positive)
    for name in ("positive", "negative"):
        torch.testing.assert_close(getattr(found[0], name), getattr(found[1], name))
