"""A model without some of its components, as a file of its own: who, why, from which file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from momkd_core.checkpoint import CARD_KEY, CURATED_FORMAT, FoldModel, Model
from momkd_core.curation_record import CurationStep
from momkd_core.errors import ModelFileError, OutputError, SettingsError
from momkd_core.model.attention import Muted
from momkd_core.prediction import chosen_muted
from momkd_core.storage import atomic_path, sha256_of_file


def save_curated(
    model: Model, path: str | Path, muted: Muted, *, who: str, why: str, force: bool = False
) -> Path:
    """Writes a copy of a model that leaves components out; weights and card are otherwise the same.

    Args:
        model: of one file; curated before or not.
        muted: every component that the copy leaves out; ``{}`` takes all back in.
        who, why: kept in the file with the time (UTC) and the hash of the model's file.
        force: whether a file that is there is replaced; the model's own never is.

    Returns:
        The written file.

    Raises:
        SettingsError: nobody or no reason is named, the mean of folds, an impossible set, or one that
            changes nothing.
        OutputError: the file exists, is the model itself, is no ``.safetensors``, or cannot be written.
        ModelFileError: the model's file changed since it was loaded.
    """
    path = Path(path)
    model.require_components()
    chosen = {name: tuple(indices) for name, indices in chosen_muted(model, muted).items()}
    if chosen == _own(model):
        raise SettingsError(
            "The model leaves out exactly these components already"
            if chosen
            else "Nothing is muted, and the model mutes nothing",
            "Name what to leave out, for instance positive:3, or none to take back what was left out",
        )
    if not who.strip() or not why.strip():
        raise SettingsError(
            "A curated model says who left components out, and why",
            "State both; neither can be empty",
        )
    source = model.members[0]
    _check_target(path, source, force)
    step = CurationStep(
        who=who.strip(),
        why=why.strip(),
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        muted=chosen,
        from_sha256=source.sha256,
    )
    steps = [*source.card.curation, step]
    changes = {
        "format": CURATED_FORMAT,
        "muted": chosen,
        "curation": [one.model_dump(mode="json") for one in steps],
    }
    _copy_with_card(source, path, changes)
    return path


def _own(model: Model) -> dict[str, tuple[int, ...]]:
    return {name: tuple(indices) for name, indices in chosen_muted(model, None).items()}


def _check_target(path: Path, source: FoldModel, force: bool) -> None:
    if path.suffix != ".safetensors":
        raise OutputError(f"{path.name} is no model file", "Name it MODEL.safetensors")
    if path.exists() and path.samefile(source.path):
        raise OutputError(
            f"{path} is the model itself, which its run and its verdicts refer to",
            "Choose another name for the curated model",
        )
    if path.exists() and not force:
        raise OutputError(f"{path} exists", "Choose another name, or replace it with --force")


def _copy_with_card(source: FoldModel, target: Path, changes: dict[str, Any]) -> None:
    """The source's tensors and card as they are, but for ``changes``.

    From the file and not from the loaded model: what this version does not know stays in it.
    """
    try:
        with safe_open(source.path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        unchanged = sha256_of_file(source.path) == source.sha256
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"{source.path} cannot be read any more ({error})", "Put the file back and try again"
        ) from error
    if not unchanged:
        raise ModelFileError(
            f"{source.path} changed since it was loaded", "Load the model again, and look again"
        )
    card = {**json.loads(metadata[CARD_KEY]), **changes}
    with atomic_path(target) as temporary:
        save_file(tensors, temporary, metadata={**metadata, CARD_KEY: json.dumps(card)})
