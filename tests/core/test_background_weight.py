"""Background kept out of the memory: at its first components, in commitment, and in attention."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import TINY, write_feature_cohort

from momkd_core import load_model, predict, read_features
from momkd_core.cli.main import main
from momkd_core.cohort import read_cohort
from momkd_core.errors import FeatureError, TissueError
from momkd_core.features import FeatureBag, write_features
from momkd_core.graph import slide_edges
from momkd_core.ledger import Ledger
from momkd_core.memory_initialisation import initial_components, initialise_memory
from momkd_core.model.attention import read_memory
from momkd_core.model.bag_batch import BagBatch, batch_loss
from momkd_core.model.class_memory import ClassMemory
from momkd_core.model.losses import commitment_loss, commitment_loss_mean
from momkd_core.model.neighbourhood import patch_graph, side_by_side
from momkd_core.model.network import MoMKD
from momkd_core.patch_weights import patch_weights
from momkd_core.progress import CancelToken
from momkd_core.run_folder import read_predictions
from momkd_core.settings import ModelSettings, TrainingSettings, validated
from momkd_core.training_slides import SlideStore, TrainingSlide
from momkd_core.training_step import forward_pass

SMALL = ModelSettings(
    feature_width=6, hidden_width=8, memory_width=4, components=2, dropout=0.0, genes=0
)


@pytest.fixture
def bag() -> FeatureBag:
    """Twelve patches: the first four on glass, the others on ever more tissue."""
    random = np.random.default_rng(5)
    grid = np.stack(np.divmod(np.arange(12), 4), axis=1).astype(np.int64) * 256
    tissue = np.array([0, 0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1], np.float32)
    features = random.normal(0, 1, (12, 6)).astype(np.float32)
    return FeatureBag(features, grid, 256, tissue_fraction=tissue)


def test_a_weight_is_tissue_and_what_background_counts_for(bag: FeatureBag) -> None:
    assert patch_weights(bag, SMALL, "s") is None
    found = patch_weights(bag, SMALL.model_copy(update={"background_weight": 0.25}), "s")
    assert found is not None and bag.tissue_fraction is not None
    np.testing.assert_allclose(found, 0.25 + 0.75 * bag.tissue_fraction, atol=1e-7)
    none = SMALL.model_copy(update={"background_weight": 0.0})
    with pytest.raises(FeatureError, match="s cannot be weighed by tissue"):
        patch_weights(replace(bag, tissue_fraction=None), none, "s")
    with pytest.raises(TissueError, match="no patch with tissue"):
        patch_weights(replace(bag, tissue_fraction=np.zeros(12, np.float32)), none, "s")


def test_a_whole_weight_is_a_patch_that_is_there_so_often() -> None:
    """Two patches of weight 2 and none of weight 0 are four patches and none."""
    random = torch.manual_seed(0)
    patches, memory = torch.randn(5, 4, generator=random), torch.randn(3, 4, generator=random)
    weights = torch.tensor([1.0, 2.0, 0.0, 2.0, 1.0])
    repeated = patches.repeat_interleave(weights.long(), dim=0)
    for loss in (commitment_loss, commitment_loss_mean):
        torch.testing.assert_close(loss(patches, memory, weights), loss(repeated, memory))
    weighed = read_memory(patches, memory, -memory, weights=weights).attention
    alone = read_memory(repeated, memory, -memory).attention
    owner = torch.arange(5).repeat_interleave(weights.long())
    torch.testing.assert_close(weighed, torch.zeros(5).index_add(0, owner, alone))
    assert weighed[2] == 0
    followed = []
    for of, counting in ((patches, weights), (repeated, None)):
        torch.manual_seed(1)
        ema = ClassMemory(2, 4)
        ema.follow(of, 1, 0.5, counting)
        followed.append(ema.positive.detach())
    torch.testing.assert_close(*followed)
    points = np.random.default_rng(0).normal(0, 1, (60, 4)).astype(np.float32)
    heavy = np.where(np.arange(60) < 30, 1.0, 1e-6).astype(np.float32)
    for spherical in (False, True):
        found = initial_components(points, 1, 0, spherical=spherical, weights=heavy)
        half = initial_components(points[:30], 1, 0, spherical=spherical)
        torch.testing.assert_close(found, half, atol=1e-3, rtol=0)


def test_the_first_components_come_from_what_counts(tmp_path: Path, bag: FeatureBag) -> None:
    settings = SMALL.model_copy(update={"background_weight": 0.0})
    path = tmp_path / "s.h5"
    write_features(path, bag)
    slides = [TrainingSlide(f"c{label}", path, label, None) for label in (1, 0)]
    torch.manual_seed(0)
    network, store = MoMKD(settings), SlideStore(settings)
    initialise_memory(network, slides, store, TrainingSettings(), 0, CancelToken(), Ledger())
    with torch.no_grad():
        projected = network.encode_patches(*store[path].on(torch.device("cpu"))).projected.numpy()
    assert bag.tissue_fraction is not None
    random = np.random.default_rng(0)
    for memory in (network.memory.positive, network.memory.negative):
        order = random.permutation(12)
        order = order[order >= 4]  # the first four are glass
        expected = initial_components(projected[order], 2, 0, weights=bag.tissue_fraction[order])
        torch.testing.assert_close(memory.detach(), expected)


def test_bags_side_by_side_weigh_as_one_by_one(bag: FeatureBag) -> None:
    torch.manual_seed(0)
    network = MoMKD(SMALL).eval()
    other = replace(bag, features=bag.features[::-1].copy(), tissue_fraction=bag.tissue_fraction)
    graphs = [patch_graph(slide_edges("s", one, SMALL), 12) for one in (bag, other)]
    features = [torch.from_numpy(one.features) for one in (bag, other)]
    weights = torch.from_numpy(bag.tissue_fraction)
    for scope in ("all", "label"):
        settings = TrainingSettings(commitment_scope=scope)
        singles = [
            network.loss(network(one, graph, weights=weights), label, None, settings)
            for label, one, graph in zip((1, 0), features, graphs, strict=True)
        ]
        batch = BagBatch(
            torch.cat(features),
            side_by_side(graphs, (12, 12)),
            (12, 12),
            torch.tensor([1, 0]),
            None,
            torch.cat([weights, weights]),
        )
        together = batch_loss(network, batch, settings).terms
        for name in ("ce", "commitment", "align_slide", "total"):
            expected = sum(getattr(one, name) for one in singles) / 2
            torch.testing.assert_close(getattr(together, name), expected, rtol=1e-4, atol=1e-6)
        together.total.backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in network.parameters())
    assert (network(features[0], graphs[0], weights=weights).reading.attention[:4] == 0).all()


class Plain(torch.nn.Module):
    """Each patch by itself."""

    def forward(self, features: torch.Tensor, graph: object) -> torch.Tensor:
        return features @ torch.eye(6, 8)


@pytest.mark.parametrize("bags", [1, 2])
@pytest.mark.parametrize("memory", ["momentum", "ema"])
def test_a_pass_weighs_each_bag(tmp_path: Path, bag: FeatureBag, memory: str, bags: int) -> None:
    settings = SMALL.model_copy(update={"background_weight": 0.0})
    write_features(tmp_path / "a.h5", bag)
    write_features(tmp_path / "b.h5", replace(bag, features=bag.features[::-1].copy()))
    slides = [TrainingSlide(name, tmp_path / f"{name}.h5", 1, None) for name in "ab"]
    training = validated(TrainingSettings, {"memory": memory})
    store, found = SlideStore(settings), []
    for glass in (0.0, 9.0):  # what is on the glass is nothing to the memory
        torch.manual_seed(0)
        network = MoMKD(settings).eval()
        # In place of the encoder, which gathers from neighbours on glass too.
        network.graph_encoder = Plain()  # type: ignore[assignment]
        for slide in slides:
            store[slide.features].features[:4] += glass
        passed = forward_pass(network, slides[:bags], store, training)
        total, memory_after = passed.terms.total.detach(), network.memory.positive.detach()
        found.append((total, passed.probabilities, memory_after))
    for first, second in zip(found[0], found[1], strict=True):
        torch.testing.assert_close(torch.as_tensor(first), torch.as_tensor(second))


def test_training_and_prediction_weigh_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_feature_cohort(tmp_path)
    arguments = ["train", str(table), "--expression", str(tmp_path / "expression.csv"), *TINY]
    arguments += ["--epochs", "2", "--out", str(tmp_path / "run"), "--set", "background_weight=0"]
    assert main(arguments) == 1  # nothing is known of the tissue
    assert "cannot be weighed by tissue, as background_weight=0 asks for" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    random = np.random.default_rng(0)
    for path in tmp_path.glob("*.h5"):
        tissue = random.uniform(0, 1, 20).astype(np.float32)
        tissue[:5] = 0
        write_features(path, replace(read_features(path), tissue_fraction=tissue))
    assert main(arguments) == 0
    model = load_model(tmp_path / "run" / "folds" / "0" / "model.safetensors")
    assert model.card.model.background_weight == 0
    rows = read_predictions(tmp_path / "run" / "folds" / "0" / "predictions.csv")
    for row in rows:
        bag = read_features(tmp_path / f"{row['case_id']}_0.h5")
        result = predict(model, bag)
        assert result.probability == pytest.approx(float(row["probability"]), abs=1e-6)
        assert (result.attention[:5] == 0).all()
    with pytest.raises(FeatureError, match="background_weight=0"):
        predict(model, replace(bag, tissue_fraction=None))


def test_what_a_fold_depends_on_includes_the_tissue(tmp_path: Path, bag: FeatureBag) -> None:
    path, weighing = tmp_path / "s.h5", SMALL.model_copy(update={"background_weight": 0.0})
    write_features(path, bag)
    plain, weighed = SlideStore(SMALL).sha256(path), SlideStore(weighing).sha256(path)
    write_features(path, replace(bag, tissue_fraction=np.ones(12, np.float32)))
    assert SlideStore(SMALL).sha256(path) == plain
    assert SlideStore(weighing).sha256(path) != weighed


def test_imported_features_are_weighed_by_their_slides(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    own = read_features(features_folder / "case_00.h5")
    path = tmp_path / "case_00.h5"
    write_features(path, replace(own, tissue_fraction=None))
    settings = ModelSettings(feature_width=own.width, background_weight=0.0)
    slide = read_cohort(cohort_path).cases[0].slides[0].slide
    found = SlideStore(settings, slides={path: (slide, None)})[path].weights
    assert found is not None and own.tissue_fraction is not None
    np.testing.assert_array_equal(found.numpy(), own.tissue_fraction)
