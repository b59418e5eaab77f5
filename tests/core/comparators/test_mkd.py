"""What makes MKD itself: knowledge that is shared and knowledge that is not, and learning from each
other."""

from __future__ import annotations

import pytest
import torch
from teaching import begun, cohort

from momkd_core.comparators.mkd import (
    MKD,
    Said,
    discrepancy,
    distillation,
    overlap,
    similarity_kept,
)


def test_what_is_general_is_one_distribution() -> None:
    torch.manual_seed(0)
    one = torch.randn(64, 5)
    assert float(discrepancy(one, one[torch.randperm(64)])) == pytest.approx(0, abs=1e-9)
    assert float(discrepancy(one, one + 2)) == pytest.approx(4, rel=1e-4)  # the mean of squares
    wider = 3 * (one - one.mean(0)) + one.mean(0)
    own = torch.cov(one.T)
    assert float(discrepancy(one, wider)) == pytest.approx(
        float((8 * own).square().mean()), rel=1e-4
    )


def test_what_is_specific_is_orthogonal_on_the_mean_slide() -> None:
    along, across = torch.tensor([[1.0, 0], [2, 0]]), torch.tensor([[0, 1.0], [0, 2]])
    assert float(overlap(along, across)) == 0
    assert float(overlap(along, -along)) == 2.5


def test_similarity_between_slides_is_kept_whatever_the_axes() -> None:
    torch.manual_seed(0)
    student = torch.randn(6, 4)
    turned = student @ torch.linalg.qr(torch.randn(4, 4)).Q
    assert float(similarity_kept(student, turned)) == pytest.approx(0, abs=1e-10)
    assert float(similarity_kept(student, torch.randn(6, 4))) > 0.01


def test_all_three_learn_from_each_other() -> None:
    torch.manual_seed(0)

    def said() -> Said:
        return Said(torch.randn(4, 3, requires_grad=True), torch.randn(4, 2, requires_grad=True))

    student, expression, both = said(), said(), said()
    mutual = distillation(student, expression, both)["mutual"]
    gradients = torch.autograd.grad(mutual, [one.logits for one in (student, expression, both)])
    assert all(gradient.any() for gradient in gradients)
    # Each step towards the others makes them say more alike.
    closer = [
        Said(one.features, one.logits - 0.1 * g)
        for one, g in zip((student, expression, both), gradients, strict=True)
    ]
    assert distillation(*closer)["mutual"] < mutual
    same = Said(student.features.detach(), student.logits.detach())
    agreed = distillation(same, same, same)
    assert float(agreed["mutual"]) == pytest.approx(0, abs=1e-6)
    assert float(agreed["similarity"]) == 0
    assert float(agreed["general"]) == 0


def test_distillation_moves_teachers_and_student() -> None:
    slides = cohort(8, seed=1, genes=600)  # two tokens
    method = begun(MKD, slides)
    assert isinstance(method, MKD)
    terms = method.losses(slides)
    for name in ("similarity", "mutual", "general", "specific"):
        moved = torch.autograd.grad(
            terms[name],
            [
                net.attend.tanh.weight
                for net in (method.student, method.expression, method.both.histology)
            ],
            retain_graph=True,
        )
        assert all(gradient.any() for gradient in moved), name


def test_expression_of_any_length_is_read() -> None:
    slides = cohort(4, seed=2)
    for genes in (1, 512, 513):
        method = MKD(slides[0].features.shape[1], genes).eval()
        longer = [type(s)(s.features, torch.randn(genes), s.label, s.case_id) for s in slides]
        assert all(torch.isfinite(term) for term in method.losses(longer).values())
