"""Equations 3 to 10 against a slow oracle in float64, written from the paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from momkd_core.errors import SettingsError
from momkd_core.graph import edge_index, nearest_neighbours
from momkd_core.model.attention import memory_attention, pool
from momkd_core.model.losses import (
    alignment_loss,
    commitment_loss,
    memory_loss,
    orthogonality_loss,
)
from momkd_core.model.network import MoMKD
from momkd_core.settings import choose

RANDOM = np.random.default_rng(5)
Z = RANDOM.normal(size=12)
POSITIVE, NEGATIVE = RANDOM.normal(size=(4, 12)), RANDOM.normal(size=(4, 12))
PATCHES, ENCODED = RANDOM.normal(size=(30, 12)), RANDOM.normal(size=(30, 7))


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float64)


def phi(z: np.ndarray, memory: np.ndarray) -> float:  # eq. 3
    return math.log(sum(math.exp(5.0 * float(z @ c)) for c in memory)) / 5.0


@pytest.mark.parametrize("label", [0, 1])
def test_alignment(label: int) -> None:
    delta = phi(Z, POSITIVE) - phi(Z, NEGATIVE)  # eq. 4
    margin = 0.3 - delta if label == 1 else 0.3 + delta
    expected = math.log1p(math.exp(-abs(20 * margin))) + max(20 * margin, 0)  # eq. 5
    found = alignment_loss(tensor(Z), tensor(POSITIVE), tensor(NEGATIVE), label)
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_memory_loss() -> None:
    commitment = np.mean([min(((p - c) ** 2).sum() for c in POSITIVE) for p in PATCHES])
    orthogonality = sum(
        float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) ** 2
        for i, a in enumerate(POSITIVE)
        for j, b in enumerate(POSITIVE)
        if i != j
    )
    patches, memory = tensor(PATCHES), tensor(POSITIVE)
    assert float(commitment_loss(patches, memory)) == pytest.approx(commitment, rel=1e-12)
    assert float(orthogonality_loss(memory)) == pytest.approx(orthogonality, rel=1e-12)
    assert float(memory_loss(patches, memory)) == pytest.approx(
        commitment + orthogonality, rel=1e-12
    )


def test_commitment_does_not_move_components() -> None:
    patches = tensor(PATCHES).requires_grad_()
    memory = tensor(POSITIVE).requires_grad_()
    commitment_loss(patches, memory).backward()
    assert memory.grad is None
    assert patches.grad is not None and patches.grad.abs().sum() > 0


def oracle_attention(muted_positive: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    kept = [c for j, c in enumerate(POSITIVE) if j not in muted_positive]
    scores = np.array(
        [max(p @ c for c in kept) - max(p @ c for c in NEGATIVE) for p in PATCHES]  # eq. 6
    )
    weights = np.exp((scores - scores.max()) / 0.2)
    return scores, weights / weights.sum()  # eq. 7


@pytest.mark.parametrize("muted", [(), (2,), (0, 3)])
def test_attention_and_pooling(muted: tuple[int, ...]) -> None:
    scores, weights = oracle_attention(muted)
    affinity, attention = memory_attention(
        tensor(PATCHES), tensor(POSITIVE), tensor(NEGATIVE), muted={"positive": muted}
    )
    np.testing.assert_allclose(affinity, scores, rtol=1e-12)
    np.testing.assert_allclose(attention, weights, rtol=1e-9)
    np.testing.assert_allclose(pool(attention, tensor(ENCODED)), weights @ ENCODED, rtol=1e-9)


@pytest.mark.parametrize(
    ("muted", "message"),
    [
        ({"positive": [0, 1, 2, 3]}, "All 4 components of the positive memory are muted"),
        ({"negative": [4]}, "no component 4"),
        ({"negative": [-1]}, "no component -1"),
        ({"both": [0]}, "no memory 'both'"),
    ],
)
def test_impossible_muting(muted: dict[str, list[int]], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        memory_attention(tensor(PATCHES), tensor(POSITIVE), tensor(NEGATIVE), muted=muted)


@pytest.mark.parametrize("label", [0, 1])
def test_the_total_of_preset_paper(label: int) -> None:
    """Eq. 9 from the network's own outputs, each term by the oracle, with the paper's weights."""
    settings, training = choose(
        "paper",
        ["dropout=0"],
        feature_width=10,
        genes=9,
        hidden_width=8,
        memory_width=6,
        components=3,
    )
    torch.manual_seed(1)
    network = MoMKD(settings).double().eval()
    coords = RANDOM.integers(0, 9, (25, 2)) * 256
    features, expression = RANDOM.normal(size=(25, 10)), RANDOM.normal(size=9)
    edges = edge_index(nearest_neighbours(coords, 8))
    output = network(tensor(features), edges, tensor(expression))
    found = network.loss(output, label, tensor(expression), training)

    unit = [m.detach().numpy() for m in network.memory.unit()]
    logits = output.logits.detach().numpy()
    ce = math.log(np.exp(logits).sum()) - logits[label]
    mse = ((output.reconstruction.detach().numpy() - expression) ** 2).mean()

    def align(z: torch.Tensor) -> float:
        delta = phi(z.detach().numpy(), unit[0]) - phi(z.detach().numpy(), unit[1])
        return float(np.logaddexp(0, 20 * (0.3 - (delta if label else -delta))))

    projected, own = output.patches.projected.detach().numpy(), unit[0 if label else 1]
    commitment = np.mean([min(((p - c) ** 2).sum() for c in own) for p in projected])
    spread = sum(
        float(m[i] @ m[j]) ** 2 for m in unit for i in range(3) for j in range(3) if i != j
    )
    expected = (
        0.5 * ce
        + 0.01 * mse
        + 0.2 * align(output.slide_projection)
        + 0.05 * align(output.expression_projection)
        + 0.1 * (commitment + spread)
    )
    assert float(found.total.detach()) == pytest.approx(expected, rel=1e-10)
