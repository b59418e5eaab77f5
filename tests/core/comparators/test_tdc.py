"""What makes TDC itself: two stages, contrast with neighbours, and teachers heard where they agree."""

from __future__ import annotations

import pytest
import torch
from teaching import begun, cohort, train
from torch.nn import functional as F

from momkd_core.comparators.contrastive_distillation import ContrastiveDistillation
from momkd_core.comparators.gradient_agreement import agreement
from momkd_core.comparators.salience import without_salient_genes, without_salient_patches
from momkd_core.comparators.tdc import TDC, discrepancy


def test_a_loss_counts_as_often_as_gradients_at_a_slide_agree_with_its_own() -> None:
    features = torch.zeros(2, 3, requires_grad=True)
    up, along, diagonal = (
        torch.tensor(d) for d in ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0])
    )

    def pull(first: torch.Tensor, second: torch.Tensor, size: float) -> torch.Tensor:
        return size * (features * torch.stack([first, second])).sum(1)

    nothing = torch.zeros(3)
    losses = [
        pull(up, along, 1),
        pull(diagonal, -along, 100),  # how hard it pulls is nothing to it
        pull(-up, along, 0.01),
        pull(along, nothing, 1),
    ]
    expected = [[2, 2], [3, 1], [1, 2], [2, 0]]
    assert agreement(losses, features).tolist() == expected


def test_the_student_does_not_hear_a_teacher_that_contradicts_all_others() -> None:
    slides = cohort(8, seed=1)
    method = begun(TDC, slides)
    assert isinstance(method, TDC)
    method.begin_epoch(1, 2)
    features = method.student.of(slides)
    logits = method.student.head(features)
    labels = torch.tensor([slide.label for slide in slides])
    ce = F.cross_entropy(logits, labels, reduction="none")
    weights = agreement([ce, ce, -ce], features)
    assert weights.tolist() == [[2.0] * 8, [2.0] * 8, [1.0] * 8]


def test_contrast_is_with_neighbours_of_the_same_label_in_the_remembered_space() -> None:
    contrast = ContrastiveDistillation(128)
    labels = torch.tensor([0] * 10 + [1] * 10)
    contrast.begin(labels, torch.Generator().manual_seed(0))
    rows = contrast.remembered_teacher
    rows[3] = rows[12] = rows[7] * 0.5 + 0.01  # a neighbour, and one of the other label
    found, similarity = contrast.neighbours(rows, torch.tensor([7, 12]))
    assert found[:, 0].tolist() == [7, 12]  # itself
    assert found[0, 1] == 3
    assert found.shape == (2, 6)
    other = labels[found] != labels[[7, 12]][:, None]
    assert (similarity[other] == 0).all()  # others fill up, and weigh nothing


def test_contrast_is_least_where_the_student_says_what_the_teacher_says() -> None:
    torch.manual_seed(0)
    contrast = ContrastiveDistillation(8)
    contrast.student.load_state_dict(contrast.teacher.state_dict())
    labels, cases = torch.arange(12) % 2, torch.arange(12)
    contrast.begin(labels, torch.Generator().manual_seed(0))
    teacher = torch.randn(2, 8)[labels] + 0.1 * torch.randn(12, 8)
    for _ in range(8):  # until it remembers
        contrast(teacher, teacher, cases)
    assert contrast.remembered_teacher.norm(dim=1).tolist() == pytest.approx([1] * 12)
    alike = contrast(teacher, teacher, cases)
    of_the_other_label = contrast(teacher.roll(1, 0), teacher, cases)
    assert (alike < of_the_other_label).all()


def test_what_the_teacher_leans_on_most_is_taken_away() -> None:
    torch.manual_seed(0)
    features = torch.randn(200, 4) * 0.01
    features[:20] += 10  # alike, and few enough to be of few groups
    gradient = torch.full_like(features, 0.1)
    gradient[:20] = -5.0
    kept = without_salient_patches(features, gradient)
    assert (kept[:, 0] < 5).sum() == 180
    assert len(kept) < 200
    assert len(without_salient_patches(features[:1], gradient[:1])) == 1
    genes = torch.arange(1.0, 9).repeat(2, 1)
    by_gene = torch.tensor([[9, -9, 9, -9, 9, 1, 1, 1.0], [1, 1, 1, 9, -9, 9, -9, 9]])
    masked = without_salient_genes(genes, by_gene)
    assert masked.tolist() == [[0, 0, 0, 0, 0, 6, 7, 8], [1, 2, 3, 0, 0, 0, 0, 0]]


def test_only_a_surer_teacher_weighs_more_and_at_most_double() -> None:
    student = torch.tensor([[0.0, 0.0], [0.0, 0.4], [3.0, 0.0]])
    teacher = torch.tensor([[0.0, 0.5], [0.4, 0.0], [0.0, 9.0]])
    labels = torch.tensor([1, 1, 1])
    assert discrepancy(student, teacher, labels).tolist() == pytest.approx([0.5, 0, 1])


def test_the_student_learns_only_after_the_teacher_and_the_averages_follow_both() -> None:
    slides = cohort(8, seed=2)
    method = begun(TDC, slides)
    assert isinstance(method, TDC)

    def weights(module: torch.nn.Module) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    student, teacher = weights(method.student), weights(method.teacher)
    train(method, slides, 2)  # an epoch of either stage
    assert not torch.equal(weights(method.teacher), teacher)
    taught = weights(method.teacher)
    assert not torch.equal(weights(method.student), student)
    assert torch.equal(weights(method.averaged_student), weights(method.student))  # its first step
    method.begin_epoch(1, 2)
    method.steps[1] = 1000
    before, now = weights(method.averaged_student), weights(method.student)
    with torch.no_grad():
        for parameter in method.student.parameters():
            parameter.add_(1)
    method.after_step()
    assert torch.allclose(weights(method.averaged_student), before + 0.01, atol=1e-5)
    assert torch.equal(weights(method.teacher), taught)
    assert not torch.equal(now, weights(method.student))


def test_a_killed_training_goes_on_with_what_was_remembered() -> None:
    slides = cohort(8, seed=3)
    method = begun(TDC, slides)
    train(method, slides, 2)
    again = begun(TDC, slides)
    again.load_state_dict(method.state_dict())
    assert isinstance(again, TDC)
    assert isinstance(method, TDC)
    assert torch.equal(
        again.from_average.remembered_student, method.from_average.remembered_student
    )
    assert again.steps.tolist() == [1, 1]
