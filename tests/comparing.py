"""Small bags with a truth, and a plain training loop, for the tests of comparison systems."""

from __future__ import annotations

import numpy as np
import torch

from momkd_core.comparators.comparator import Comparator, TrainingSlide

WIDTH, GENES = 16, 24


def key_patches(slide: TrainingSlide) -> int:
    """How many of its first patches tell that a positive slide is one."""
    return -(-len(slide.features) // 5)


def small_bags(count: int = 12, seed: int = 5) -> list[TrainingSlide]:
    """Slides of 5 to 40 patches. Of a positive one a fifth of the patches are shifted."""
    random = torch.Generator().manual_seed(seed)
    found = []
    for case in range(count):
        label = case % 2
        patches = int(torch.randint(5, 41, (1,), generator=random))
        features = torch.randn(patches, WIDTH, generator=random)
        expression = torch.randn(GENES, generator=random) + label
        found.append(TrainingSlide(features, expression, label, f"c{case}"))
        features[: key_patches(found[-1])] += 2.0 * label
    return found


def train_until_right(method: Comparator, bags: list[TrainingSlide], epochs: int) -> bool:
    """Trains by the method's recipe, without its schedule, until it answers every slide rightly."""
    recipe, random = method.recipe, np.random.default_rng(0)
    method.begin(bags, torch.Generator().manual_seed(0))
    optimisers = method.optimisers()
    for epoch in range(epochs):
        method.begin_epoch(epoch, epochs)
        method.train()
        order = random.permutation(len(bags))
        for start in range(0, len(order), recipe.slides_per_pass):
            chosen = order[start : start + recipe.slides_per_pass]
            torch.stack(list(method.losses([bags[i] for i in chosen]).values())).sum().backward()
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
            method.after_step()
        method.eval()
        with torch.no_grad():
            answers = [int(method.score(slide.features).logits.argmax()) for slide in bags]
        if answers == [slide.label for slide in bags]:
            return True
    return False
