"""An unfinished fold on disk: everything that its next epoch depends on, as one safetensors file.

A killed training goes on from its last finished epoch with the same numbers as an uninterrupted one:
weights, the best ones so far, the optimisers' moments, the step of the schedule, both random
generators.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from momkd_core.errors import TrainingError
from momkd_core.storage import atomic_path

_KEY = "momkd_training"


@dataclass
class Progressed:
    """What an epoch leaves behind.

    Attributes:
        history: rows of the epochs so far; the next epoch is ``len(history)``.
        best: (validation AUC, minus cross-entropy) of the best epoch, its number and its weights.
        step: of the learning-rate schedule.
        used: case ids by what they fitted so far.
    """

    history: list[dict[str, Any]]
    best: tuple[float, float]
    best_epoch: int
    best_state: dict[str, Tensor]
    step: int
    used: dict[str, list[str]]


def save_state(
    path: Path,
    progressed: Progressed,
    network: torch.nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    random: np.random.Generator,
    request: str,
) -> None:
    """Writes the state atomically.

    Args:
        request: what the fold was asked for; :func:`load_state` refuses a file of another request.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in progressed.best_state.items()}
    for prefix, optimiser in _named(optimisers):
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{prefix}{index}.{k}": torch.as_tensor(v) for k, v in moments.items()}
    tensors["random.torch"] = torch.get_rng_state()
    facts = {
        "request": request,
        "history": progressed.history,
        "best": progressed.best,
        "best_epoch": progressed.best_epoch,
        "step": progressed.step,
        "used": progressed.used,
        "random": random.bit_generator.state,
    }
    with atomic_path(path) as temporary:
        save_file(
            {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()},
            temporary,
            metadata={_KEY: json.dumps(facts)},
        )


def load_state(
    path: Path,
    network: torch.nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    random: np.random.Generator,
    request: str,
) -> Progressed | None:
    """Puts a saved state back into ``network``, ``optimisers`` and the generators.

    Returns:
        What was done so far, or None where there is no file.

    Raises:
        TrainingError: the file is damaged, or of another request.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[_KEY])
            if facts["request"] != request:
                raise TrainingError(
                    f"{path} belongs to another training: its cases, features, expression or settings "
                    "were others, or another version of this program began it",
                    "Delete it to train from the first epoch, or choose another --out folder",
                )
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        network.load_state_dict(_part(tensors, "network."))
        for prefix, optimiser in _named(optimisers):
            saved = optimiser.state_dict()
            saved["state"] = _moments(_part(tensors, prefix))
            optimiser.load_state_dict(saved)
        torch.set_rng_state(tensors["random.torch"])
        random.bit_generator.state = facts["random"]
        return Progressed(
            history=facts["history"],
            best=(float(facts["best"][0]), float(facts["best"][1])),
            best_epoch=int(facts["best_epoch"]),
            best_state=_part(tensors, "best."),
            step=int(facts["step"]),
            used=facts["used"],
        )
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise TrainingError(
            f"{path} is damaged ({str(error).splitlines()[0]})",
            "Delete it: the fold is then trained from its first epoch",
        ) from error


def _named(
    optimisers: Sequence[torch.optim.Optimizer],
) -> list[tuple[str, torch.optim.Optimizer]]:
    """Each with what its tensors' names begin with; of most methods there is one."""
    return [(f"optimiser{index or ''}.", one) for index, one in enumerate(optimisers)]


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _moments(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    found: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        found.setdefault(int(index), {})[name] = value
    return found
