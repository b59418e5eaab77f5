"""Fit one fold: slides, labels and expression in, a network with its history out."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from momkd_core.component_profile import CaseUse
from momkd_core.evaluation import auc, cross_entropy
from momkd_core.ledger import Ledger
from momkd_core.memory_dynamics import UseCounter, drift
from momkd_core.memory_initialisation import initialise_memory
from momkd_core.model.attention import MEMORIES
from momkd_core.model.neighbour_attention import compiled_kernels
from momkd_core.model.network import LossTerms, MoMKD
from momkd_core.processor import best_device, keep_freed_memory
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.settings import ModelSettings, TrainingSettings
from momkd_core.training_slides import SlideStore, TrainingSlide, by_case
from momkd_core.training_state import Progressed, load_state, save_state
from momkd_core.training_step import forward_pass, new_optimiser, take_step

log = logging.getLogger(__name__)

# Compiled kernels save about 0.02 ms a patch and take up to 40 s to make the first time.
_PATCHES_WORTH_COMPILING = 4_000_000
_BAG_WORTH_COMPILING = 256

#: One row of ``history.csv``: what was measured in an epoch, :data:`HISTORY_COLUMNS` first, then
#: :data:`MEMORY_COLUMNS`, the drift of each component, and the share of patches that it won.
HistoryRow = dict[str, float | int | None]

HISTORY_COLUMNS = (
    "epoch loss loss_ce loss_reconstruction loss_align_slide loss_align_expression loss_memory "
    "train_auc validation_auc positive_active_ratio negative_active_ratio positive_perplexity "
    "negative_perplexity drift seconds"
).split()

#: The two terms of eq. 10 whose sum is ``loss_memory``.
MEMORY_COLUMNS = ("loss_commitment", "loss_orthogonality")


@dataclass(frozen=True)
class Fitted:
    """A trained fold: the network of the best epoch, in evaluation mode, and all epochs' rows."""

    network: MoMKD
    history: list[HistoryRow]
    best_epoch: int


def fit(
    train: list[TrainingSlide],
    validation: list[TrainingSlide],
    model_settings: ModelSettings,
    settings: TrainingSettings,
    *,
    seed: int,
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

    ``train_auc`` is taken from the training passes themselves (dropout on, balanced sampling), slide by
    slide. Validation is by case, as predictions are: a case's probability is the mean over its
    slides. Equal validation AUCs are decided by the lower validation cross-entropy. Without validation
    slides the last epoch is kept.
    ``on_begin`` gets the network before its first epoch of this call (its memory initialised, or as a
    killed call left it), ``on_epoch`` the history so far.

    Args:
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
    device = torch.device(best_device())
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = MoMKD(model_settings).to(device)
    network.memory.requires_grad_(settings.memory == "momentum")
    optimiser = new_optimiser(network, settings)
    steps = settings.epochs * _steps_an_epoch(len(train), settings)

    def rate(step: int) -> float:
        """Of the learning rate that a step takes."""
        if settings.schedule == "constant":
            return 1.0
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    keep_freed_memory()
    if device.type == "cpu" and _worth_compiling(train, store, settings):
        report(0, settings.epochs, "compiling")
        network.use_kernels(compiled_kernels())
    history: list[HistoryRow] = []
    best: tuple[float, float] | None = None
    best_epoch, best_state = 0, {}
    asked = _asked(train, validation, model_settings, settings, seed, store, stop_after)
    found = load_state(unfinished, network, optimiser, random, asked) if unfinished else None
    if found is None:
        report(0, settings.epochs, "initialising the memory")
        initialise_memory(network, train, store, settings, seed, cancel, ledger)
    else:
        history, best = found.history, found.best
        best_epoch, best_state = found.best_epoch, found.best_state
        schedule.last_epoch = found.step
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] * rate(found.step)
        for what, cases in found.used.items():
            ledger.note(what, cases)
        log.info("Going on from epoch %d", len(history))
    if on_begin is not None:
        on_begin(network)
    last = settings.epochs if stop_after is None else min(stop_after, settings.epochs)
    for epoch in range(len(history), last):
        if epoch and _stops(epoch - 1, best_epoch, settings):
            break  # it was about to stop when it was killed
        report(epoch, last, f"training{_so_far(history)}")
        started = time.perf_counter()
        before = _components(network)
        row: HistoryRow = {"epoch": epoch}
        row.update(
            _train_epoch(
                network, optimiser, schedule, train, store, settings, random, cancel, ledger
            )
        )
        row.update(_drifts(before, _components(network)))
        row["validation_auc"], validation_ce = _validated(
            network, validation, store, cancel, ledger
        )
        row["seconds"] = time.perf_counter() - started
        each = [name for kind in ("drift_", "activity_") for name in row if name.startswith(kind)]
        history.append({name: row[name] for name in (*HISTORY_COLUMNS, *MEMORY_COLUMNS, *each)})
        if on_epoch is not None:
            on_epoch(history)
        quality = (row["validation_auc"] or 0.0, -validation_ce)
        if best is None or quality > best or not validation:
            best, best_epoch = quality, epoch
            best_state = {k: v.detach().clone() for k, v in network.state_dict().items()}
        if unfinished is not None:
            step = schedule.last_epoch
            done = Progressed(history, best, best_epoch, best_state, step, ledger.used)
            save_state(unfinished, done, network, optimiser, random, asked)
        if _stops(epoch, best_epoch, settings):
            log.info("No better validation for %d epochs: stopping", settings.patience)
            break
    report(last, last, "trained")
    network.load_state_dict(best_state)
    return Fitted(network.cpu().eval(), history, best_epoch)


