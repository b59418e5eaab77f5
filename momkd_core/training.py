"""Fit one fold: slides, labels and expression in, a network with its history out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from momkd_core.comparator_learner import ComparatorLearner
from momkd_core.comparators.comparator import Comparator
from momkd_core.epoch_loop import HistoryRow, run_epochs
from momkd_core.ledger import Ledger
from momkd_core.memory_learner import MemoryLearner
from momkd_core.model.network import MoMKD
from momkd_core.processor import keep_freed_memory
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.settings import MOMKD, ModelSettings, TrainingSettings
from momkd_core.training_slides import SlideStore, TrainingSlide


@dataclass(frozen=True)
class Fitted:
    """A trained fold: the network of the best epoch, in evaluation mode, and all epochs' rows."""

    network: MoMKD | Comparator
    history: list[HistoryRow]
    best_epoch: int


def fit(
    train: list[TrainingSlide],
    validation: list[TrainingSlide],
    model_settings: ModelSettings,
    settings: TrainingSettings,
    *,
    seed: int,
    method: str = MOMKD,
    store: SlideStore | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    on_epoch: Callable[[list[HistoryRow]], None] | None = None,
    on_begin: Callable[[MoMKD], None] | None = None,
    unfinished: Path | None = None,
    stop_after: int | None = None,
    ledger: Ledger | None = None,
) -> Fitted:
    """Trains one fold and keeps the epoch with the best validation AUC.

    ``train_auc`` is taken from MoMKD's training passes themselves (dropout on, balanced sampling),
    slide by slide. Validation is by case, as predictions are: a case's probability is the mean over its
    slides. Equal validation AUCs are decided by the lower validation cross-entropy. Without validation
    slides the last epoch is kept.
    ``on_begin`` gets MoMKD before its first epoch of this call (its memory initialised, or as a
    killed call left it), ``on_epoch`` the history so far.

    Args:
        method: ``momkd``, or a comparison system, which takes width and genes of ``model_settings``.
        unfinished: where every epoch's state is kept; what a killed call left there is gone on with, to
            the same result (on one processor; a GPU's dropout is drawn anew).
        stop_after: end after so many epochs, on the learning rates of ``settings.epochs``.
        ledger: told which cases initialise the memory, are trained on, and choose the epoch.

    Raises:
        TrainingError: a loss that is not finite, too few patches to initialise the memory, or a state
            that is damaged or another training's.
        FeatureError, TissueError: a slide's features cannot be used.
        LeakageError: of the ledger.
        Cancelled: on request, between two slides.
    """
    cancel = cancel or CancelToken()
    ledger = ledger or Ledger()
    store = store or SlideStore(model_settings)
    keep_freed_memory()
    learner: MemoryLearner | ComparatorLearner
    begun: Callable[[], None] | None = None
    if method == MOMKD:
        learner = memory = MemoryLearner(
            train, model_settings, settings, store,
            seed=seed, report=report, cancel=cancel, ledger=ledger,
        )  # fmt: skip
        if on_begin is not None:
            tell = on_begin

            def begun() -> None:
                tell(memory.network)
    else:
        learner = ComparatorLearner(
            method, train, model_settings, settings, store,
            seed=seed, cancel=cancel, ledger=ledger,
        )  # fmt: skip
    trained = run_epochs(
        learner,
        validation,
        settings,
        _asked(method, train, validation, model_settings, settings, seed, store, stop_after),
        report=report,
        cancel=cancel,
        ledger=ledger,
        on_epoch=on_epoch,
        on_begin=begun,
        unfinished=unfinished,
        stop_after=stop_after,
    )
    return Fitted(learner.network.cpu().eval(), trained.history, trained.best_epoch)


def _asked(
    method: str,
    train: list[TrainingSlide],
    validation: list[TrainingSlide],
    model: ModelSettings,
    settings: TrainingSettings,
    seed: int,
    store: SlideStore,
    stop_after: int | None,
) -> str:
    """A fingerprint of what a fold's outcome depends on; where its files lie is nothing to it."""

    def told(slide: TrainingSlide) -> tuple[Any, ...]:
        expression = None
        if slide.expression is not None:
            expression = hashlib.sha256(slide.expression.tobytes()).hexdigest()
        aim = () if slide.target is None else (slide.target,)
        return slide.case_id, store.sha256(slide.features), slide.label, expression, *aim

    slides = [[told(slide) for slide in part] for part in (train, validation)]
    # Not the seed of the splits, and not the teacher's weight: cases and targets are here.
    chosen = settings.model_dump(exclude={"split_seed", "teacher_weight"})
    choices = [model.model_dump(), chosen, seed, stop_after]
    if method != MOMKD:  # which had no name here at first, so that its unfinished folds go on
        choices.append(method)
    text = json.dumps([*choices, slides], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
