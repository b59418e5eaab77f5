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


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def oracle_total(
    network: MoMKD, encoded: np.ndarray, embedding: np.ndarray, mse: float, label: int
) -> float:
    """Eq. 1, 2 and 6 to 10 from the weights, the encoded patches F_wsi, the expression embedding
    F_omics and the reconstruction error, with the paper's weights."""
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    memories = [unit(weights[f"memory.{name}"]) for name in ("positive", "negative")]
    projected = unit(linear("patch_projection", encoded))
    best = [np.array([max(p @ c for c in memory) for p in projected]) for memory in memories]
    score = best[0] - best[1]  # eq. 6
    attention = np.exp(score / 0.2) / np.exp(score / 0.2).sum()  # eq. 7
    slide = sum(a * f for a, f in zip(attention, encoded, strict=True))  # eq. 8
    logits = linear("head", np.asarray(slide))
    ce = math.log(np.exp(logits).sum()) - logits[label]

    def align(z: np.ndarray) -> float:  # eq. 3 to 5
        delta = phi(z, memories[0]) - phi(z, memories[1])
        return float(np.logaddexp(0, 20 * (0.3 - (delta if label else -delta))))

    own = memories[0 if label else 1]
    commitment = np.mean([min(((p - c) ** 2).sum() for c in own) for p in projected])  # eq. 10
    pairs = [(i, j) for i in range(len(own)) for j in range(len(own)) if i != j]
    spread = sum(float(memory[i] @ memory[j]) ** 2 for memory in memories for i, j in pairs)
    return float(  # eq. 9
        0.5 * ce
        + 0.01 * mse
        + 0.2 * align(unit(linear("slide_projection", np.asarray(slide))))  # eq. 1
        + 0.05 * align(unit(linear("expression_projection", embedding)))  # eq. 2
        + 0.1 * (commitment + spread)
    )


@pytest.mark.parametrize("label", [0, 1])
def test_the_total_of_preset_paper(label: int) -> None:
    """The assembled network; its memory is away from the unit sphere, as after some training."""
    settings, training = choose(
        "paper", ["dropout=0"],
        feature_width=10, genes=9, hidden_width=8, memory_width=6, components=3,
    )  # fmt: skip
    torch.manual_seed(1)
    network = MoMKD(settings).double().eval()
    with torch.no_grad():
        for memory, factors in zip(
            network.memory.parameters(), ([0.4, 1.7, 2.6], [3.1, 0.7, 1.4]), strict=True
        ):
            memory.mul_(torch.tensor(factors)[:, None])
    coords = RANDOM.integers(0, 9, (25, 2)) * 256
    features, expression = tensor(RANDOM.normal(size=(25, 10))), tensor(RANDOM.normal(size=9))
    edges = edge_index(nearest_neighbours(coords, 8))

    def total() -> float:
        output = network(features, edges, expression)
        return float(network.loss(output, label, expression, training).total.detach())

    assert network.autoencoder is not None
    embedding, rebuilt = (value.detach().numpy() for value in network.autoencoder(expression))
    mse = float(((rebuilt - expression.numpy()) ** 2).mean())
    encoded = network.encode_patches(features, edges).encoded.detach().numpy()
    expected = oracle_total(network, encoded, embedding, mse, label)
    # Not closer, because the network keeps the logarithm of τ in single precision.
    assert total() == pytest.approx(expected, rel=1e-7)
    # What the oracle is there to notice.
    for flipped in ("normalise_commitment", "normalise_patches"):
        network.settings = settings.model_copy(update={flipped: False})
        assert total() != pytest.approx(expected, rel=1e-4), flipped
