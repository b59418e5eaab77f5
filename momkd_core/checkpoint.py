"""One ``.safetensors`` file holds a model: weights, settings and model card.

The card is JSON in the file's metadata under the key ``momkd``. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from momkd_core.comparators.comparator import Comparator
from momkd_core.comparators.registry import COMPARATORS, comparator
from momkd_core.component_names import MEMORIES
from momkd_core.decision import Decision
from momkd_core.errors import ModelFileError, SettingsError
from momkd_core.familiarity import Familiarity, from_tensors
from momkd_core.model.attention import check_muted
from momkd_core.model.network import MoMKD
from momkd_core.model_card import ModelCard
from momkd_core.result import no_components
from momkd_core.settings import MOMKD
from momkd_core.storage import atomic_path, sha256_of_file

log = logging.getLogger(__name__)

#: Metadata key of the model card.
CARD_KEY = "momkd"

_FAMILIARITY = "familiarity."
# What the folds of one run have in common.
_SHARED = (
    "task", "method", "positive", "negative", "encoder", "encoder_sha256", "encoder_preprocessing",
    "extraction",
)  # fmt: skip
#: Of curated files: a version that knows no muting must refuse them, or it would mute nothing.
CURATED_FORMAT = 2


@dataclass(frozen=True)
class FoldModel:
    """One model file, loaded: its network in evaluation mode, its card, its SHA-256.

    Attributes:
        familiarity: what its training patches looked like; None where the file does not say.
    """

    path: Path
    network: MoMKD | Comparator
    card: ModelCard
    sha256: str
    familiarity: Familiarity | None = None

    @property
    def momkd(self) -> MoMKD:
        """The network where it has memories.

        Raises:
            SettingsError: it is a comparison system.
        """
        if isinstance(self.network, Comparator):
            raise SettingsError(
                f"A model of {self.card.method} has no memory and no components",
                f"Name a model of {MOMKD}",
            )
        return self.network

    @property
    def origin_sha256(self) -> str:
        """Of the file before any curation: what is known of its components holds for all of them."""
        return self.card.curation[0].from_sha256 if self.card.curation else self.sha256


@dataclass(frozen=True)
class Model:
    """A model as users name it: one file, or a run folder, whose folds answer by their mean.

    Attributes:
        warnings: what its user must know, for instance that folds of the run are missing.
    """

    path: Path
    members: tuple[FoldModel, ...]
    warnings: tuple[str, ...] = ()

    @property
    def card(self) -> ModelCard:
        """The card; members of one run differ in fold, threshold and metrics only."""
        return self.members[0].card

    @property
    def is_ensemble(self) -> bool:
        return len(self.members) > 1

    @property
    def no_components(self) -> str:
        """Why it has none and what to open, a sentence for people; '' where it has components."""
        if self.card.is_momkd and not self.is_ensemble:
            return ""
        return no_components(self.card.method)

    def require_components(self) -> None:
        """For what is about components.

        Raises:
            SettingsError: it is a comparison system, or the mean of folds, each of which has its own.
        """
        self.members[0].momkd  # noqa: B018
        if self.is_ensemble:
            raise SettingsError(
                f"{self.path} is the mean of several folds, each with components of its own: none can "
                "be muted or browsed",
                f"Name one fold's model file, for instance {self.members[0].path}",
            )

    @cached_property
    def threshold(self) -> float:
        """Mean of the members' thresholds."""
        return sum(member.card.threshold for member in self.members) / len(self.members)

    @property
    def decision(self) -> Decision:
        """What it asks, and how its probability becomes an answer."""
        card = self.card
        return Decision(card.task, card.positive, card.negative, self.threshold)

    @cached_property
    def sha256(self) -> str:
        """Of the file; of the members' hashes for a run folder."""
        if not self.is_ensemble:
            return self.members[0].sha256
        joined = "".join(member.sha256 for member in self.members)
        return hashlib.sha256(joined.encode()).hexdigest()

    @property
    def origin_sha256(self) -> str:
        """The hash before any curation, which verdicts hang on; a run's folds are never curated."""
        return self.sha256 if self.is_ensemble else self.members[0].origin_sha256

    @property
    def source(self) -> str:
        """Where it comes from, for people: a fold, the mean of folds, or the file's name."""
        if self.is_ensemble:
            return f"mean of {len(self.members)} folds"
        return self.path.stem if self.card.fold is None else f"fold {self.card.fold}"


def save_model(
    path: Path, network: MoMKD | Comparator, card: ModelCard, familiarity: Familiarity | None = None
) -> None:
    """Writes a model file atomically. Raises :class:`~momkd_core.errors.OutputError`."""
    held = network.inference_state() if isinstance(network, Comparator) else network.state_dict()
    tensors = {k: v.detach().cpu().contiguous() for k, v in held.items()}
    if familiarity is not None:
        tensors |= {_FAMILIARITY + k: v for k, v in familiarity.tensors().items()}
        card = card.model_copy(
            update={
                "familiarity_limit": familiarity.limit,
                "familiarity_cases": familiarity.calibrated_on,
            }
        )
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={CARD_KEY: card.as_json()})


