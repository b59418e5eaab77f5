"""Epoch after epoch of one fold, whatever the method: validation, the best epoch, a killed training.

What differs between methods is a :class:`Learner`: how it begins, and what one epoch is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn
from torch.optim import Optimizer

from momkd_core.evaluation import auc, cross_entropy
from momkd_core.ledger import Ledger
from momkd_core.progress import CancelToken, Report
from momkd_core.settings import TrainingSettings
from momkd_core.training_slides import TrainingSlide, by_case
from momkd_core.training_state import Progressed, load_state, save_state

log = logging.getLogger(__name__)

#: One row of ``history.csv``: what was measured in an epoch.
HistoryRow = dict[str, float | int | None]


class Learner(Protocol):
    """A network in training.

    Attributes:
        random: which slides an epoch visits.
        step: of the learning-rate schedule.
    """

    @property
    def network(self) -> nn.Module: ...

    @property
    def optimisers(self) -> Sequence[Optimizer]: ...

    @property
    def random(self) -> np.random.Generator: ...

    @property
    def step(self) -> int: ...

    def begin(self) -> None:
        """Before the first epoch of all."""

    def go_on(self, step: int) -> None:
        """Instead, where a killed training's state has been put back: from this step on."""

    def train_epoch(self, epoch: int) -> HistoryRow:
        """Trains once over the slides and says what it measured."""

    def probabilities(self, slides: list[TrainingSlide]) -> list[float]:
        """Of the positive class, histology alone."""

    def keepable(self, epoch: int) -> bool:
        """Whether the network after this epoch may be kept; else it is not validated."""

    def columns(self, row: HistoryRow) -> list[str]:
        """The order in which ``history.csv`` has what a row holds."""


@dataclass(frozen=True)
class Trained:
    """What the epochs came to; the learner's network holds the best one's weights."""

    history: list[HistoryRow]
    best_epoch: int


def run_epochs(
    learner: Learner,
    validation: list[TrainingSlide],
    settings: TrainingSettings,
    asked: str,
    *,
    report: Report,
    cancel: CancelToken,
    ledger: Ledger,
    on_epoch: Callable[[list[HistoryRow]], None] | None = None,
    on_begin: Callable[[], None] | None = None,
    unfinished: Path | None = None,
    stop_after: int | None = None,
) -> Trained:
    """Trains until the settings say stop and puts the best epoch's weights into the network.

    Arguments, rule and errors are those of :func:`momkd_core.training.fit`; ``asked`` is the
    fingerprint of what the outcome depends on.
    """
    network = learner.network
    history: list[HistoryRow] = []
    best: tuple[float, float] | None = None
    best_epoch, best_state = 0, {}
    found = None
    if unfinished is not None:
        found = load_state(unfinished, network, learner.optimisers, learner.random, asked)
    if found is None:
        learner.begin()
    else:
        history, best = found.history, found.best
        best_epoch, best_state = found.best_epoch, found.best_state
        learner.go_on(found.step)
        for what, cases in found.used.items():
            ledger.note(what, cases)
        log.info("Going on from epoch %d", len(history))
    if on_begin is not None:
        on_begin()
    last = settings.epochs if stop_after is None else min(stop_after, settings.epochs)
    for epoch in range(len(history), last):
        if epoch and _stops(epoch - 1, best_epoch, settings):
            break  # it was about to stop when it was killed
        report(epoch, last, f"training{_so_far(history)}")
        started = time.perf_counter()
        row: HistoryRow = {"epoch": epoch, **learner.train_epoch(epoch)}
        keepable = learner.keepable(epoch)
        row["validation_auc"], validation_ce = None, 0.0
        if keepable:
            row["validation_auc"], validation_ce = _validated(learner, validation, ledger)
        row["seconds"] = time.perf_counter() - started
        history.append({name: row[name] for name in learner.columns(row)})
        if on_epoch is not None:
            on_epoch(history)
        # Worse than any that is: a stage of training is neither the best epoch nor lost patience.
        quality = (row["validation_auc"] or 0.0, -validation_ce) if keepable else (-1.0, 0.0)
        if best is None or quality > best or not keepable or not validation:
            best, best_epoch = quality, epoch
            best_state = {k: v.detach().clone() for k, v in network.state_dict().items()}
        if unfinished is not None:
            done = Progressed(history, best, best_epoch, best_state, learner.step, ledger.used)
            save_state(unfinished, done, network, learner.optimisers, learner.random, asked)
        if _stops(epoch, best_epoch, settings):
            log.info("No better validation for %d epochs: stopping", settings.patience)
            break
    report(last, last, "trained")
    network.load_state_dict(best_state)
    return Trained(history, best_epoch)


def visits(
    train: list[TrainingSlide], settings: TrainingSettings, random: np.random.Generator
) -> NDArray[np.int64]:
    """Which slides an epoch visits: balanced draws with replacement, or a permutation."""
    if not settings.balanced_sampling:
        return random.permutation(len(train))
    labels = np.array([slide.label for slide in train])
    weights = np.where(labels == 1, 1.0 / max(1, labels.sum()), 1.0 / max(1, (1 - labels).sum()))
    return random.choice(len(train), len(train), p=weights / weights.sum())


def _validated(
    learner: Learner, validation: list[TrainingSlide], ledger: Ledger
) -> tuple[float | None, float]:
    """AUC and cross-entropy over validation cases."""
    ledger.note("epoch that is kept", [slide.case_id for slide in validation])
    cases = by_case(validation, learner.probabilities(validation))
    label = {slide.case_id: slide.label for slide in validation}
    labels, probabilities = [label[case] for case in cases], list(cases.values())
    return auc(labels, probabilities), cross_entropy(labels, probabilities)


def _so_far(history: list[HistoryRow]) -> str:
    """The last epoch's loss and AUC, for a progress bar; what follows the bar is a remark on it."""
    if not history:
        return ""
    row = history[-1]
    validation = row["validation_auc"]
    told = "" if validation is None else f", validation AUC {validation:.3f}"
    return f" | loss {row['loss']:.3f}{told}"


def _stops(epoch: int, best_epoch: int, settings: TrainingSettings) -> bool:
    """Whether training ends after an epoch."""
    return epoch >= settings.earliest_stop and epoch - best_epoch >= settings.patience
