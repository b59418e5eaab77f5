"""Preset ``reference`` against the authors' public model (../shared/data/golden, where present)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from momkd_core.model.network import MoMKD
from momkd_core.settings import choose

GOLDEN = Path(__file__).parents[3] / "shared" / "data" / "golden"
NAMES = {
    "attn_log_tau": "log_temperature",
    "rna_tower.encoder": "autoencoder.encoder",
    "rna_decoder.decoder": "autoencoder.decoder",
    "rna_projector": "expression_projection",
    "wsi_encoder.gat": "graph_encoder.layer",
    "wsi_encoder.ln": "graph_encoder.norm",
    "wsi_encoder.res_proj1": "graph_encoder.residual",
    "wsi_patch_projector": "patch_projection",
    "wsi_pool_projector": "slide_projection",
    "wsi_classifier_proto": "head",
    "mem_pos._codebook.embed": "memory.positive",
    "mem_neg._codebook.embed": "memory.negative",
}
IGNORED = ("initted", "cluster_size", "embed_avg")


def our_name(theirs: str) -> str:
    for prefix, replacement in NAMES.items():
        if theirs.startswith(prefix):
            return replacement + theirs[len(prefix) :]
    raise KeyError(theirs)


def load(data: dict[str, np.ndarray]) -> MoMKD:
    state = {
        our_name(key[6:]): torch.tensor(value)
        for key, value in data.items()
        if key.startswith("state/") and not key.endswith(IGNORED)
    }
    for name in ("memory.positive", "memory.negative"):
        state[name] = state[name][0]
    settings, _ = choose(
        "reference",
        [],
        feature_width=data["x"].shape[1],
        genes=data["expression"].shape[1],
        hidden_width=len(state["graph_encoder.norm1.weight"]),
        memory_width=state["memory.positive"].shape[1],
        components=len(state["memory.positive"]),
        head_width=len(state["head.1.bias"]),
        heads=int(data["heads"]),
        dropout=0.0,
    )
    model = MoMKD(settings)
    model.load_state_dict(state)
    return model


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden fixtures are not beside the checkout")
@pytest.mark.parametrize("name", ["reference_n90_k4", "reference_n400_k16"])
@pytest.mark.parametrize("label", [0, 1])
def test_reference_matches_the_authors_model(name: str, label: int) -> None:
    data = dict(np.load(GOLDEN / f"{name}.npz"))
    model = load(data)
    _, training = choose("reference", [])
    expression = torch.tensor(data["expression"][0])
    output = model(torch.tensor(data["x"]), torch.tensor(data["edge_index"]), expression)
    terms = model.loss(output, label, expression, training)

    for term, value in terms._asdict().items():
        golden = float(data[f"y{label}/loss/{term}"])
        assert float(value.detach()) == pytest.approx(golden, rel=1e-5), term
    close(output.logits, data[f"y{label}/out/logits"][0])
    close(output.logits, data["inference/logits"][0])
    close(output.reading.attention, data["inference/attention"][:, 0])
    assert output.expression_projection is not None and output.reconstruction is not None
    close(output.expression_projection, data[f"y{label}/out/rna_proj"][0])
    close(output.slide_projection, data[f"y{label}/out/wsi_proj"][0])
    close(output.reconstruction, data[f"y{label}/out/reconstructed_rna"][0])

    terms.total.backward()
    parameters = dict(model.named_parameters())
    compared = 0
    for key, golden in data.items():
        if not key.startswith(f"y{label}/grad/") or key.endswith(IGNORED):
            continue
        gradient = parameters[our_name(key.split("/", 2)[2])].grad
        found = (
            np.zeros_like(golden) if gradient is None else gradient.numpy().reshape(golden.shape)
        )
        assert np.abs(found - golden).max() <= 1e-5 * np.abs(golden).max() + 1e-7, key
        compared += 1
    assert compared == len(parameters)


def close(ours: Tensor, golden: np.ndarray) -> None:
    np.testing.assert_allclose(ours.detach().numpy(), golden, rtol=1e-5, atol=1e-6)
