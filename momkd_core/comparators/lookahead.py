"""Lookahead (Zhang et al., NeurIPS 2019) around RAdam: slow weights follow every few fast steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_EVERY, _SHARE = 6, 0.5


class LookaheadRAdam(torch.optim.RAdam):
    """Every 6 steps the slow weights move half-way to the fast ones, which go on from there.

    Slow weights lie in the optimiser's state, so that they are kept with a killed training.
    """

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        self._remember()
        loss: float | None = super().step(closure)
        with torch.no_grad():
            for parameter in self._learned():
                state: dict[str, Any] = self.state[parameter]
                if int(state["step"]) % _EVERY == 0:
                    state["slow"].lerp_(parameter, _SHARE)
                    parameter.copy_(state["slow"])
        return loss

    def _remember(self) -> None:
        """The slow weights begin as the first step finds the fast ones."""
        for parameter in self._learned():
            if "slow" not in self.state[parameter]:
                self._begin(parameter)

    def _begin(self, parameter: torch.Tensor) -> None:
        # RAdam takes a state that is not empty for its own, so its part begins here too.
        self.state[parameter] |= {
            "step": torch.zeros(()),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
            "slow": parameter.detach().clone(),
        }

    def _learned(self) -> list[torch.Tensor]:
        return [p for group in self.param_groups for p in group["params"] if p.grad is not None]
