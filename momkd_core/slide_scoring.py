"""Probabilities of training's slides, whatever network answers; histology alone."""

from __future__ import annotations

import torch

from momkd_core.comparators.comparator import Comparator
from momkd_core.component_profile import CaseUse
from momkd_core.model.network import MoMKD
from momkd_core.progress import CancelToken
from momkd_core.training_slides import SlideStore, TrainingSlide


def predict_slides(
    network: MoMKD | Comparator,
    slides: list[TrainingSlide],
    store: SlideStore,
    cancel: CancelToken,
    use: CaseUse | None = None,
) -> list[float]:
    """Probabilities of slides; ``use`` counts what they find in MoMKD's memories."""
    network.eval()
    device = next(network.parameters()).device
    probabilities = []
    with torch.no_grad():
        for slide in slides:
            cancel.raise_if_cancelled()
            graph = store[slide.features]
            if isinstance(network, Comparator):
                logits = network.score(graph.features_on(device)).logits
            else:
                output = network(*graph.on(device), weights=graph.weights_on(device))
                logits = output.logits
                if use is not None:
                    use.add(slide.case_id, output.reading)
            # In double precision, so that a sure answer still has a cross-entropy.
            probabilities.append(float(torch.softmax(logits.cpu().double(), dim=0)[1]))
    return probabilities
