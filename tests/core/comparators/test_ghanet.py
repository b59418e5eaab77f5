"""What makes G-HANet itself: tokens that reconstruct expression, and read the slide where they
found it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from teaching import begun, cohort, train, without_expression

from momkd_core.comparators.gene_groups import gene_groups
from momkd_core.comparators.ghanet import GHANet, attended
from momkd_core.errors import ExpressionError


def test_genes_are_those_of_the_labels_grouped_by_how_they_vary_together() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    programmes = random.normal(size=(60, 3)) + labels[:, None] * 2
    expression = np.concatenate(
        [programmes[:, [p]] + 0.1 * random.normal(size=(60, 4)) for p in range(3)]
        + [random.normal(size=(60, 20)) * 0.001, np.ones((60, 2))],
        axis=1,
    ).astype(np.float32)
    found = gene_groups(expression, labels, 3, seed=0)
    assert (found[:12] >= 0).all()
    assert [len(set(found[start : start + 4])) for start in (0, 4, 8)] == [1, 1, 1]
    assert len(set(found[:12])) == 3
    assert (found[12:] == -1).mean() > 0.8  # chance finds one in twenty
    assert (found[-2:] == -1).all()  # genes that never vary
    assert np.array_equal(found, gene_groups(expression, labels, 3, seed=0))


def test_where_no_gene_tells_the_labels_apart_the_nearest_to_it_are_taken() -> None:
    expression = np.random.default_rng(1).normal(size=(8, 7)).astype(np.float32)
    expression[1::2] = expression[::2]
    assert (gene_groups(expression, np.arange(8) % 2, 6, seed=0) >= 0).sum() == 6


def test_fewer_genes_than_tokens_are_a_group_each() -> None:
    expression = np.random.default_rng(1).normal(size=(8, 4)).astype(np.float32)
    assert sorted(gene_groups(expression, np.arange(8) % 2, 6, seed=0)) == [0, 1, 2, 3]


def test_too_few_cases_to_test_genes_are_refused() -> None:
    with pytest.raises(ExpressionError, match="Fewer than two training cases"):
        gene_groups(np.zeros((3, 9), np.float32), np.arange(3) % 2, 6, seed=0)


def test_a_gene_is_reconstructed_from_the_token_of_its_group() -> None:
    method = begun(GHANet, cohort(12, seed=1)).eval()
    assert isinstance(method, GHANet)
    tokens = torch.randn(6, 512, requires_grad=True)
    expression = method.reconstruct(tokens)
    for gene in (method.group >= 0).nonzero()[:, 0].tolist():
        gradient = torch.autograd.grad(expression[gene], tokens, retain_graph=True)[0]
        assert gradient.any(1).nonzero()[:, 0].tolist() == [int(method.group[gene])]


def test_reconstruction_is_perfect_only_where_level_and_profile_are() -> None:
    method = begun(GHANet, cohort(12, seed=1)).eval()
    assert isinstance(method, GHANet)
    tokens = torch.randn(6, 512)
    with torch.no_grad():
        expression = method.reconstruct(tokens)
        same = float(method.reconstruction_loss(tokens, expression))
        opposite = float(method.reconstruction_loss(tokens, -expression))
    assert same == pytest.approx(0, abs=1e-6)
    groups = int(method.group.max()) + 1
    # Opposite in every group: (1 + 1)³ each, and the squared level.
    level = sum(float((4 * expression[method.group == g] ** 2).mean()) for g in range(groups))
    assert opposite == pytest.approx(8 * groups + level, rel=1e-4)


def test_expression_of_unseen_slides_is_reconstructed_from_their_patches() -> None:
    slides = cohort(24, seed=3)
    method = begun(GHANet, slides)
    assert isinstance(method, GHANet)
    train(method, slides, 3)
    method.eval()
    unseen = cohort(40, seed=4)
    with torch.no_grad():
        read = [method.read_slide(slide.features).tokens for slide in without_expression(unseen)]
        found = torch.stack([method.reconstruct(tokens) for tokens in read]).numpy()
    truth = np.stack([slide.expression.numpy() for slide in unseen if slide.expression is not None])
    # The first ten genes follow the label with 2 of noise 1: no more than about 0.7 can be found.
    correlation = [np.corrcoef(found[:, g], truth[:, g])[0, 1] for g in range(10)]
    assert np.mean(correlation) > 0.5


def test_a_token_reads_the_fifth_of_patches_most_like_it_and_the_task_does_not_move_that() -> None:
    likeness = torch.randn(6, 50, requires_grad=True)
    weights = attended(likeness)
    assert not weights.requires_grad
    assert ((weights > 0).sum(1) == 10).all()
    assert weights.sum(1).tolist() == pytest.approx([1] * 6)
    assert torch.equal(weights.argmax(1), likeness.argmax(1))
    lowest_read = torch.where(weights > 0, likeness, torch.inf).min(1).values
    highest_unread = torch.where(weights > 0, -torch.inf, likeness).max(1).values
    assert (lowest_read >= highest_unread).all()


def test_hyper_attention_is_half_the_gate_and_half_the_tokens() -> None:
    method = begun(GHANet, cohort(8, seed=5)).eval()
    assert isinstance(method, GHANet)
    features = torch.randn(50, 24)
    with torch.no_grad():
        attention = method.read_slide(features).attention
        gate = method.gate(method.embed(features))
        tokens = attended(method.associate(features)[1])
    assert torch.allclose(attention, (gate + tokens) / 2)
    assert not torch.allclose(attention[0], attention[1])  # a weighting a token
