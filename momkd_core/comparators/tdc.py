"""TDC: topology-preserving, discrepancy-eliminating contrastive distillation (Xing et al., Medical
Image Analysis 2024, "Comprehensive learning and adaptive teaching").

Stage 1, the first half of the epochs: a teacher of histology, expression and their fusion learns,
each of the three taught by its own moving average too, and answers alike where what it leans on
most is taken away. Stage 2: a student of histology alone learns from the label and from four
losses, of answers and contrasted features, towards the fixed teacher and its own moving average. A
loss counts for a slide as often as other losses pull the student's feature the same way.

Followed, in detail as its public code has it: both stages, the 128-wide features, gated product
fusion, moving averages of 0.99, one of 100 groups and five genes masked, contrast with 6 neighbours
and 4,096 negatives at temperature 0.07, query weights by the margin between teacher and student (1
to 2), agreement above a cosine of 0.25, loss weights 1 and 0.05, Adam, 16 slides a step, linear
decay over 30 epochs a stage.
Adapted, since the paper grades regions of interest by a CNN: patches are read by ABMIL (512, gated
attention 128) instead; superpixels are groups of similar patches, which leave the bag; without
images to augment, teacher and student differ by dropout alone; salience is the size of a gradient,
not its signed sum; parts are masked from the first epoch on, not the second. A case without
expression is taught by the label and the moving averages. The fixed teacher is asked without
dropout.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from momkd_core.comparators.comparator import Comparator, Recipe, Scored, TrainingSlide
from momkd_core.comparators.contrastive_distillation import ContrastiveDistillation
from momkd_core.comparators.gradient_agreement import agreement
from momkd_core.comparators.salience import without_salient_genes, without_salient_patches
from momkd_core.comparators.tdc_networks import WIDTH, Answers, Histology, Teacher
from momkd_core.errors import SettingsError

_KEPT = 0.99  # of a moving average, a step
_CONTRAST = 0.05
_LARGEST_DISCREPANCY = 1.0

Network = TypeVar("Network", bound=nn.Module)


class TDC(Comparator):
    """A two-stage distillation whose student listens where its teachers agree."""

    name = "tdc"
    uses_expression = True
    recipe = Recipe(
        epochs=60,
        learning_rate=5e-4,
        weight_decay=4e-4,
        slides_per_pass=16,
        schedule=lambda done: 1 - 2 * done % 1,  # linear, once a stage
    )

    def __init__(self, width: int, genes: int = 0) -> None:
        super().__init__(width, genes)
        self.student = Histology(width)
        self.teaches = True  # stage 1
        self._row: dict[str, int] = {}
        if genes:
            self.teacher = Teacher(width, genes)
            self.averaged_teacher = _follower(self.teacher)
            self.averaged_student = _follower(self.student)
            self.from_teacher = ContrastiveDistillation(WIDTH)
            self.from_average = ContrastiveDistillation(WIDTH)
            self.register_buffer("steps", torch.zeros(2, dtype=torch.int64))  # of both stages

    steps: Tensor

    def begin(self, slides: Sequence[TrainingSlide], generator: torch.Generator) -> None:
        """Every case gets a row among those that are contrasted.

        Raises:
            SettingsError: one epoch, which is not enough for two stages.
        """
        if self.recipe.epochs < 2:
            raise SettingsError("tdc trains in two stages", "Give --epochs 2 or more")
        label: dict[str, int] = {}
        for slide in slides:
            label.setdefault(slide.case_id, slide.label)
        self._row = {case: row for row, case in enumerate(label)}
        for contrast in (self.from_teacher, self.from_average):
            contrast.begin(torch.tensor(list(label.values())), generator)

    def begin_epoch(self, number: int, of: int) -> None:
        self.teaches = 2 * number < of

    def keepable(self, number: int, of: int) -> bool:
        return 2 * number >= of

    def score(self, features: Tensor) -> Scored:
        """The student's answer; before stage 2 it knows nothing."""
        feature, attention = self.student(features)
        return Scored(self.student.head(feature)[0], attention)

    def losses(self, slides: Sequence[TrainingSlide]) -> dict[str, Tensor]:
        """``teacher`` is zero in stage 2, the others in stage 1."""
        names = ("teacher", "ce", "distillation")
        terms = dict.fromkeys(names, self.student.head.weight.new_zeros(()))
        if self.teaches:
            return terms | {"teacher": self.teacher_loss(slides)}
        return terms | self.student_losses(slides)

    def after_step(self) -> None:
        stage = 0 if self.teaches else 1
        follower, leader = (
            (self.averaged_teacher, self.teacher)
            if self.teaches
            else (self.averaged_student, self.student)
        )
        kept = min(1 - 1 / (int(self.steps[stage]) + 1), _KEPT)
        self.steps[stage] += 1
        with torch.no_grad():
            for old, new in zip(follower.parameters(), leader.parameters(), strict=True):
                old.lerp_(new, 1 - kept)

    def inference_state(self) -> dict[str, Tensor]:
        """The student alone."""
        return {k: v for k, v in self.state_dict().items() if k.startswith("student.")}

    def teacher_loss(self, slides: Sequence[TrainingSlide]) -> Tensor:
        """Stage 1: cross-entropies, consistency with the average, and where parts are masked."""
        teacher, average = self.teacher, self.averaged_teacher
        labels = _labels(slides)
        features = teacher.histology.of(slides)
        with torch.no_grad():
            goals = average.histology.of(slides)
            histology = average.histology.head(goals)
        loss = _instructed(teacher.histology.head(features), histology, labels)
        known = [row for row, slide in enumerate(slides) if slide.expression is not None]
        if known:
            seen = [slides[row] for row in known]
            with torch.no_grad():
                goal = average.say(goals[known], average.expression(_expression(seen)))
            loss = loss + self._fusion_loss(seen, features[known], goal)
        return loss / len(slides)

    def _fusion_loss(
        self, slides: Sequence[TrainingSlide], features: Tensor, goal: Answers
    ) -> Tensor:
        """Stage 1, of slides that have expression: the two branches that read it."""
        teacher, labels = self.teacher, _labels(slides)
        genes = _expression(slides)
        expression = teacher.expression(genes)
        said = teacher.say(features, expression)
        loss = _instructed(said.expression, goal.expression, labels)
        loss = loss + _instructed(said.fused, goal.fused, labels)
        by_patch, by_gene = self._salience(slides, labels)
        fewer = [
            teacher.histology(without_salient_patches(slide.features, gradient))[0]
            for slide, gradient in zip(slides, by_patch, strict=True)
        ]
        masked = teacher.expression(without_salient_genes(genes, by_gene))
        for without in (teacher.say(torch.cat(fewer), expression), teacher.say(features, masked)):
            loss = loss + _taught(without.fused, goal.fused).sum()
        return loss

    def _salience(
        self, slides: Sequence[TrainingSlide], labels: Tensor
    ) -> tuple[Sequence[Tensor], Tensor]:
        """Gradients of the fused answers' loss at each slide's patches (N, D), and the genes (B, G)."""
        bags = [slide.features.detach().requires_grad_() for slide in slides]
        genes = _expression(slides).requires_grad_()
        self.teacher.eval()
        pooled = torch.cat([self.teacher.histology(bag)[0] for bag in bags])
        fused = self.teacher.say(pooled, self.teacher.expression(genes)).fused
        self.teacher.train(self.training)
        loss = F.cross_entropy(fused, labels, reduction="sum")
        *by_patch, by_gene = torch.autograd.grad(loss, [*bags, genes])
        return by_patch, by_gene

    def student_losses(self, slides: Sequence[TrainingSlide]) -> dict[str, Tensor]:
        """Stage 2, of B slides: cross-entropy, and what is distilled, by agreement."""
        features = self.student.of(slides)
        logits = self.student.head(features)
        labels = _labels(slides)
        ce = F.cross_entropy(logits, labels, reduction="none")
        distilled = self.distilled(slides, features, logits, labels)
        weights = agreement([*distilled, ce], features)[:-1]
        return {
            "ce": ce.mean(),
            "distillation": (weights * torch.stack(distilled)).sum() / len(slides),
        }

    def distilled(
        self, slides: Sequence[TrainingSlide], features: Tensor, logits: Tensor, labels: Tensor
    ) -> list[Tensor]:
        """What the student gets from its average, and from the teacher where there is expression:
        losses (B,) of answers and of features."""
        self.teacher.eval()
        with torch.no_grad():
            average = self.averaged_student.of(slides)
            of_average = self.averaged_student.head(average)
        cases = torch.tensor([self._row[slide.case_id] for slide in slides], device=labels.device)
        weight = 1 + discrepancy(logits, of_average, labels)
        found = [
            _taught(logits, of_average),
            _CONTRAST * weight * self.from_average(features, average, cases),
        ]
        known = [row for row, slide in enumerate(slides) if slide.expression is not None]
        if not known:
            return found
        seen = [slides[row] for row in known]
        with torch.no_grad():
            own = self.teacher.expression(_expression(seen))
            said = self.teacher.say(self.teacher.histology.of(seen), own)
        weight = 1 + discrepancy(logits[known], said.fused, labels[known])
        contrast = self.from_teacher(features[known], said.feature, cases[known])
        rows = torch.tensor(known, device=labels.device)
        nothing = features.new_zeros(len(slides))
        return [
            *found,
            nothing.index_put((rows,), _taught(logits[known], said.fused)),
            nothing.index_put((rows,), _CONTRAST * weight * contrast),
        ]


