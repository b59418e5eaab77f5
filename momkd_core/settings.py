"""Every choice a user can make, validated once and frozen.

The settings of a run are written into its model files, so that a prediction knows how its model was
made. Each field carries its meaning for ``momkd train --list-settings``; where the paper is silent
or its letter was departed from, the description says so.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from momkd_core.errors import SettingsError

#: The method of the paper; every other one is a comparison system.
MOMKD = "momkd"

#: What a comparison system takes of :class:`TrainingSettings`, with the defaults of its publication.
COMPARATOR_SETTINGS = (
    "epochs", "seed", "split_seed", "learning_rate", "weight_decay", "accumulate", "bags_per_pass",
    "patience", "earliest_stop", "balanced_sampling", "top_genes", "expression_clip",
)  # fmt: skip

Preset = Literal["paper", "reference", "taught"]
TieRule = Literal["lower-index", "kd-tree"]
MemoryUpdate = Literal["momentum", "ema", "fixed"]
Ablation = Literal[
    "full", "wsi-only", "no-expression-alignment", "no-slide-alignment", "no-reconstruction"
]
S = TypeVar("S", bound=BaseModel)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExtractionSettings(_Frozen):
    """How a slide becomes patches and features."""

    encoder: str = Field("efficientnet-lite0", description="patch encoder")
    target_mpp: float = Field(0.5, gt=0, le=20, description="resolution of the patches, µm/px")
    patch_size: int = Field(256, ge=32, le=4096, description="patch side in pixels at target_mpp")
    overlap: int = Field(0, ge=0, description="overlap of neighbouring patches in the same pixels")
    min_tissue: float = Field(
        0.05, ge=0, le=1, description="patches with a smaller tissue fraction are left out"
    )

    def model_post_init(self, context: Any, /) -> None:
        if self.overlap >= self.patch_size:
            raise SettingsError(
                f"overlap {self.overlap} is not smaller than patch_size {self.patch_size}",
                "Choose an overlap below the patch size",
            )


class ModelSettings(_Frozen):
    """The network's architecture and the semantics of its memory."""

    feature_width: int = Field(1280, ge=1, description="width of the patch features")
    genes: int = Field(0, ge=0, description="width of the expression vector; 0: no expression")
    hidden_width: int = Field(256, ge=2, description="D of eq. 8: width of the encoded patches")
    memory_width: int = Field(128, ge=2, description="D_N of eq. 1: width of a component")
    components: int = Field(16, ge=2, description="components in each memory")
    neighbours: int = Field(8, ge=1, description="k of the patch graph")
    heads: int = Field(2, ge=1, description="attention heads of each GATv2 layer")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout in encoder and autoencoder")
    attention_temperature: float = Field(0.2, gt=0, description="τ of eq. 7")
    learn_temperature: bool = Field(False, description="train τ, kept within 0.01 to 2")
    normalise_patches: bool = Field(
        True, description="patch projections on the unit sphere (the paper's text does not say)"
    )
    normalise_commitment: bool = Field(
        True,
        description="patches commit to components on the unit sphere, where attention compares them "
        "too; false: to components as they are, as in the authors' code",
    )
    background_weight: float = Field(
        1.0,
        ge=0,
        le=1,
        description="what background counts for in the memory: a patch with tissue fraction t weighs "
        "t + background_weight (1 - t) when the memory is initialised, in commitment and in attention, "
        "in training and prediction alike; 1: as much as tissue, as in the paper",
    )
    head: Literal["linear", "mlp"] = Field("linear", description="g: linear as in eq. 8, or MLP")
    head_width: int = Field(128, ge=1, description="hidden width of an MLP head")
    edges: Literal["own", "reversed"] = Field(
        "own",
        description="own: a patch gathers from its own neighbours and itself; reversed: it gathers "
        "from the patches whose neighbour it is, as the authors' code does",
    )

    ties: TieRule = Field(
        "lower-index",
        description="which of equally distant patches are neighbours: the ones with the lower index, "
        "or as scikit-learn's k-d tree finds them, as in the authors' code",
    )

    def model_post_init(self, context: Any, /) -> None:
        if self.hidden_width % self.heads:
            raise SettingsError(
                f"hidden_width {self.hidden_width} is not divisible by heads {self.heads}",
                "Change one of them",
            )


