"""The assembled network: gradient decoupling, and evaluation without expression."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momkd_core.errors import FeatureError
from momkd_core.graph import edge_index, nearest_neighbours
from momkd_core.model.network import MoMKD
from momkd_core.settings import ModelSettings, TrainingSettings

SETTINGS = ModelSettings(
    feature_width=10, genes=6, hidden_width=16, memory_width=8, components=3, dropout=0.0
)


@pytest.fixture
def network() -> MoMKD:
    torch.manual_seed(0)
    return MoMKD(SETTINGS)


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(1)
    coords = np.stack(np.divmod(np.arange(20), 5), axis=1) * 256
    features = torch.tensor(random.normal(size=(20, 10)), dtype=torch.float32)
    expression = torch.tensor(random.normal(size=6), dtype=torch.float32)
    return features, edge_index(nearest_neighbours(coords)), expression


@pytest.mark.parametrize(
    ("term", "reaches", "spares"),
    [
        ("ce", {"graph_encoder", "patch_projection", "head"}, {"memory", "autoencoder"}),
        ("reconstruction", {"autoencoder"}, {"memory", "graph_encoder", "head"}),
        ("align_slide", {"memory", "graph_encoder", "slide_projection"}, {"autoencoder", "head"}),
        (
            "align_expression",
            {"memory", "autoencoder", "expression_projection"},
            {"graph_encoder", "slide_projection", "head"},
        ),
        ("memory", {"memory", "patch_projection"}, {"autoencoder", "head", "slide_projection"}),
    ],
)
def test_gradients_are_decoupled(
    network: MoMKD, term: str, reaches: set[str], spares: set[str]
) -> None:
    features, edges, expression = inputs()
    output = network(features, edges, expression)
    terms = network.loss(output, 1, expression, TrainingSettings())
    getattr(terms, term).backward()
    touched = {
        name.partition(".")[0]
        for name, parameter in network.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }
    assert reaches <= touched
    assert not spares & touched


def test_histology_alone_gives_the_same_prediction(network: MoMKD) -> None:
    features, edges, expression = inputs()
    network.eval()
    with torch.no_grad():
        with_expression = network(features, edges, expression)
        without = network(features, edges)
    torch.testing.assert_close(with_expression.logits, without.logits)
    assert without.expression_projection is None


def test_other_width_is_refused(network: MoMKD) -> None:
    _, edges, _ = inputs()
    with pytest.raises(FeatureError, match="12 wide, the model needs 10"):
        network(torch.zeros(20, 12), edges)