def discrepancy(student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """How much surer of the label (B,) the teacher is than the student, by log-odds, within 0 and 1."""

    def margin(logits: Tensor) -> Tensor:
        return (logits[:, 1] - logits[:, 0]) * (2 * labels - 1)

    return (margin(teacher) - margin(student)).clamp(0, _LARGEST_DISCREPANCY).detach()


def _taught(student: Tensor, teacher: Tensor) -> Tensor:
    """KL divergence of logits (B, 2) from a teacher's, which get no gradient: (B,)."""
    own, goal = F.log_softmax(student, 1), F.log_softmax(teacher.detach(), 1)
    return F.kl_div(own, goal, reduction="none", log_target=True).sum(1)


def _instructed(student: Tensor, goal: Tensor, labels: Tensor) -> Tensor:
    """By the labels and by a moving average, the sum over the slides."""
    by_label = F.cross_entropy(student, labels, reduction="sum")
    return by_label + _taught(student, goal).sum()


def _labels(slides: Sequence[TrainingSlide]) -> Tensor:
    return torch.tensor([slide.label for slide in slides], device=slides[0].features.device)


def _expression(slides: Sequence[TrainingSlide]) -> Tensor:
    """(B, G)."""
    return torch.stack([slide.expression for slide in slides if slide.expression is not None])


def _follower(leader: Network) -> Network:
    return deepcopy(leader).requires_grad_(False)