def _asked(
    train: list[TrainingSlide],
    validation: list[TrainingSlide],
    model: ModelSettings,
    settings: TrainingSettings,
    seed: int,
    store: SlideStore,
    stop_after: int | None,
) -> str:
    """A fingerprint of what a fold's outcome depends on; where its files lie is nothing to it."""

    def told(slide: TrainingSlide) -> tuple[str, str, int, str | None]:
        expression = None
        if slide.expression is not None:
            expression = hashlib.sha256(slide.expression.tobytes()).hexdigest()
        return slide.case_id, store.sha256(slide.features), slide.label, expression

    slides = [[told(slide) for slide in part] for part in (train, validation)]
    # Not the seed of the splits: their cases are here.
    chosen = settings.model_dump(exclude={"split_seed"})
    choices = [model.model_dump(), chosen, seed, stop_after]
    text = json.dumps([*choices, slides], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def predict_slides(
    network: MoMKD,
    slides: list[TrainingSlide],
    store: SlideStore,
    cancel: CancelToken,
    use: CaseUse | None = None,
) -> list[float]:
    """Probabilities of slides, histology alone; ``use`` counts what they find in the memories."""
    network.eval()
    device = network.log_temperature.device
    probabilities = []
    with torch.no_grad():
        for slide in slides:
            cancel.raise_if_cancelled()
            graph = store[slide.features]
            output = network(*graph.on(device), weights=graph.weights_on(device))
            # In double precision, so that a sure answer still has a cross-entropy.
            probabilities.append(float(torch.softmax(output.logits.cpu().double(), dim=0)[1]))
            if use is not None:
                use.add(slide.case_id, output.reading)
    return probabilities


def _validated(
    network: MoMKD,
    validation: list[TrainingSlide],
    store: SlideStore,
    cancel: CancelToken,
    ledger: Ledger,
) -> tuple[float | None, float]:
    """AUC and cross-entropy over validation cases."""
    ledger.note("epoch that is kept", [slide.case_id for slide in validation])
    cases = by_case(validation, predict_slides(network, validation, store, cancel))
    label = {slide.case_id: slide.label for slide in validation}
    labels, probabilities = [label[case] for case in cases], list(cases.values())
    return auc(labels, probabilities), cross_entropy(labels, probabilities)


def _train_epoch(
    network: MoMKD,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    train: list[TrainingSlide],
    store: SlideStore,
    settings: TrainingSettings,
    random: np.random.Generator,
    cancel: CancelToken,
    ledger: Ledger,
) -> HistoryRow:
    network.train()
    counters = [UseCounter(network.settings.components) for _ in range(2)]
    sums = np.zeros(len(LossTerms._fields))
    labels: list[int] = []
    probabilities: list[float] = []
    order = _order(train, settings, random)
    size = settings.bags_per_pass
    passes = [order[start : start + size] for start in range(0, len(order), size)]
    for position, chosen in enumerate(passes):
        cancel.raise_if_cancelled()
        slides = [train[index] for index in chosen]
        ledger.note("network weights", [slide.case_id for slide in slides])
        found = forward_pass(network, slides, store, settings)
        # The gradient of a step is the mean over its passes; its last group may be smaller.
        first = position - position % settings.accumulate
        together = min(settings.accumulate, len(passes) - first)
        (found.terms.total / together).backward()
        if position + 1 == first + together:
            take_step(network, optimiser, settings)
            schedule.step()
        sums += [len(slides) * float(term.detach()) for term in found.terms]
        labels += [slide.label for slide in slides]
        probabilities += found.probabilities
        counters[0].add(found.positive_similarity)
        counters[1].add(found.negative_similarity)
    means = dict(zip(LossTerms._fields, sums / len(order), strict=True))
    positive, negative = (counter.use() for counter in counters)
    return {
        "loss": float(means["total"]),
        "loss_ce": float(means["ce"]),
        "loss_reconstruction": float(means["reconstruction"]),
        "loss_align_slide": float(means["align_slide"]),
        "loss_align_expression": float(means["align_expression"]),
        "loss_memory": float(means["memory"]),
        "loss_commitment": float(means["commitment"]),
        "loss_orthogonality": float(means["orthogonality"]),
        "train_auc": auc(labels, probabilities),
        "positive_active_ratio": positive.active_ratio,
        "negative_active_ratio": negative.active_ratio,
        "positive_perplexity": positive.perplexity,
        "negative_perplexity": negative.perplexity,
        **_of_each("activity", [*positive.share, *negative.share]),
    }


def _drifts(before: Tensor, after: Tensor) -> HistoryRow:
    """How far each component turned in an epoch, and their mean."""
    each = drift(before, after).tolist()
    return {"drift": float(np.mean(each)), **_of_each("drift", each)}


def _of_each(what: str, values: list[float]) -> HistoryRow:
    """A column a component, positive ones first."""
    names = [f"{what}_{memory}_{j}" for memory in MEMORIES for j in range(len(values) // 2)]
    return dict(zip(names, values, strict=True))


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


def _steps_an_epoch(slides: int, settings: TrainingSettings) -> int:
    return math.ceil(math.ceil(slides / settings.bags_per_pass) / settings.accumulate)


def _worth_compiling(
    train: list[TrainingSlide], store: SlideStore, settings: TrainingSettings
) -> bool:
    """Decided by what is asked, not by what is left of it: a resumed fold runs the same code."""
    patches = sum(store.patches(slide.features) for slide in train)
    a_pass = settings.bags_per_pass * patches / max(1, len(train))
    return patches * settings.epochs >= _PATCHES_WORTH_COMPILING and a_pass >= _BAG_WORTH_COMPILING


def _order(
    train: list[TrainingSlide], settings: TrainingSettings, random: np.random.Generator
) -> NDArray[np.int64]:
    """Which slides an epoch visits: balanced draws with replacement, or a permutation."""
    if not settings.balanced_sampling:
        return random.permutation(len(train))
    labels = np.array([slide.label for slide in train])
    weights = np.where(labels == 1, 1.0 / max(1, labels.sum()), 1.0 / max(1, (1 - labels).sum()))
    return random.choice(len(train), len(train), p=weights / weights.sum())


def _components(network: MoMKD) -> Tensor:
    """Both memories as one (2 n, D_N) copy."""
    return torch.cat([network.memory.positive, network.memory.negative]).detach().clone()
