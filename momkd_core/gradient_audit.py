"""Which loss term moves which part of the network: gradient decoupling, shown on a real slide.

The paper's section 3.3.2 claims that the classifier never moves the memory and that the two branches
meet in the memory alone. The audit takes every term of eq. 9 by itself through one slide and measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from momkd_core.model.neighbourhood import Neighbourhood
from momkd_core.model.network import MoMKD
from momkd_core.settings import TrainingSettings

#: Parts of the network by the prefixes of their parameters' names.
PARTS: Mapping[str, tuple[str, ...]] = {
    "graph encoder": ("graph_encoder.",),
    "patch projection": ("patch_projection.",),
    "slide projection": ("slide_projection.",),
    "head": ("head.",),
    "temperature": ("log_temperature",),
    "memory C+": ("memory.positive",),
    "memory C-": ("memory.negative",),
    "expression autoencoder": ("autoencoder.",),
    "expression projection": ("expression_projection.",),
}
_MEMORY = frozenset({"memory C+", "memory C-"})
_EXPRESSION = frozenset({"expression autoencoder", "expression projection"})
_HISTOLOGY = frozenset(PARTS) - _MEMORY - _EXPRESSION

#: Parts that a term must leave alone, and thereby what decoupling means.
FORBIDDEN: Mapping[str, frozenset[str]] = {
    "ce": _MEMORY | _EXPRESSION,
    "align_slide": _EXPRESSION,
    "align_expression": _HISTOLOGY,
    "reconstruction": _HISTOLOGY | _MEMORY,
    "commitment": _MEMORY | _EXPRESSION,
    "orthogonality": _HISTOLOGY | _EXPRESSION,
}


@dataclass(frozen=True)
class GradientAudit:
    """Outcome for one slide.

    Attributes:
        norms: gradient norm by term and part; 0 where no gradient arrives.
    """

    label: int
    norms: Mapping[str, Mapping[str, float]]

    @property
    def violations(self) -> list[str]:
        """Terms that reach what they must leave alone, as sentences."""
        return [
            f"{term} moves the {part}"
            for term, norms in self.norms.items()
            for part, norm in norms.items()
            if norm > 0 and part in FORBIDDEN[term]
        ]

    def table(self) -> str:
        """Terms as rows, parts as columns of numbers, for people."""
        width = max(len(term) for term in self.norms)
        lines = [f"{'label ' + str(self.label):<{width}}  " + "  ".join(PARTS)]
        for term, norms in self.norms.items():
            cells = (
                f"{'.' if norms[part] == 0 else format(norms[part], '.1e'):>{len(part)}}"
                for part in PARTS
            )
            lines.append(f"{term:<{width}}  " + "  ".join(cells))
        return "\n".join(lines)


def audit_gradients(
    network: MoMKD,
    features: Tensor,
    graph: Tensor | Neighbourhood,
    label: int,
    expression: Tensor | None,
    settings: TrainingSettings,
    weights: Tensor | None = None,
) -> GradientAudit:
    """Takes each term of eq. 9, unweighted, backwards through one slide; the network stays as it is.

    Args:
        features, graph, expression, weights: as :meth:`MoMKD.forward` takes them.
        label: 0 or 1.
    """
    was_training = network.training
    network.eval()  # dropout would hide gradients at random
    parameters = dict(network.named_parameters())
    output = network(features, graph, expression, weights=weights)
    loss = network.loss(output, label, expression, settings)
    commitment, orthogonality = network.memory_terms(output.patches, label, settings)
    terms = {
        "ce": loss.ce,
        "align_slide": loss.align_slide,
        "align_expression": loss.align_expression,
        "reconstruction": loss.reconstruction,
        "commitment": commitment,
        "orthogonality": orthogonality,
    }
    norms = {term: _norms(value, parameters) for term, value in terms.items()}
    network.train(was_training)
    return GradientAudit(label, norms)


def _norms(term: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, float]:
    if not term.requires_grad:
        return dict.fromkeys(PARTS, 0.0)
    # A fixed memory, or one that follows by ema, takes no gradient.
    moved = {name: value for name, value in parameters.items() if value.requires_grad}
    gradients = torch.autograd.grad(
        term, list(moved.values()), retain_graph=True, allow_unused=True
    )
    squares = dict.fromkeys(PARTS, 0.0)
    for name, gradient in zip(moved, gradients, strict=True):
        part = next(part for part, prefixes in PARTS.items() if name.startswith(prefixes))
        if gradient is not None:
            squares[part] += float(gradient.double().square().sum())
    return {part: square**0.5 for part, square in squares.items()}
