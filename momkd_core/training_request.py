"""What a training is asked for, and whether it can be done: checked before anything starts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from momkd_core.cohort import Cohort
from momkd_core.cohort_case import Case
from momkd_core.errors import ExpressionError, FeatureError, SettingsError
from momkd_core.expression import ExpressionTable, describe_units, telling_gene
from momkd_core.feature_folder import FeatureFolder
from momkd_core.features import FeatureBag, read_header
from momkd_core.folds import Folds, given_folds, make_folds
from momkd_core.progress import CancelToken, Report
from momkd_core.request_checks import (
    check_expression_of_folds,
    check_slides_distinct,
    several_slides,
    with_expression,
)
from momkd_core.settings import (
    MOMKD,
    ExtractionSettings,
    ModelSettings,
    Preset,
    TrainingSettings,
    validated,
)
from momkd_core.split_tables import SplitTable
from momkd_core.splits import Split
from momkd_core.training_slides import SlideStore

# What the feature files of a cohort have to say alike.
_ALIKE = (
    "width", "encoder", "encoder_sha256", "encoder_preprocessing", "target_mpp", "patch_size",
    "overlap", "cut_from",
)  # fmt: skip


@dataclass(frozen=True)
class TrainingRequest:
    """Everything a run depends on.

    Attributes:
        label, positive, negative: column and its two values; ``negative`` None takes the only
            other one.
        splits: folds that were made elsewhere, ``folds`` of them; empty: made here, by patient.
        group: column whose values stay together; None groups by patient.
        only_fold: train this fold alone, or None for all.
        refit: afterwards, train one more model on all cases.
        method: ``momkd``, or a comparison system of :mod:`momkd_core.comparators.registry`.
        about: what the model card says of organ, stain and data (``organ``, ``stain``, ``note``).
        features_folder: where the feature files are, or None to take the cohort's column.
    """

    cohort: Cohort
    expression: ExpressionTable | None
    label: str
    positive: str
    negative: str | None
    out: Path
    model: ModelSettings
    training: TrainingSettings
    method: str = MOMKD
    preset: Preset = "paper"
    features_folder: Path | None = None
    folds: int = 5
    only_fold: int | None = None
    splits: tuple[SplitTable, ...] = ()
    group: str | None = None
    refit: bool = False
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def chosen(self) -> list[int]:
        """The folds to train."""
        return list(range(self.folds)) if self.only_fold is None else [self.only_fold]


@dataclass
class Prepared:
    """A checked request: cases with labels, splits, and what all feature files share."""

    cases: dict[str, Case]
    labels: dict[str, int]
    negative: str
    splits: list[Split]
    features: dict[str, list[Path]]
    model: ModelSettings
    header: FeatureBag
    extraction: ExtractionSettings | None
    store: SlideStore
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def features_sha256(self) -> str:
        """Over the slides of each case: their features and coordinates, wherever they lie."""
        lines = sorted(
            f"{case}|{'|'.join(self.store.sha256(path) for path in paths)}"
            for case, paths in self.features.items()
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def prepare(request: TrainingRequest, report: Report, cancel: CancelToken) -> Prepared:
    """Checks a request as a whole: nothing is trained unless all of it can be.

    Raises:
        MomkdError: what is wrong with it, the first thing found.
        Cancelled: while features are checked.
    """
    if request.folds < 2 and not request.splits:
        raise SettingsError(f"--folds {request.folds} is too few", "Use at least 2")
    if request.only_fold is not None and not 0 <= request.only_fold < request.folds:
        raise SettingsError(
            f"There is no fold {request.only_fold}", f"Folds are numbered 0 to {request.folds - 1}"
        )
    if request.expression is None and request.training.teacher_weight > 0:
        raise SettingsError(
            "teacher_weight asks for a teacher on expression, and there is no expression",
            "Give it with --expression, or set teacher_weight to 0",
        )
    cohort = request.cohort
    cases, labels, negative = cohort.labelled(request.label, request.positive, request.negative)
    warnings = []
    left_out = len(cohort) - len(cases)
    if left_out:
        warnings.append(f"{left_out} of {len(cohort)} cases have no usable {request.label} label")
    folds = _folds(request, cases, labels)
    cases, labels, splits = folds.cases, folds.labels, folds.splits
    warnings += folds.warnings
    ids = [case.case_id for case in cases]
    warnings += _without_expression(request.expression, ids)
    warnings += _unknown_expression(request.expression, cohort)
    warnings += _derived_from_expression(request, ids, labels)
    warnings += several_slides(cases)
    label_of = dict(zip(ids, labels, strict=True))
    check_expression_of_folds(
        request.expression, splits, request.chosen, label_of, (negative, request.positive)
    )
    folder = FeatureFolder.of(request.features_folder)
    cohort.check_distinct(folder)
    features = {
        case.case_id: [cohort.feature_path(slide, folder) for slide in case.slides]
        for case in cases
    }
    paths = [path for several in features.values() for path in several]
    header = _common_header(paths)
    model = request.model.model_copy(update={"feature_width": header.width, "genes": 0})
    store = SlideStore(model, slides=_slides_of(cases, features))
    for done, path in enumerate(paths):
        cancel.raise_if_cancelled()
        report(done, len(paths), "checking features")
        store.patches(
            path
        )  # reads it and builds its graph: what cannot be used shows before training
    warnings += _small_bags(paths, store, model.neighbours)
    warnings += check_slides_distinct(cohort, cases, folds.groups, features, store)
    return Prepared(
        cases=dict(zip(ids, cases, strict=True)),
        labels=label_of,
        negative=negative,
        splits=splits,
        features=features,
        model=model,
        header=header,
        extraction=_extraction(header),
        store=store,
        warnings=warnings,
        notes=_units(request.expression, ids),
    )


def _folds(request: TrainingRequest, cases: list[Case], labels: list[int]) -> Folds:
    """The folds, given or made."""
    if request.splits:
        if request.group is not None:
            raise SettingsError(
                "Folds are given and asked to be grouped", "Leave out --splits or --group"
            )
        return given_folds(request.splits, request.cohort, cases, labels)
    training = request.training
    return make_folds(
        request.cohort,
        cases,
        labels,
        folds=request.folds,
        group=request.group,
        seed=training.seed if training.split_seed is None else training.split_seed,
    )


def _slides_of(
    cases: list[Case], features: dict[str, list[Path]]
) -> dict[Path, tuple[Path | None, float | None]]:
    """By feature file: the slide that it was made of, with its stated resolution."""
    return {
        path: (slide.slide, slide.mpp)
        for case in cases
        for slide, path in zip(case.slides, features[case.case_id], strict=True)
    }


def _without_expression(table: ExpressionTable | None, ids: list[str]) -> list[str]:
    """A warning that counts the cases without expression. Raises where no case has any."""
    if table is None:
        return []
    known = set(with_expression(table, ids))
    without = [case for case in ids if case not in known]
    if not known:
        raise ExpressionError(
            f"No labelled case has expression: the table's first case is {table.case_ids[0]!r}, the "
            f"cohort's {ids[0]!r}",
            "Check that the table's first column holds the cohort's case_id",
        )
    if not without:
        return []
    return [
        f"{len(without)} of {len(ids)} cases have no expression and train the histology "
        f"branch alone (the first is {without[0]})"
    ]


def _unknown_expression(table: ExpressionTable | None, cohort: Cohort) -> list[str]:
    """A warning that counts the expression of cases the cohort does not have."""
    if table is None:
        return []
    cases = {case.case_id for case in cohort.cases}
    unknown = [case for case in table.case_ids if case not in cases]
    if not unknown:
        return []
    return [
        f"{len(unknown)} of {len(table.case_ids)} rows of the expression table match no case of the "
        f"cohort and are left out (the first is {unknown[0]})"
    ]


def _small_bags(paths: list[Path], store: SlideStore, neighbours: int) -> list[str]:
    """A warning that counts the slides with too few patches for a full neighbourhood."""
    small = [path for path in paths if store.patches(path) <= neighbours]
    if not small:
        return []
    return [
        f"{len(small)} of {len(paths)} slides have {neighbours} patches or fewer, so each is the "
        f"neighbour of all the others (the first is {small[0].name}): was their tissue found?"
    ]


_DERIVED = ("odx", "oncotype", "recurrence_score", "pam50", "mammaprint", "prosigna")


def _derived_from_expression(
    request: TrainingRequest, ids: list[str], labels: list[int]
) -> list[str]:
    """Warnings where the label seems to be computed from expression, as Oncotype DX is."""
    if request.expression is None:
        return []
    name = request.label.lower().replace(" ", "_").replace("-", "_")
    found = []
    if any(word in name for word in _DERIVED):
        found.append(
            f"{request.label} is computed from gene expression, so expression teaches the label "
            "itself: a gain over histology alone says less than for a label of another source"
        )
    gene = telling_gene(request.expression, ids, labels)
    if gene is not None:
        found.append(
            f"{gene[0]} alone tells {request.label} with an AUC of {gene[1]:.3f}: is the label derived "
            "from expression?"
        )
    return found


def _units(table: ExpressionTable | None, ids: list[str]) -> list[str]:
    """What the columns of the expression table were taken for."""
    if table is None:
        return ["training is by histology alone: no expression is used"]
    told = {
        "counts": "counts (log2(1 + x))",
        "TPM": "TPM or other raw values with fractions (log2(1 + x))",
        "logged": "logged values (as they are)",
        "z-scores": "z-scores (as they are)",
        "empty": "nothing (left out)",
    }
    parts = [
        f"{count} columns hold {told[unit]}" for unit, count in describe_units(table, ids).items()
    ]
    return [f"expression: {', '.join(parts)}; then scaled on each fold's training cases"]


def _common_header(paths: list[Path]) -> FeatureBag:
    """What all feature files say alike.

    Raises:
        FeatureError: files are missing, or were made in different ways.
    """
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FeatureError(
            f"{len(missing)} feature files are missing, the first is {missing[0]}",
            "Run momkd extract on the cohort, and name its folder with --features",
        )
    first = read_header(paths[0])
    for path in paths[1:]:
        other = read_header(path)
        for name in _ALIKE:
            found, wanted = getattr(other, name), getattr(first, name)
            unsaid = name == "encoder_preprocessing" and None in (found, wanted)
            if found != wanted and not unsaid:
                told = "what it was cut from:" if name == "cut_from" else name
                raise FeatureError(
                    f"{path.name} has {told} {found}, but {paths[0].name} has {wanted}",
                    "Extract the whole cohort with one encoder, one patch size and the same regions",
                )
    return first


def _extraction(header: FeatureBag) -> ExtractionSettings | None:
    """How new slides are to be cut for this model, as far as the feature files say."""
    if header.encoder is None or header.target_mpp is None or header.patch_size is None:
        return None
    values = {
        "encoder": header.encoder,
        "target_mpp": header.target_mpp,
        "patch_size": header.patch_size,
        "overlap": header.overlap or 0,
        "min_tissue": float(header.attributes.get("min_tissue", 0.05)),
    }
    return validated(ExtractionSettings, values)
