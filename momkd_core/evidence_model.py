"""The model's files as an evidence bundle holds them, with names of people taken out where asked."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

from momkd_core.checkpoint import CARD_KEY, FoldModel, Model
from momkd_core.errors import BundleError
from momkd_core.pseudonyms import Pseudonyms
from momkd_core.storage import sha256_of_bytes

_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 8  # of a safetensors header, so that tensors behind it are aligned


def model_file_names(model: Model) -> tuple[str, ...]:
    """Where a bundle keeps them; a run's lie so that the folder ``model`` loads as that run."""
    if not model.is_ensemble:
        return ("model.safetensors",)
    folders = (member.path.parent.name for member in model.members)
    return tuple(f"model/folds/{name}/model.safetensors" for name in folders)


def model_file(member: FoldModel, names: Pseudonyms) -> tuple[bytes, bool]:
    """A member's file, and whether names were taken out of it.

    Raises:
        BundleError: it is gone, or another file took its place since it was loaded.
    """
    try:
        content = member.path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"The model file {member.path} cannot be read ({error.strerror or error})",
            "Put it back, or leave the model out of the bundle",
        ) from error
    if sha256_of_bytes(content) != member.sha256:
        raise BundleError(
            f"The model file {member.path} changed since it was opened",
            "Open the model again, look at the result again, then write the bundle",
        )
    shown = _with_card(content, lambda card: shown_card(card, names))
    return shown, shown != content


def shown_card(card: dict[str, Any], names: Pseudonyms) -> dict[str, Any]:
    """A model card with those who curated it, and names in their reasons, replaced."""
    steps = card.get("curation")
    if names.told or not steps:
        return card
    shown = [
        {**step, "who": names.person(step.get("who", "")), "why": names.text(step.get("why", ""))}
        for step in steps
    ]
    return {**card, "curation": shown}


def _with_card(content: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    """A safetensors file with another card and the same tensors, whose places are counted from the
    header's end (https://github.com/huggingface/safetensors#format)."""
    (length,) = _LENGTH.unpack_from(content)
    start = _LENGTH.size + length
    header = json.loads(content[_LENGTH.size : start])
    card = json.loads(header["__metadata__"][CARD_KEY])
    changed = change(card)
    if changed == card:
        return content
    header["__metadata__"][CARD_KEY] = json.dumps(changed)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return _LENGTH.pack(len(text)) + text + content[start:]