class TrainingSettings(_Frozen):
    """The objective and its optimisation."""

    ablation: Ablation = Field(
        "full",
        description="terms of eq. 9 left out (Table 3): wsi-only | no-expression-alignment | "
        "no-slide-alignment | no-reconstruction",
    )
    epochs: int = Field(50, ge=1, description="passes over the training cases")
    seed: int = Field(0, ge=0, description="of splits, initialisation, sampling and dropout")
    split_seed: int | None = Field(
        None, ge=0, description="of the splits alone, for other seeds on the same folds; None: seed"
    )
    learning_rate: float = Field(2e-4, gt=0, description="AdamW's")
    weight_decay: float = Field(1e-4, ge=0, description="AdamW's, on weight matrices")
    decay_all: bool = Field(
        False, description="weight decay on memory, norms and biases too, as in the authors' code"
    )
    clip_norm: float = Field(
        16.0, gt=0, description="largest gradient norm of a step; one reading of the paper's gc=16"
    )
    clip_branches: bool = Field(
        True,
        description="clip_norm holds for the gradients of histology, expression and memory each, so "
        "that a large one of one branch does not shorten the other's step; false: for all together, "
        "as in the authors' code",
    )
    accumulate: int = Field(
        1, ge=1, description="passes whose mean gradient makes a step; the other reading is 16"
    )
    bags_per_pass: int = Field(
        1,
        ge=1,
        description="bags laid side by side in one pass, quicker for small ones; 1 in the paper",
    )
    schedule: Literal["cosine", "constant"] = Field("cosine", description="of the learning rate")
    patience: int = Field(10, ge=1, description="epochs without a better validation before a stop")
    earliest_stop: int = Field(0, ge=0, description="epochs before which training does not stop")
    balanced_sampling: bool = Field(
        True, description="draw training slides with replacement, both labels equally often"
    )
    ce_weight: float = Field(0.5, ge=0, description="λ_ce of eq. 9")
    reconstruction_weight: float = Field(0.01, ge=0, description="λ_mse of eq. 9")
    teacher_weight: float = Field(
        0.0,
        ge=0,
        le=1,
        description="of what cross-entropy aims at, the share that a teacher on expression says of the "
        "training case, the rest being its label (beyond the paper); 0: the label alone, as in eq. 9",
    )
    align_slide_weight: float = Field(0.2, ge=0, description="α_wsi of eq. 9")
    align_expression_weight: float = Field(0.05, ge=0, description="α_omics of eq. 9")
    memory_weight: float = Field(0.1, ge=0, description="λ_mem of eq. 9")
    align_temperature: float = Field(5.0, gt=0, description="τ_agg of eq. 3")
    align_beta: float = Field(20.0, gt=0, description="β of eq. 5")
    align_margin: float = Field(0.3, ge=0, description="margin of eq. 5")
    commitment_scope: Literal["label", "all"] = Field(
        "label", description="memories a patch commits to; all is eq. 10 to the letter"
    )
    commitment_mean: bool = Field(
        False, description="mean over the width instead of eq. 10's squared length"
    )
    orthogonality_scope: Literal["both", "label"] = Field(
        "both", description="memories kept orthogonal at each step"
    )
    orthogonality_mean: bool = Field(
        False, description="the authors' scale, 10·(Σcos²/n² − 1/n), instead of eq. 10's sum"
    )
    memory: MemoryUpdate = Field(
        "momentum",
        description="how components move: momentum, slowly by the gradients of alignment and "
        "orthogonality; ema, towards the patches and the expression of their label's cases that match "
        "them (expression only where align_expression_weight is not 0); fixed, not at all (Table 4)",
    )
    ema_decay: float = Field(
        0.99, ge=0, lt=1, description="share a component keeps a step, for ema"
    )
    initial_patches: int = Field(
        10_000, ge=1, description="patches per label that initialise the memory"
    )
    initial_sampling: Literal["even", "whole-slides"] = Field(
        "even",
        description="those patches: evenly from all slides, without repeats; or whole slides, drawn "
        "with replacement, until there are enough, as in the authors' code",
    )
    initial_clustering: Literal["k-means", "spherical"] = Field(
        "k-means", description="of those patches: by distance, or by cosine as in the authors' code"
    )
    top_genes: int = Field(768, ge=1, description="genes kept, by ANOVA F on the training cases")
    expression_clip: float = Field(
        6.0, gt=0, description="scaled expression is clipped to ± this many standard deviations"
    )

    def model_post_init(self, context: Any, /) -> None:
        kept = [name for name in ABLATED_WEIGHTS[self.ablation] if getattr(self, name) != 0]
        if kept:
            raise SettingsError(
                f"ablation={self.ablation} leaves {', '.join(kept)} out, but it is not 0",
                "Set it to 0, or let momkd_core.settings.choose do so",
            )


