"""One pass of training and one step of the optimiser: bags in, gradients and moved weights out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from momkd_core.errors import TrainingError
from momkd_core.model.bag_batch import BagBatch, batch_loss
from momkd_core.model.neighbourhood import side_by_side
from momkd_core.model.network import EncodedPatches, LossTerms, MoMKD
from momkd_core.settings import TrainingSettings
from momkd_core.training_slides import SlideStore, TrainingSlide


@dataclass(frozen=True)
class Passed:
    """What a pass over B bags gave.

    Attributes:
        terms: of eq. 9, means over the bags; ``terms.total`` carries the gradient.
        probabilities: B, of the positive class.
        positive_similarity, negative_similarity: (I, n) of all their patches.
    """

    terms: LossTerms
    probabilities: list[float]
    positive_similarity: Tensor
    negative_similarity: Tensor


def forward_pass(
    network: MoMKD, slides: Sequence[TrainingSlide], store: SlideStore, settings: TrainingSettings
) -> Passed:
    """The objective of one bag, or of several side by side.

    With ``memory="ema"`` the memory also follows patches and expression here, bag by bag.

    Raises:
        TrainingError: a loss that is not finite.
        FeatureError, TissueError: a slide's features cannot be used.
    """
    found = (
        _one(network, slides[0], store, settings)
        if len(slides) == 1
        else _several(network, slides, store, settings)
    )
    refuse_infinite(found.terms.total, [slide.case_id for slide in slides])
    return found


def refuse_infinite(loss: Tensor, case_ids: Sequence[str]) -> None:
    """Raises :class:`TrainingError` where the loss of these cases is not finite."""
    if not torch.isfinite(loss):
        raise TrainingError(
            f"The loss of case {', '.join(case_ids)} is not finite",
            "Lower --set learning_rate=…, or check the case's features and expression",
        )


def _one(
    network: MoMKD, slide: TrainingSlide, store: SlideStore, settings: TrainingSettings
) -> Passed:
    device = network.log_temperature.device
    expression = None if slide.expression is None else torch.from_numpy(slide.expression).to(device)
    graph = store[slide.features]
    output = network(*graph.on(device), expression, weights=graph.weights_on(device))
    terms = network.loss(output, slide.label, expression, settings, slide.target)
    _follow(network, output.patches, output.expression_projection, slide.label, settings)
    return Passed(
        terms,
        [float(output.probability.detach())],
        output.reading.positive_similarity.detach(),
        output.reading.negative_similarity.detach(),
    )


def _several(
    network: MoMKD, slides: Sequence[TrainingSlide], store: SlideStore, settings: TrainingSettings
) -> Passed:
    device = network.log_temperature.device
    stored = [store[slide.features] for slide in slides]
    graphs = [one.on(device) for one in stored]
    counts = tuple(len(features) for features, _ in graphs)
    weights = [one.weights_on(device) for one in stored]
    known = [one for one in weights if one is not None]  # all of them, or none
    output = batch_loss(
        network,
        BagBatch(
            features=torch.cat([features for features, _ in graphs]),
            graph=side_by_side([graph for _, graph in graphs], counts),
            patches=counts,
            labels=torch.tensor([slide.label for slide in slides], device=device),
            expression=_expression(slides, network.settings.genes, device),
            weights=torch.cat(known) if known else None,
            targets=_targets(slides, device),
        ),
        settings,
    )
    for slide, encoded, projected, of_slide, expression in zip(
        slides,
        output.patches.encoded.split(list(counts)),
        output.patches.projected.split(list(counts)),
        weights,
        output.expression_projection,
        strict=True,
    ):
        patches = EncodedPatches(encoded, projected, of_slide)
        _follow(network, patches, expression, slide.label, settings)
    return Passed(
        output.terms,
        output.probability.detach().tolist(),
        output.positive_similarity.detach(),
        output.negative_similarity.detach(),
    )


def _expression(slides: Sequence[TrainingSlide], genes: int, device: torch.device) -> Tensor | None:
    """(B, G) with NaN rows where a case has none."""
    if not genes:
        return None
    missing = np.full(genes, np.nan, np.float32)
    rows = [missing if slide.expression is None else slide.expression for slide in slides]
    return torch.from_numpy(np.stack(rows)).to(device)


def _targets(slides: Sequence[TrainingSlide], device: torch.device) -> Tensor | None:
    """(B,) what cross-entropy aims at; None where no slide has another target than its label."""
    if all(slide.target is None for slide in slides):
        return None
    aims = [slide.label if slide.target is None else slide.target for slide in slides]
    return torch.tensor(aims, dtype=torch.float32, device=device)


def _follow(
    network: MoMKD,
    patches: EncodedPatches,
    expression: Tensor | None,
    label: int,
    settings: TrainingSettings,
) -> None:
    """With ``memory="ema"``: towards a bag's I patches, then its expression (D_N,).

    Without the latter expression would teach nothing: no gradient reaches this memory.
    """
    if settings.memory != "ema":
        return
    network.memory.follow(patches.projected.detach(), label, settings.ema_decay, patches.weights)
    # Where nothing aligns expression with the memory, its projection means nothing.
    if expression is not None and settings.align_expression_weight > 0:
        network.memory.follow(expression.detach()[None], label, settings.ema_decay)


def take_step(network: MoMKD, optimiser: torch.optim.Optimizer, settings: TrainingSettings) -> None:
    """Clips the gradients, moves the weights, and forgets the gradients."""
    clip(network, settings)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def clip(network: MoMKD, settings: TrainingSettings) -> None:
    """Scales the gradients down to a norm of ``clip_norm``; leaves smaller ones untouched.

    One norm over everything would let expression shorten the histology branch's steps, past the memory;
    so each branch has its own unless ``clip_branches`` is off.
    """
    branches = list(network.branches().values())
    if not settings.clip_branches:
        branches = [[parameter for branch in branches for parameter in branch]]
    for parameters in branches:
        gradients = [p.grad for p in parameters if p.grad is not None]
        if not gradients:
            continue  # a fixed memory, or no expression
        norm = torch.nn.utils.get_total_norm(gradients)
        if norm > settings.clip_norm:
            torch.nn.utils.clip_grads_with_norm_(parameters, settings.clip_norm, norm)


def new_optimiser(network: MoMKD, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW. Weight decay would pull the memory towards the origin, so by default it is on weight
    matrices only."""
    decayed: list[torch.nn.Parameter] = []
    plain: list[torch.nn.Parameter] = []
    for name, parameter in network.named_parameters():
        matrix = parameter.ndim >= 2 and not name.startswith("memory.")
        (decayed if matrix or settings.decay_all else plain).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    # Fused: one pass over the weights a step, which is most of the time of a step on a small bag.
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=settings.learning_rate, fused=True
    )
