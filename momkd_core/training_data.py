"""From a checked request to what a network is fitted on, and to the card that says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from momkd_core.checkpoint import software_versions
from momkd_core.comparators.comparator import Comparator
from momkd_core.component_profile import CaseUse, ComponentProfile, component_profiles
from momkd_core.evaluation import best_threshold
from momkd_core.expression import ExpressionTransform, fit_transform
from momkd_core.expression_teacher import teach
from momkd_core.familiarity import Familiarity, fit_familiarity
from momkd_core.gene_association import GeneAssociation, associate
from momkd_core.ledger import Ledger
from momkd_core.model.network import MoMKD
from momkd_core.model_card import ModelCard
from momkd_core.request_checks import with_expression
from momkd_core.training import Fitted
from momkd_core.training_request import Prepared, TrainingRequest
from momkd_core.training_slides import SlideStore, TrainingSlide


def fit_expression(
    request: TrainingRequest, prepared: Prepared, cases: list[str], ledger: Ledger | None = None
) -> ExpressionTransform | None:
    """Logarithm, scaling and gene selection, fitted on these cases alone; None without expression.

    Raises:
        ExpressionError: too few of them have expression.
        LeakageError: of the ledger.
    """
    if request.expression is None:
        return None
    return fit_transform(
        request.expression,
        cases,
        [prepared.labels[case] for case in cases],
        top_genes=request.training.top_genes,
        clip=request.training.expression_clip,
        ledger=ledger,
    )


def slides_of(
    request: TrainingRequest,
    prepared: Prepared,
    cases: list[str],
    transform: ExpressionTransform | None,
    targets: Mapping[str, float] | None = None,
) -> list[TrainingSlide]:
    """The slides of cases, each with its case's label, scaled expression and target, if it has one."""
    targets = targets or {}
    scaled = transform(request.expression, cases) if transform and request.expression else None
    slides = []
    for row, case in enumerate(cases):
        expression = None
        if scaled is not None and not np.isnan(scaled[row]).any():
            expression = scaled[row]
        for path in prepared.features[case]:
            slides.append(
                TrainingSlide(case, path, prepared.labels[case], expression, targets.get(case))
            )
    return slides


def targets_of(
    request: TrainingRequest,
    prepared: Prepared,
    cases: list[str],
    *,
    seed: int,
    ledger: Ledger | None = None,
) -> dict[str, float]:
    """What cross-entropy aims at, by training case, where a teacher on expression has a say.

    Raises:
        ExpressionError: too few of the cases have expression.
        LeakageError: of the ledger.
    """
    weight = request.training.teacher_weight
    if not weight or request.expression is None:
        return {}
    said = teach(
        request.expression,
        {case: prepared.labels[case] for case in cases},
        {case: prepared.cases[case].patient_id for case in cases},
        top_genes=request.training.top_genes,
        clip=request.training.expression_clip,
        seed=seed,
        ledger=ledger,
    )
    return {
        case: weight * probability + (1.0 - weight) * prepared.labels[case]
        for case, probability in said.items()
    }


def threshold_of(prepared: Prepared, probabilities: Mapping[str, float], ledger: Ledger) -> float:
    """The best threshold on cases' probabilities. Raises :class:`LeakageError` of the ledger."""
    ledger.note("threshold", probabilities)
    labels = [prepared.labels[case] for case in probabilities]
    return best_threshold(labels, list(probabilities.values()))


def familiarity_of(
    train: list[TrainingSlide],
    validation: list[TrainingSlide],
    store: SlideStore,
    *,
    seed: int,
    limit: float | None = None,
    ledger: Ledger | None = None,
) -> Familiarity:
    """What the training slides look like, with the limit that validation slides set (or ``limit``).

    Raises:
        LeakageError: of the ledger, which is told which cases' slides are read.
    """
    told = ledger or Ledger()

    def reader(slide: TrainingSlide, what: str) -> Callable[[], NDArray[np.float32]]:
        def read() -> NDArray[np.float32]:
            told.note(what, [slide.case_id])
            features: NDArray[np.float32] = store[slide.features].features.numpy()
            return features

        return read

    return fit_familiarity(
        [reader(slide, "look of training patches") for slide in train],
        [reader(slide, "limit of strangeness") for slide in validation],
        seed=seed,
        limit=limit,
    )


def component_use(network: MoMKD | Comparator) -> CaseUse | None:
    """A count of what cases find in the memories; None for a comparison system, which has none."""
    return None if isinstance(network, Comparator) else CaseUse(network.settings.components)


def profiles_of(
    request: TrainingRequest,
    prepared: Prepared,
    fitted: Fitted,
    use: CaseUse | None,
    ledger: Ledger | None = None,
) -> tuple[ComponentProfile, ...]:
    """What the components are over the cases of ``use``, with the genes that go with them.

    Raises:
        LeakageError: of the ledger, which is told whose slides and whose expression are read.
    """
    if use is None:
        return ()
    ledger = ledger or Ledger()
    cases = list(use.case_ids)
    ledger.note("component profiles", cases)
    genes: list[tuple[GeneAssociation, ...]] = []
    if request.expression is not None:
        ledger.note("gene associations", with_expression(request.expression, cases))
        table = request.expression
        genes = associate(use.shares, table.rows(cases), table.genes)
    classes = {
        case: request.positive if prepared.labels[case] else prepared.negative for case in cases
    }
    return component_profiles(use, classes, fitted.history[: fitted.best_epoch + 1], genes)


def card_of(
    request: TrainingRequest,
    prepared: Prepared,
    *,
    genes: tuple[str, ...],
    profiles: tuple[ComponentProfile, ...],
    threshold: float,
    fold: int | None,
    metrics: dict[str, Any],
) -> ModelCard:
    """The model card of a network that a request asked for."""
    return ModelCard(
        method=request.method,
        task=request.label,
        positive=request.positive,
        negative=prepared.negative,
        preset=request.preset,
        threshold=threshold,
        extraction=prepared.extraction,
        encoder=prepared.header.encoder,
        encoder_sha256=prepared.header.encoder_sha256,
        encoder_preprocessing=prepared.header.encoder_preprocessing,
        cut_from=prepared.header.cut_from,
        model=prepared.model.model_copy(update={"genes": len(genes)}),
        training=request.training,
        genes=genes,
        profiles=profiles,
        fold=fold,
        cohort_fingerprint=request.cohort.fingerprint,
        metrics=metrics,
        versions=software_versions(),
    ).described(**request.about)