def load_model(path: str | Path) -> Model:
    """Loads a model file, or all folds of a run folder; fewer than were asked for are counted.

    Raises:
        ModelFileError: missing, another format, damaged, or a folder without finished folds.
    """
    path = Path(path)
    if not path.exists():
        raise ModelFileError(f"{path} does not exist", "Check the path given with --model")
    if not path.is_dir():
        return Model(path, (_load_file(path),))
    files = [folder / "model.safetensors" for folder in fold_folders(path)]
    files = [file for file in files if file.exists()]
    if not files:
        raise ModelFileError(
            f"{path} holds no finished fold (folds/<k>/model.safetensors)",
            "Name a run folder of momkd train, or a model file",
        )
    members = tuple(_load_file(file) for file in files)
    first = members[0].card
    for member in members[1:]:
        card = member.card
        if any(getattr(card, name) != getattr(first, name) for name in _SHARED):
            raise ModelFileError(
                f"{member.path} was not trained like {members[0].path}",
                "Keep the folds of one run in one folder",
            )
    for member in members:
        if member.card.muted:
            raise ModelFileError(
                f"{member.path} is curated: it leaves components out, and the mean of folds cannot",
                "Put the fold's own model file back; name a curated file by itself",
            )
    warnings = missing_folds(path, len(members))
    for warning in warnings:
        log.warning(warning)
    return Model(path, members, tuple(warnings))


def missing_folds(run: Path, finished: int) -> list[str]:
    """A warning that counts the folds which a run was asked for and does not have."""
    try:
        asked = int(json.loads((run / "run.json").read_text(encoding="utf-8"))["folds"])
    except (OSError, ValueError, KeyError, TypeError):
        return []  # copied without its record: nothing says how many there were
    if finished >= asked:
        return []
    return [
        f"{run} has {finished} of its {asked} folds: what is said of the run is said of these alone"
    ]


def fold_folders(run: Path) -> list[Path]:
    """The fold folders of a run, by number; other things in ``folds`` are ignored."""
    folders = [folder for folder in (run / "folds").glob("*") if folder.name.isdecimal()]
    return sorted(folders, key=lambda folder: int(folder.name))


def software_versions() -> dict[str, str]:
    """Versions that may change a number."""
    found = {"python": platform.python_version()}
    for name in ("momkd-viewer", "torch", "torch-geometric", "numpy", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _load_file(path: Path) -> FoldModel:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # From get_tensor, not load_file: one pass over one open file.
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"{path} is not a readable model file ({error})",
            "Name a .safetensors file written by momkd train; other formats are not loaded",
        ) from error
    if CARD_KEY not in metadata:
        raise ModelFileError(
            f"{path.name} is a safetensors file without a MoMKD model card",
            "Name a model file written by momkd train",
        )
    try:
        content = json.loads(metadata[CARD_KEY])
        if int(content.get("format", 0)) > CURATED_FORMAT:
            raise ModelFileError(
                f"{path.name} was written by a newer version (format {content['format']})",
                "Update momkd-viewer",
            )
        card = ModelCard.model_validate(content)
        if not (card.is_momkd or card.method in COMPARATORS):
            raise ModelFileError(
                f"{path.name} is a model of {card.method}, which this version does not know",
                "Update momkd-viewer",
            )
        weights = {k: v for k, v in state.items() if not k.startswith(_FAMILIARITY)}
        network = _network(card, weights)
        familiarity = _familiarity(state, card)
    except (
        ValueError, TypeError, KeyError, RuntimeError, AttributeError, SettingsError,
    ) as error:  # fmt: skip
        raise ModelFileError(
            f"{path.name} does not hold what its card says ({str(error).splitlines()[0]})",
            "The file is damaged: copy it again or train again",
        ) from error
    bad = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if bad:
        raise ModelFileError(f"{path.name} has NaN weights ({bad[0]})", "Train the model again")
    return FoldModel(path, network.eval(), card, sha256_of_file(path), familiarity)


def _network(card: ModelCard, weights: dict[str, torch.Tensor]) -> MoMKD | Comparator:
    """The card's network with these weights. Raises where they or its muting do not fit."""
    if not card.is_momkd:
        compared = comparator(card.method)(card.model.feature_width)
        compared.load_inference_state(weights)
        return compared
    for memory in MEMORIES:
        check_muted(card.muted, memory, card.model.components)
    network = MoMKD(card.model)
    network.load_state_dict(weights)
    return network


def _familiarity(state: dict[str, torch.Tensor], card: ModelCard) -> Familiarity | None:
    """What the file says of its training patches. Raises :class:`ValueError` where it does not fit."""
    if card.familiarity_limit is None:
        return None
    tensors = {
        k.removeprefix(_FAMILIARITY): v for k, v in state.items() if k.startswith(_FAMILIARITY)
    }
    found = from_tensors(tensors, card.familiarity_limit, card.familiarity_cases)
    width = card.model.feature_width
    if found.mean.shape != (width,) or found.spread.shape != (width,):
        raise ValueError("the training patches' features have another width")
    if found.centres.ndim != 2 or found.centres.shape[1] != width or not len(found.centres):
        raise ValueError("the training patches' centres have another width")
    return found
