"""Small cohorts with expression, and the loop that trains a method on them, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from momkd_core.comparators.comparator import Comparator, TrainingSlide

WIDTH, GENES = 24, 40


def cohort(
    count: int, *, seed: int, patches: int = 30, genes: int = GENES, witnesses: bool = True
) -> list[TrainingSlide]:
    """Slides of alternating labels.

    With ``witnesses`` a quarter of a positive slide's patches lie off in one direction, and ten genes
    follow the label; else neither features nor expression know it.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    found = []
    for index in range(count):
        label = index % 2
        features, expression = normal(patches, WIDTH), normal(genes)
        if label and witnesses:
            features[: patches // 4, 0] += 5
            expression[:5] += 2
            expression[5:10] -= 2
        found.append(TrainingSlide(features, expression, label, f"case-{index}"))
    return found


def without_expression(slides: Sequence[TrainingSlide]) -> list[TrainingSlide]:
    return [replace(slide, expression=None) for slide in slides]


def begun(kind: type[Comparator], slides: Sequence[TrainingSlide]) -> Comparator:
    """A method before its first epoch."""
    torch.manual_seed(0)
    genes = next(len(s.expression) for s in slides if s.expression is not None)
    method = kind(WIDTH, genes)
    method.begin(slides, torch.Generator().manual_seed(0))
    return method


def train(
    method: Comparator,
    slides: Sequence[TrainingSlide],
    epochs: int,
    *,
    a_pass: int = 8,
    rate: float = 1e-3,
) -> list[float]:
    """Trains at a steady rate and says the sum of the terms of every step."""
    method.recipe = replace(method.recipe, learning_rate=rate)
    optimisers = method.optimisers()
    totals = []
    for epoch in range(epochs):
        method.begin_epoch(epoch, epochs)
        method.train()
        order = torch.randperm(len(slides)).tolist()
        for start in range(0, len(order), a_pass):
            terms = method.losses([slides[i] for i in order[start : start + a_pass]])
            total = torch.stack(list(terms.values())).sum()
            total.backward()  # type: ignore[no-untyped-call]
            totals.append(float(total.detach()))
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
            method.after_step()
    return totals


def probabilities(method: Comparator, slides: Sequence[TrainingSlide]) -> list[float]:
    method.eval()
    with torch.no_grad():
        return [float(method.score(s.features).logits.softmax(0)[1]) for s in slides]
