"""What a patch counts for in the memory, by the tissue on it: ``background_weight`` of the settings."""

from __future__ import annotations

import torch
from torch import Tensor

from momkd_core.errors import FeatureError, TissueError
from momkd_core.features import FeatureBag
from momkd_core.settings import ModelSettings


def patch_weights(bag: FeatureBag, settings: ModelSettings, name: str) -> Tensor | None:
    """(N,) t + background_weight (1 - t) of tissue fractions t; None where all patches count alike.

    Training and prediction share it.

    Raises:
        FeatureError: the model weighs by tissue, and it is unknown.
        TissueError: no patch counts for anything.
    """
    if settings.background_weight == 1:
        return None
    if bag.tissue_fraction is None:
        reason = bag.tissue_reason or "its features hold no tissue fractions, and no slide is named"
        raise FeatureError(
            f"{name} cannot be weighed by tissue, as background_weight={settings.background_weight:g} "
            f"asks for: {reason}",
            "Name its slide in the cohort, or extract it with momkd extract; to train without, leave "
            "background_weight at 1",
        )
    tissue = torch.from_numpy(bag.tissue_fraction)
    weights = tissue + settings.background_weight * (1 - tissue)
    if not bool((weights > 0).any()):
        raise TissueError(
            f"{name} has no patch with tissue, and background counts for nothing",
            "Check its tissue mask, or train with a background_weight above 0",
        )
    return weights
