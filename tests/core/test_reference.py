"""Preset ``reference`` against the authors' public model (../shared/data/golden, where present)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from momkd_core.checkpoint import load_model
from momkd_core.cli.main import main
from momkd_core.features import FeatureBag, write_features
from momkd_core.model.network import MoMKD
from momkd_core.prediction import predict
from momkd_core.reference_import import network_of, our_name
from momkd_core.settings import choose

GOLDEN = Path(__file__).parents[3] / "shared" / "data" / "golden"
IGNORED = ("initted", "cluster_size", "embed_avg")


def load(data: dict[str, np.ndarray]) -> MoMKD:
    weights = {key[6:]: torch.tensor(v) for key, v in data.items() if key.startswith("state/")}
    return network_of(weights)


needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the golden fixtures are not beside the checkout"
)
FIXTURES = ["reference_n90_k4", "reference_n400_k16"]


@needs_golden
@pytest.mark.parametrize("name", FIXTURES)
@pytest.mark.parametrize("label", [0, 1])
def test_reference_matches_the_authors_model(name: str, label: int) -> None:
    data = dict(np.load(GOLDEN / f"{name}.npz"))
    model = load(data)
    _, training = choose("reference", [])
    expression = torch.tensor(data["expression"][0])
    output = model(torch.tensor(data["x"]), torch.tensor(data["edge_index"]), expression)
    terms = model.loss(output, label, expression, training)

    for term, value in terms._asdict().items():
        if term in ("commitment", "orthogonality"):  # theirs gives the sum alone, as memory
            continue
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
        name = our_name(key.split("/", 2)[2])
        assert name is not None
        gradient = parameters[name].grad
        found = (
            np.zeros_like(golden) if gradient is None else gradient.numpy().reshape(golden.shape)
        )
        assert np.abs(found - golden).max() <= 1e-5 * np.abs(golden).max() + 1e-7, key
        compared += 1
    assert compared == len(parameters)


def close(ours: Tensor, golden: np.ndarray) -> None:
    np.testing.assert_allclose(ours.detach().numpy(), golden, rtol=1e-5, atol=1e-6)


@needs_golden
@pytest.mark.parametrize("name", FIXTURES)
def test_an_imported_checkpoint_predicts_as_theirs(name: str, tmp_path: Path) -> None:
    """From their .pt and plain coordinates: our graph with their ties is their graph."""
    data = dict(np.load(GOLDEN / f"{name}.npz"))
    model, bag = tmp_path / "model.safetensors", tmp_path / "slide.h5"
    arguments = ["import-reference", str(GOLDEN / f"{name}.pt"), "--out", str(model)]
    assert main([*arguments, "--threshold", "0.4", "--positive", "her2"]) == 0
    coords = data["coords"].astype(np.int64)
    write_features(bag, FeatureBag(data["x"], coords, size_level0=256))
    loaded = load_model(model)
    result = predict(loaded, bag)
    logits = torch.tensor(data["inference/logits"][0]).double()
    assert result.probability == pytest.approx(float(torch.softmax(logits, 0)[1]), rel=1e-5)
    np.testing.assert_allclose(
        result.attention, data["inference/attention"][:, 0], rtol=1e-5, atol=1e-8
    )
    assert (loaded.card.preset, loaded.threshold, loaded.card.positive) == (
        "reference",
        0.4,
        "her2",
    )


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("code of a stranger was run",)


def test_foreign_checkpoints_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trap, other, text = (tmp_path / n for n in ("trap.pt", "other.pt", "text.pt"))
    torch.save({"attn_log_tau": torch.zeros(()), "trap": Trap()}, trap)
    torch.save({"fc.weight": torch.zeros(2, 2)}, other)
    text.write_text("not a checkpoint")
    torch.save({"attn_log_tau": torch.zeros(())}, tmp_path / "part.pt")
    for file, word in (
        (trap, "more than weights"),
        (other, "is not a checkpoint of the authors'"),
        (text, "text.pt"),
        (tmp_path / "part.pt", "not those of the authors'"),
        (tmp_path / "none.pt", "does not exist"),
    ):
        out = tmp_path / "out.safetensors"
        assert main(["import-reference", str(file), "--out", str(out)]) == 1
        printed = capsys.readouterr()
        assert word in printed.err and "stranger" not in printed.out + printed.err
        assert not out.exists()
