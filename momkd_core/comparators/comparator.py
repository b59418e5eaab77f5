"""What a comparison system is to the rest of the program: trained from slides, asked by a slide alone.

Each system lies in a file of its own, built from its publication; its docstring says what was adapted
to the classification of slides by frozen features.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from momkd_core.settings import TrainingSettings


@dataclass(frozen=True)
class TrainingSlide:
    """One slide as a method meets it in training, its tensors at hand.

    Attributes:
        features: (N, D) float32.
        expression: (G,), scaled on the training cases; None where the case has none.
        label: 0 or 1.
    """

    features: Tensor
    expression: Tensor | None
    label: int
    case_id: str


@dataclass(frozen=True)
class Scored:
    """A slide's answer, from the slide alone.

    Attributes:
        logits: (2,) negative, positive; their softmax is the probability. A method with a sigmoid of
            one number z gives (0, z), which is the same.
        attention: (N,), sums to 1; None where the method has none.
    """

    logits: Tensor
    attention: Tensor | None


def cross_entropy(logits: Tensor, label: int) -> Tensor:
    """Of one slide's logits (2,)."""
    return F.cross_entropy(logits, torch.tensor(label, device=logits.device))


def constant(done: float) -> float:
    """A learning rate that stays."""
    return 1.0


def cosine(lowest: float = 0.0) -> Callable[[float], float]:
    """A learning rate that falls along half a cosine to a share ``lowest`` of itself."""

    def rate(done: float) -> float:
        return lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * done))

    return rate


@dataclass(frozen=True)
class Recipe:
    """How a method is trained as published.

    Attributes:
        patience: epochs without a better validation before a stop; None: it never stops early.
        slides_per_pass: how many slides :meth:`Comparator.losses` gets together.
        accumulate: passes whose mean gradient makes a step.
        balanced_sampling: draw slides with replacement, both labels equally often; else each once.
        optimiser: called with parameters, ``lr`` and ``weight_decay``.
        schedule: factor of the learning rate in an epoch, from the share of epochs before it (0 to 1).
        clip_norm: largest gradient norm over the parameters of each optimiser.
    """

    epochs: int
    learning_rate: float
    weight_decay: float
    patience: int | None = None
    slides_per_pass: int = 1
    accumulate: int = 1
    balanced_sampling: bool = False
    optimiser: Callable[..., Optimizer] = torch.optim.Adam
    schedule: Callable[[float], float] = constant
    clip_norm: float | None = None

    def as_settings(self) -> dict[str, Any]:
        """Under the names of :class:`TrainingSettings`: what a user may change of it."""
        return {
            "epochs": self.epochs,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "patience": self.patience or self.epochs,
            "bags_per_pass": self.slides_per_pass,
            "accumulate": self.accumulate,
            "balanced_sampling": self.balanced_sampling,
        }

    def changed_by(self, settings: TrainingSettings) -> Recipe:
        """The recipe with what the settings of a run say."""
        return replace(
            self,
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            patience=settings.patience,
            slides_per_pass=settings.bags_per_pass,
            accumulate=settings.accumulate,
            balanced_sampling=settings.balanced_sampling,
        )


class Comparator(nn.Module, ABC):
    """A comparison system for features ``width`` wide and ``genes`` genes (0: no expression).

    What training keeps from one epoch to the next (teachers, banks) is registered as modules,
    parameters or buffers, so that a killed training goes on. Random draws in training use torch's
    global generator.

    Attributes:
        gives_attention: whether :meth:`score` says what each patch counts for.
        recipe: as published; of an instance in training, as the run asks.
    """

    name: ClassVar[str]
    uses_expression: ClassVar[bool] = False
    gives_attention: ClassVar[bool] = True
    recipe: Recipe

    def __init__(self, width: int, genes: int = 0) -> None:
        super().__init__()
        self.width, self.genes = width, genes

    @abstractmethod
    def score(self, features: Tensor) -> Scored:
        """The answer for one slide (N, D); deterministic in evaluation mode."""

    @abstractmethod
    def losses(self, slides: Sequence[TrainingSlide]) -> dict[str, Tensor]:
        """Scalar terms of one pass by name, always the same names; their sum is descended."""

    def begin(self, slides: Sequence[TrainingSlide], generator: torch.Generator) -> None:
        """Before the first epoch, and again where a killed training goes on: before its state is put
        back. ``slides`` are those of training alone, read when they are asked for."""

    def begin_epoch(self, number: int, of: int) -> None:
        """Before each epoch, from 0: for methods with stages."""

    def keepable(self, number: int, of: int) -> bool:
        """Whether what answers has been trained once this epoch is over: not before the last stage."""
        return True

    def after_step(self) -> None:
        """After each step of the optimisers: for teachers that follow."""

    def optimisers(self) -> list[Optimizer]:
        """All are stepped together; by default one over all that is learned."""
        return [self.new_optimiser(p for p in self.parameters() if p.requires_grad)]

    def new_optimiser(self, parameters: Any) -> Optimizer:
        """The recipe's optimiser over some parameters."""
        recipe = self.recipe
        return recipe.optimiser(
            parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )

    def inference_state(self) -> dict[str, Tensor]:
        """What a model file holds: what :meth:`score` needs. By default everything."""
        return dict(self.state_dict())

    def load_inference_state(self, state: dict[str, Tensor]) -> None:
        """Puts it back.

        Raises:
            RuntimeError: names or shapes differ, as of ``load_state_dict``.
        """
        wanted = self.inference_state().keys()
        if state.keys() != wanted:
            raise RuntimeError(f"its weights are not those of {self.name}")
        self.load_state_dict(state, strict=False)
