"""Several bags in one pass: the objective of eq. 9 averaged over them.

A step on a bag of some dozen patches costs hardly more than its overhead, so small bags are laid
side by side as one graph of unconnected blocks (block-diagonal). Softmax, pooling and the commitment
term stay within each bag: the numbers are the mean of what :meth:`MoMKD.loss` gives one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from momkd_core.model import losses
from momkd_core.model.attention import attention_logits, read_memory
from momkd_core.model.neighbourhood import Neighbourhood
from momkd_core.model.network import EncodedPatches, LossTerms, MoMKD
from momkd_core.settings import TrainingSettings


@dataclass(frozen=True)
class BagBatch:
    """B bags of together I patches.

    Attributes:
        features: (I, feature_width); graph: of all of them, without edges between bags.
        patches: B counts.
        labels: (B,) 0 or 1.
        expression: (B, G), NaN rows where a case has none; or None where no case has.
        weights: (I,) what each patch counts for; None: all alike.
        targets: (B,) probabilities that cross-entropy aims at; None: the labels.
    """

    features: Tensor
    graph: Tensor | Neighbourhood
    patches: tuple[int, ...]
    labels: Tensor
    expression: Tensor | None
    weights: Tensor | None = None
    targets: Tensor | None = None

    @property
    def owner(self) -> Tensor:
        """(I,) the bag of each patch."""
        counts = torch.tensor(self.patches, device=self.labels.device)
        return torch.repeat_interleave(counts)


@dataclass(frozen=True)
class BatchOutput:
    """What a batch gives.

    Attributes:
        terms: of eq. 9, means over the bags.
        probability: (B,) of the positive class.
        patches: encoded and projected, of all bags.
        positive_similarity, negative_similarity: (I, n).
        expression_projection: unit (D_N,) of each bag, None where it has no expression.
    """

    terms: LossTerms
    probability: Tensor
    patches: EncodedPatches
    positive_similarity: Tensor
    negative_similarity: Tensor
    expression_projection: tuple[Tensor | None, ...]


def batch_loss(network: MoMKD, batch: BagBatch, training: TrainingSettings) -> BatchOutput:
    """Forward pass and eq. 9 of several bags."""
    owner, bags, labels = batch.owner, len(batch.patches), batch.labels
    patches = network.encode_patches(batch.features, batch.graph, batch.weights)
    reading = read_memory(
        patches.projected,
        *(memory.detach() for memory in network.memory.unit()),
        temperature=network.temperature,
    )
    scores = attention_logits(reading.affinity, network.temperature, batch.weights)
    attention = _softmax(scores, owner, bags)
    slides = _per_bag(attention[:, None] * patches.encoded, owner, bags)
    logits = network.head(slides)
    positive, negative = network.memory.unit()

    def align(z: Tensor, of: Tensor) -> Tensor:
        return losses.alignment_loss(
            z,
            positive,
            negative,
            of,
            tau=training.align_temperature,
            beta=training.align_beta,
            margin=training.align_margin,
        )

    ce = losses.cross_entropy(logits, labels if batch.targets is None else batch.targets)
    align_slide = align(F.normalize(network.slide_projection(slides), dim=1), labels).mean()
    align_expression = reconstruction = ce.new_zeros(())
    projections: list[Tensor | None] = [None] * bags
    if batch.expression is not None and network.autoencoder is not None:
        assert network.expression_projection is not None
        known = ~batch.expression.isnan().any(dim=1)
        if known.any():
            expression = batch.expression[known]
            embedding, rebuilt = network.autoencoder(expression)
            projection = F.normalize(network.expression_projection(embedding), dim=1)
            # Bags without expression count as 0, as they do one by one.
            align_expression = align(projection, labels[known]).sum() / bags
            for row, bag in enumerate(known.nonzero()[:, 0].tolist()):
                projections[bag] = projection[row]
            reconstruction = (rebuilt - expression).square().mean(dim=1).sum() / bags
    memory = _memory(network, patches, owner, labels, training)
    terms = network.weigh(ce, reconstruction, align_slide, align_expression, memory, training)
    return BatchOutput(
        terms,
        torch.softmax(logits, dim=1)[:, 1],
        patches,
        reading.positive_similarity,
        reading.negative_similarity,
        tuple(projections),
    )


def _memory(
    network: MoMKD,
    patches: EncodedPatches,
    owner: Tensor,
    labels: Tensor,
    training: TrainingSettings,
) -> tuple[Tensor, Tensor]:
    """Commitment and orthogonality of eq. 10, means over bags."""
    bags, projected = len(labels), patches.projected
    commit = network.commitment_target()
    if training.commitment_scope == "all":
        distance = losses.nearest_distance(projected, torch.cat(commit))
    else:
        own = labels[owner] == 1
        distance = projected.new_empty(projected.shape)
        for memory, mine in zip(commit, (own, ~own), strict=True):
            distance = distance.masked_scatter(
                mine[:, None], losses.nearest_distance(projected[mine], memory)
            )
    per_patch = distance.mean(1) if training.commitment_mean else distance.sum(1)
    sizes = torch.bincount(owner, patches.weights, minlength=bags)
    if patches.weights is not None:
        per_patch = per_patch * patches.weights
    commitment = (_per_bag(per_patch[:, None], owner, bags)[:, 0] / sizes).mean()
    share = labels.to(projected.dtype).mean()
    weights = (1.0, 1.0) if training.orthogonality_scope == "both" else (share, 1.0 - share)
    spread = losses.orthogonality_of(training.orthogonality_mean)
    positive, negative = network.memory.unit()
    return commitment, weights[0] * spread(positive) + weights[1] * spread(negative)


def _softmax(scores: Tensor, owner: Tensor, bags: int) -> Tensor:
    """(I,) scores to shares that sum to 1 within each bag."""
    found = scores.detach()
    most = found.new_zeros(bags).scatter_reduce(0, owner, found, "amax", include_self=False)
    raised = (scores - most.index_select(0, owner)).exp()
    total = raised.new_zeros(bags).scatter_add(0, owner, raised) + 1e-16
    return raised / total.index_select(0, owner)


def _per_bag(values: Tensor, owner: Tensor, bags: int) -> Tensor:
    """Sums (I, W) within bags to (B, W), in order: the same bits each time on the processor."""
    return values.new_zeros((bags, values.shape[1])).index_add(0, owner, values)