REFERENCE: dict[str, Any] = {
    "hidden_width": 512,
    "memory_width": 64,
    "learn_temperature": True,
    "head": "mlp",
    "edges": "reversed",
    "ties": "kd-tree",
    "reconstruction_weight": 0.05,
    "commitment_mean": True,
    "orthogonality_scope": "label",
    "orthogonality_mean": True,
    "schedule": "constant",
    "patience": 1,
    "earliest_stop": 2,
    "decay_all": True,
    "clip_branches": False,
    "normalise_commitment": False,
    "initial_patches": 50_000,
    "initial_sampling": "whole-slides",
    "initial_clustering": "spherical",
}
"""What the authors' public code sets differently; see CONTRIBUTING.md, decision 4."""


TAUGHT: dict[str, Any] = {"teacher_weight": 1.0}
"""Preset ``taught``, beyond the paper; see CONTRIBUTING.md, decision 55."""

PRESETS: dict[Preset, dict[str, Any]] = {"paper": {}, "reference": REFERENCE, "taught": TAUGHT}
"""What each preset sets differently from the defaults."""


ABLATED_WEIGHTS: dict[Ablation, tuple[str, ...]] = {
    "full": (),
    "wsi-only": (
        "align_slide_weight", "align_expression_weight", "reconstruction_weight", "teacher_weight",
    ),
    "no-expression-alignment": ("align_expression_weight",),
    "no-slide-alignment": ("align_slide_weight",),
    "no-reconstruction": ("reconstruction_weight",),
}  # fmt: skip
"""Weights of eq. 9 that an ablation of Table 3 sets to 0.

``wsi-only`` never sees expression: the memory starts from k-means and is moved by eq. 10 alone.
"""


def choose(
    preset: Preset, assignments: list[str], *, method: str = MOMKD, **known: Any
) -> tuple[ModelSettings, TrainingSettings]:
    """Settings of a run: the preset, then ``known`` values, then the user's ``key=value``s.

    A comparison system takes :data:`COMPARATOR_SETTINGS` alone.

    Raises:
        SettingsError: an unknown key or an impossible value, with the cure.
    """
    values: dict[str, Any] = dict(PRESETS[preset])
    values.update({key: value for key, value in known.items() if value is not None})
    fields = {**ModelSettings.model_fields, **TrainingSettings.model_fields}
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        key = key.strip()
        if not separator:
            raise SettingsError(f"--set {assignment!r} has no '='", "Write --set key=value")
        if key not in fields:
            raise SettingsError(
                f"There is no setting {key!r}", "momkd train --list-settings prints all of them"
            )
        if key in ("feature_width", "genes"):
            raise SettingsError(f"{key} follows from the data", "Leave it out")
        if method != MOMKD and key not in COMPARATOR_SETTINGS:
            raise SettingsError(
                f"{key} is a setting of {MOMKD}, not of {method}",
                f"{method} takes {', '.join(COMPARATOR_SETTINGS)}",
            )
        values[key] = text.strip()
    _ablate(values, assignments)
    model_values = {key: values[key] for key in values if key in ModelSettings.model_fields}
    training_values = {key: values[key] for key in values if key in TrainingSettings.model_fields}
    return (
        validated(ModelSettings, model_values),
        validated(TrainingSettings, training_values),
    )


def _ablate(values: dict[str, Any], assignments: list[str]) -> None:
    """Sets the weights that an ablation leaves out to 0, so that the run states what was done."""
    name = values.get("ablation", "full")
    for weight in ABLATED_WEIGHTS.get(name, ()):  # an unknown name is refused with the rest
        if any(assignment.partition("=")[0].strip() == weight for assignment in assignments):
            raise SettingsError(
                f"ablation={name} leaves {weight} out, but it is set to {values[weight]}",
                "Leave one of the two out",
            )
        values[weight] = 0.0


def validated(
    kind: type[S],
    values: dict[str, Any],
    cure: str = "Choose another value; momkd train --list-settings prints meanings and defaults",
) -> S:
    """``kind(**values)`` with pydantic's complaint turned into a :class:`SettingsError`."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"{name} = {first.get('input')!r} is not possible: {first['msg']}",
            cure,
        ) from error


def describe() -> list[tuple[str, str, str]]:
    """(key, default, meaning) of every key that ``--set`` takes."""
    rows = []
    for kind in (ModelSettings, TrainingSettings):
        for name, field in kind.model_fields.items():
            if name not in ("feature_width", "genes"):
                rows.append((name, str(field.default), field.description or ""))
    return rows
