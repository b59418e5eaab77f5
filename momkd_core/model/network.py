"""MoMKD assembled: graph encoder, memory, attention, head, and the expression branch of training.

Gradients are decoupled here: attention reads the memory as a constant, so the classifier never
moves it, and the two branches share no parameter but the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from momkd_core.errors import FeatureError
from momkd_core.model import losses
from momkd_core.model.attention import MemoryReading, Muted, pool, read_memory
from momkd_core.model.class_memory import ClassMemory
from momkd_core.model.expression_autoencoder import ExpressionAutoencoder
from momkd_core.model.graph_encoder import GraphEncoder
from momkd_core.model.neighbour_attention import Kernels
from momkd_core.model.neighbourhood import Neighbourhood
from momkd_core.settings import ModelSettings, TrainingSettings

#: Branches of the network by the prefixes of their parameters' names; all others are histology's.
_BRANCHES = {"memory": ("memory.",), "expression": ("autoencoder.", "expression_projection.")}


class EncodedPatches(NamedTuple):
    """One slide after the graph encoder; I patches.

    Attributes:
        encoded: (I, D) F_wsi.
        projected: (I, D_N) F_P-wsi, on the unit sphere where the settings say so.
        weights: (I,) what each counts for in the memory and in attention; None: all alike.
    """

    encoded: Tensor
    projected: Tensor
    weights: Tensor | None = None


@dataclass(frozen=True)
class SlideOutput:
    """Named outputs of one slide.

    Attributes:
        logits: (2,) of the negative and the positive class.
        reading: affinity, attention and similarities of its I patches.
        patches: encoded and projected patches.
        slide: (D,) F_C-wsi of eq. 8.
        slide_projection: (D_N,) unit F_N-wsi of eq. 1.
        expression_projection: (D_N,) unit F_N-omics of eq. 2, or None.
        reconstruction: (G,) or None.
    """

    logits: Tensor
    reading: MemoryReading
    patches: EncodedPatches
    slide: Tensor
    slide_projection: Tensor
    expression_projection: Tensor | None
    reconstruction: Tensor | None

    @property
    def probability(self) -> Tensor:
        """Of the positive class, scalar."""
        return torch.softmax(self.logits, dim=0)[1]


class LossTerms(NamedTuple):
    """The terms of eq. 9, unweighted, and their weighted total; scalars.

    ``memory`` is the sum of ``commitment`` and ``orthogonality``.
    """

    total: Tensor
    ce: Tensor
    reconstruction: Tensor
    align_slide: Tensor
    align_expression: Tensor
    memory: Tensor
    commitment: Tensor
    orthogonality: Tensor


class MoMKD(nn.Module):
    """Momentum Memory Knowledge Distillation (arXiv:2602.21395).

    Args:
        settings: widths, components and semantics; ``genes=0`` builds no expression branch.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        width, memory_width = settings.hidden_width, settings.memory_width
        self.graph_encoder = GraphEncoder(settings)
        self.patch_projection = nn.Linear(width, memory_width)
        self.slide_projection = nn.Linear(width, memory_width)
        self.memory = ClassMemory(settings.components, memory_width)
        self.head = _head(settings)
        log_temperature = torch.tensor(settings.attention_temperature).log()
        if settings.learn_temperature:
            self.log_temperature = nn.Parameter(log_temperature)
        else:
            self.register_buffer("log_temperature", log_temperature)
        self.autoencoder: ExpressionAutoencoder | None = None
        self.expression_projection: nn.Linear | None = None
        if settings.genes:
            self.autoencoder = ExpressionAutoencoder(settings)
            self.expression_projection = nn.Linear(width, memory_width)

    @property
    def temperature(self) -> Tensor:
        """τ of eq. 7, scalar."""
        return self.log_temperature.exp().clamp(0.01, 2.0)

    def branches(self) -> dict[str, list[nn.Parameter]]:
        """The parameters of histology, expression and memory; they share none."""
        found: dict[str, list[nn.Parameter]] = {"histology": [], "expression": [], "memory": []}
        for name, parameter in self.named_parameters():
            branch = next((b for b, p in _BRANCHES.items() if name.startswith(p)), "histology")
            found[branch].append(parameter)
        return found

    def use_kernels(self, kernels: Kernels) -> None:
        """Which loops run over a patch's neighbours: plain ones, or compiled ones."""
        for layer in (self.graph_encoder.layer1, self.graph_encoder.layer2):
            layer.kernels = kernels

    def encode_patches(
        self, features: Tensor, graph: Tensor | Neighbourhood, weights: Tensor | None = None
    ) -> EncodedPatches:
        """Encoded and projected patches.

        Args:
            features: (I, feature_width).
            graph: (2, E) edges of :func:`momkd_core.graph.edge_index`, or the same as a
                :class:`Neighbourhood`, which is several times as fast.
            weights: (I,), see :class:`EncodedPatches`; the encoder itself takes all patches alike.

        Raises:
            FeatureError: the features have another width.
        """
        if features.shape[1] != self.settings.feature_width:
            raise FeatureError(
                f"The features are {features.shape[1]} wide, the model needs "
                f"{self.settings.feature_width}",
                "Use features of the model's own encoder",
            )
        encoded = self.graph_encoder(features, graph)
        projected = self.patch_projection(encoded)
        if self.settings.normalise_patches:
            projected = F.normalize(projected, dim=1)
        return EncodedPatches(encoded, projected, weights)

    def read(self, patches: EncodedPatches, muted: Muted | None = None) -> MemoryReading:
        """Affinity and attention; the memory is a constant here."""
        positive, negative = (memory.detach() for memory in self.memory.unit())
        return read_memory(
            patches.projected,
            positive,
            negative,
            temperature=self.temperature,
            muted=muted,
            weights=patches.weights,
        )

    def classify(self, attention: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """The pooled slide (D,) and its logits (2,)."""
        slide = pool(attention, encoded)
        return slide, self.head(slide)

    def forward(
        self,
        features: Tensor,
        graph: Tensor | Neighbourhood,
        expression: Tensor | None = None,
        *,
        muted: Muted | None = None,
        weights: Tensor | None = None,
    ) -> SlideOutput:
        """One slide: features (I, feature_width), its graph, expression (G,), weights (I,) or None."""
        patches = self.encode_patches(features, graph, weights)
        reading = self.read(patches, muted)
        slide, logits = self.classify(reading.attention, patches.encoded)
        projection = reconstruction = None
        if expression is not None and self.autoencoder is not None:
            assert self.expression_projection is not None
            embedding, reconstruction = self.autoencoder(expression)
            projection = F.normalize(self.expression_projection(embedding), dim=0)
        return SlideOutput(
            logits=logits,
            reading=reading,
            patches=patches,
            slide=slide,
            slide_projection=F.normalize(self.slide_projection(slide), dim=0),
            expression_projection=projection,
            reconstruction=reconstruction,
        )

    def loss(
        self,
        output: SlideOutput,
        label: int,
        expression: Tensor | None,
        training: TrainingSettings,
        target: float | None = None,
    ) -> LossTerms:
        """Eq. 9 for one slide; terms of a missing expression are 0.

        Args:
            target: probability of the positive class that cross-entropy aims at; None: ``label``, as
                in the paper.
        """
        positive, negative = self.memory.unit()
        aim = torch.tensor([label if target is None else target], device=output.logits.device)
        ce = losses.cross_entropy(output.logits[None], aim)

        def align(z: Tensor) -> Tensor:
            return losses.alignment_loss(
                z,
                positive,
                negative,
                label,
                tau=training.align_temperature,
                beta=training.align_beta,
                margin=training.align_margin,
            )

        zero = ce.new_zeros(())
        align_expression = reconstruction = zero
        if output.expression_projection is not None and expression is not None:
            assert output.reconstruction is not None
            align_expression = align(output.expression_projection)
            reconstruction = F.mse_loss(output.reconstruction, expression)
        align_slide = align(output.slide_projection)
        memory = self.memory_terms(output.patches, label, training)
        return self.weigh(ce, reconstruction, align_slide, align_expression, memory, training)

    @staticmethod
    def weigh(
        ce: Tensor,
        reconstruction: Tensor,
        align_slide: Tensor,
        align_expression: Tensor,
        memory_terms: tuple[Tensor, Tensor],
        training: TrainingSettings,
    ) -> LossTerms:
        """The terms of eq. 9 with their weighted sum; ``memory_terms`` are the two of eq. 10."""
        memory = memory_terms[0] + memory_terms[1]
        total = (
            training.ce_weight * ce
            + training.reconstruction_weight * reconstruction
            + training.align_slide_weight * align_slide
            + training.align_expression_weight * align_expression
            + training.memory_weight * memory
        )
        return LossTerms(
            total, ce, reconstruction, align_slide, align_expression, memory, *memory_terms
        )

    def commitment_target(self) -> tuple[Tensor, Tensor]:
        """The memories that patches commit to: on the unit sphere, or as they are."""
        if self.settings.normalise_commitment:
            return self.memory.unit()
        return self.memory.positive, self.memory.negative

    def memory_terms(
        self, patches: EncodedPatches, label: int, training: TrainingSettings
    ) -> tuple[Tensor, Tensor]:
        """Commitment and orthogonality of eq. 10, scalars, with the settings' scopes and scales."""
        targets = self.commitment_target()
        own = 0 if label == 1 else 1
        target = targets[own] if training.commitment_scope == "label" else torch.cat(targets)
        commit = losses.commitment_loss_mean if training.commitment_mean else losses.commitment_loss
        spread = losses.orthogonality_of(training.orthogonality_mean)
        memories = self.memory.unit()
        kept = memories if training.orthogonality_scope == "both" else (memories[own],)
        commitment = commit(patches.projected, target, patches.weights)
        return commitment, torch.stack([spread(memory) for memory in kept]).sum()


def _head(settings: ModelSettings) -> nn.Module:
    """g of section 3.4: (D,) to logits (2,)."""
    if settings.head == "linear":
        return nn.Linear(settings.hidden_width, 2)
    return nn.Sequential(
        nn.LayerNorm(settings.hidden_width),
        nn.Linear(settings.hidden_width, settings.head_width),
        nn.ReLU(),
        nn.Dropout(settings.dropout),
        nn.Linear(settings.head_width, 2),
    )
