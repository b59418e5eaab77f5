"""The quick patch graph against torch-geometric's layer, and several bags against one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GATv2Conv

from momkd_core.graph import edge_index, nearest_neighbours
from momkd_core.model.bag_batch import BagBatch, batch_loss
from momkd_core.model.dropout import dropout, kept
from momkd_core.model.neighbour_attention import (
    EAGER,
    Kernels,
    NeighbourAttention,
    compiled_kernels,
)
from momkd_core.model.neighbourhood import Neighbourhood, as_neighbourhood, side_by_side
from momkd_core.model.network import MoMKD
from momkd_core.processor import compiler_found
from momkd_core.settings import ModelSettings, TrainingSettings


def ragged_grid(patches: int, seed: int = 0) -> np.ndarray:
    """Corners of a grid with holes, in reading order."""
    y, x = np.mgrid[:40, :40]
    corners = np.stack([x.ravel(), y.ravel()], axis=1) * 512
    chosen = np.random.default_rng(seed).choice(len(corners), patches, replace=False)
    return corners[np.sort(chosen)]


def edges_of(corners: np.ndarray, *, reverse: bool = False) -> Tensor:
    return edge_index(nearest_neighbours(corners), reverse=reverse)


def table_of(corners: np.ndarray) -> Neighbourhood:
    table = as_neighbourhood(edges_of(corners), len(corners))
    assert table is not None
    return table


def kernels(kind: str) -> Kernels:
    if kind == "compiled":
        if not compiler_found():
            pytest.skip("no C++ compiler")
        assert compiled_kernels() is not EAGER
        return compiled_kernels()
    return EAGER


def test_a_seed_gives_the_parameters_of_torch_geometrics() -> None:
    torch.manual_seed(3)
    record, next_number = GATv2Conv(24, 16, heads=2).state_dict(), torch.rand(1)
    torch.manual_seed(3)
    ours = NeighbourAttention(24, 16, heads=2, dropout=0.0).state_dict()
    assert torch.equal(torch.rand(1), next_number)
    assert list(ours) == list(record)
    assert all(torch.equal(ours[name], record[name]) for name in record)


@pytest.mark.parametrize("kind", ["eager", "compiled"])
@pytest.mark.parametrize("patches", [2, 5, 300])
def test_values_and_gradients_are_torch_geometrics(kind: str, patches: int) -> None:
    torch.manual_seed(0)
    corners = ragged_grid(patches)
    record = GATv2Conv(24, 16, heads=2)
    ours = NeighbourAttention(24, 16, heads=2, dropout=0.0)
    ours.load_state_dict(record.state_dict())
    ours.kernels = kernels(kind)
    x = torch.randn(patches, 24, requires_grad=True)
    weight = torch.randn(patches, 32)
    outcomes = []
    for layer, graph in ((record, edges_of(corners)), (ours, table_of(corners))):
        out = layer(x, graph)
        gradients = torch.autograd.grad((out * weight).sum(), [x, *layer.parameters()])
        outcomes.append([out.detach(), *gradients])
    for expected, found in zip(*outcomes, strict=True):
        tolerance = 1e-5 * float(expected.abs().max()) + 1e-7
        assert float((expected - found).abs().max()) <= tolerance


def test_gradients_where_all_gather_from_the_same_few() -> None:
    """Coinciding patches: a reverse table would be mostly padding."""
    torch.manual_seed(0)
    corners = np.zeros((90, 2), np.int64)
    layer = NeighbourAttention(6, 4, heads=2, dropout=0.0).double()
    x = torch.randn(90, 6, dtype=torch.float64, requires_grad=True)
    table = table_of(corners)
    assert table.places.shape[1] == 90
    parameters = [x, *layer.parameters()]
    expected, found = (
        torch.autograd.grad(layer(x, graph).square().sum(), parameters)
        for graph in (edges_of(corners), table)
    )
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_attention_dropout_has_its_gradient() -> None:
    layer = NeighbourAttention(5, 3, heads=2, dropout=0.4).double()
    x = torch.randn(12, 5, dtype=torch.float64, requires_grad=True)
    table = table_of(ragged_grid(12))

    def forward(x: Tensor) -> Tensor:
        torch.manual_seed(3)
        out: Tensor = layer(x, table)
        return out

    assert not torch.equal(forward(x), layer.eval()(x, table))
    layer.train()
    assert torch.autograd.gradcheck(forward, x)


def test_only_fixed_degrees_become_a_table() -> None:
    corners = ragged_grid(60)
    assert torch.equal(table_of(corners).edges(), edges_of(corners))
    assert as_neighbourhood(edges_of(corners, reverse=True), 60) is None
    with_loop = edges_of(corners).clone()
    with_loop[0, 0] = 0
    assert as_neighbourhood(with_loop, 60) is None


@pytest.mark.parametrize("rate", [0.5, 0.25, 0.1])
def test_dropout_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(0)
    mask = kept((400, 500), rate)
    assert float((mask == 0).float().mean()) == pytest.approx(rate, abs=0.005)
    assert float(mask.mean()) == pytest.approx(1.0, abs=0.01)
    assert len(mask.unique()) == 2
    x = torch.ones(3, 5)
    assert dropout(x, rate, training=False) is x
    assert dropout(x, 0.0, training=True) is x


MODEL = ModelSettings(feature_width=20, genes=11, hidden_width=16, memory_width=8, components=4)


@pytest.mark.parametrize(
    ("settings", "taught"),
    [
        ({}, False),
        (
            {"commitment_scope": "all", "orthogonality_scope": "label", "commitment_mean": True},
            True,
        ),
        ({"orthogonality_mean": True, "orthogonality_scope": "label"}, False),
    ],
    ids=["paper", "all-taught", "authors-scale"],
)
def test_several_bags_are_the_mean_of_one_by_one(settings: dict[str, object], taught: bool) -> None:
    torch.manual_seed(0)
    training = TrainingSettings(**settings)
    network = MoMKD(MODEL).eval()
    sizes, labels = (9, 30, 4, 17), (1, 0, 1, 0)
    bags = [torch.randn(size, 20) for size in sizes]
    tables = [table_of(ragged_grid(size, seed)) for seed, size in enumerate(sizes)]
    expression = [torch.randn(11), None, torch.randn(11), torch.randn(11)]
    aims = (0.9, 0.2, 1.0, 0.4)
    singles = []
    for bag, table, label, genes, aim in zip(bags, tables, labels, expression, aims, strict=True):
        output = network(bag, table, genes)
        terms = network.loss(output, label, genes, training, aim if taught else None)
        singles.append((terms, output.probability))
    missing = torch.full((11,), torch.nan)
    found = batch_loss(
        network,
        BagBatch(
            torch.cat(bags),
            side_by_side(tables, sizes),
            sizes,
            torch.tensor(labels),
            torch.stack([missing if genes is None else genes for genes in expression]),
            targets=torch.tensor(aims) if taught else None,
        ),
        training,
    )
    for name in found.terms._fields:
        expected = torch.stack([getattr(terms, name) for terms, _ in singles]).mean()
        torch.testing.assert_close(getattr(found.terms, name), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.probability, torch.stack([p for _, p in singles]))
    mean = torch.stack([terms.total for terms, _ in singles]).mean()
    parameters = list(network.parameters())
    for a, b in zip(
        torch.autograd.grad(found.terms.total, parameters),
        torch.autograd.grad(mean, parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
