"""The authors' public checkpoints as model files of ours.

A ``.pt`` file is read with ``weights_only=True`` and nothing else: no code in it is ever run. Names and
shapes are those of the public code, https://github.com/CAIR-LAB-WFUSM/MoMKD.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from momkd_core.checkpoint import software_versions
from momkd_core.errors import ModelFileError, SettingsError
from momkd_core.model.network import MoMKD
from momkd_core.model_card import ModelCard
from momkd_core.settings import choose

_NAMES = {
    "attn_log_tau": "log_temperature",
    "rna_tower.encoder": "autoencoder.encoder",
    "rna_decoder.decoder": "autoencoder.decoder",
    "rna_projector": "expression_projection",
    "wsi_encoder.gat": "graph_encoder.layer",
    "wsi_encoder.ln": "graph_encoder.norm",
    "wsi_encoder.res_proj1": "graph_encoder.residual",
    "wsi_patch_projector": "patch_projection",
    "wsi_pool_projector": "slide_projection",
    "wsi_classifier_proto": "head",
    "mem_pos._codebook.embed": "memory.positive",
    "mem_neg._codebook.embed": "memory.negative",
}
# Counters of a vector-quantisation library, which the authors' settings leave unused.
_COUNTERS = ("._codebook.initted", "._codebook.cluster_size", "._codebook.embed_avg")
_MARK = "attn_log_tau"


def our_name(theirs: str) -> str | None:
    """Our name of a weight of theirs; None for counters that carry nothing.

    Raises:
        KeyError: a weight that their public model does not have.
    """
    if theirs.endswith(_COUNTERS):
        return None
    for prefix, replacement in _NAMES.items():
        if theirs.startswith(prefix):
            return replacement + theirs[len(prefix) :]
    raise KeyError(theirs)


def network_of(weights: Mapping[str, Tensor]) -> MoMKD:
    """Their weights in our network, settings inferred from the shapes, in evaluation mode.

    Raises:
        ModelFileError: weights are missing, unknown, or of shapes that do not fit each other.
    """
    try:
        state = {
            name: value.float()
            for key, value in weights.items()
            if (name := our_name(key)) is not None
        }
        for name in ("memory.positive", "memory.negative"):
            state[name] = state[name][0]
        settings, _ = choose(
            "reference",
            [],
            feature_width=state["graph_encoder.layer1.lin_l.weight"].shape[1],
            genes=state["autoencoder.encoder.0.weight"].shape[1],
            hidden_width=len(state["graph_encoder.norm1.weight"]),
            heads=state["graph_encoder.layer1.att"].shape[1],
            memory_width=state["memory.positive"].shape[1],
            components=len(state["memory.positive"]),
            head_width=len(state["head.1.bias"]),
        )
        network = MoMKD(settings)
        network.load_state_dict(state)
    except (KeyError, IndexError, RuntimeError, SettingsError) as error:
        raise ModelFileError(
            f"The weights are not those of the authors' MoMKD model ({str(error).splitlines()[0]})",
            "Name a checkpoint that their training script wrote",
        ) from error
    return network.eval()


def import_reference(path: Path, **about: Any) -> tuple[MoMKD, ModelCard]:
    """Reads a checkpoint of the authors' code.

    Args:
        about: what their file does not say, as fields of :class:`ModelCard`: ``task``, ``positive``,
            ``negative``, ``threshold``, ``encoder``, ``extraction``.

    Returns:
        The network, and its card; :func:`momkd_core.checkpoint.save_model` writes them.

    Raises:
        ModelFileError: missing, no checkpoint, holds more than weights, or another model's.
    """
    network = network_of(_weights(_read(path), path))
    card = ModelCard(
        preset="reference",
        model=network.settings,
        versions=software_versions(),
        **about,
    ).described(note=f"Imported from the authors' checkpoint {path.name}.")
    return network, card


def _read(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} does not exist", "Check the path") from error
    except pickle.UnpicklingError as error:
        raise ModelFileError(
            f"{path.name} holds more than weights, which is not loaded: it could run any code",
            "Save its state_dict alone, in an environment that you trust, and import that",
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise ModelFileError(
            f"{path.name} is not a readable checkpoint ({str(error).splitlines()[0]})",
            "Copy it again, or name a .pt file",
        ) from error


def _weights(content: object, path: Path) -> dict[str, Tensor]:
    """The weights, also where they lie under a key such as ``state_dict``, or under ``module.``"""
    if isinstance(content, Mapping):
        plain = {str(key).removeprefix("module."): value for key, value in content.items()}
        if _MARK in plain:
            return {key: value for key, value in plain.items() if isinstance(value, Tensor)}
        for value in content.values():
            if isinstance(value, Mapping):
                try:
                    return _weights(value, path)
                except ModelFileError:
                    continue
    raise ModelFileError(
        f"{path.name} is not a checkpoint of the authors' MoMKD model",
        "Name a .pt file that their training script wrote",
    )
