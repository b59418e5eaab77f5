"""Fit one fold: slides, labels and expression in, a network with its history out."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from momkd_core.encoders import best_device
from momkd_core.errors import FeatureError, TrainingError
from momkd_core.evaluation import auc
from momkd_core.features import FeatureBag, read_features
from momkd_core.graph import slide_edges
from momkd_core.memory_dynamics import UseCounter, drift
from momkd_core.model.class_memory import initial_components
from momkd_core.model.network import LossTerms, MoMKD
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.settings import ModelSettings, TrainingSettings
from momkd_core.training_state import Progressed, load_state, save_state

log = logging.getLogger(__name__)

_STORE_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class TrainingSlide:
    """One slide of one case.

    Attributes:
        case_id: cases with several slides appear once per slide.
        features: its feature file.
        label: 0 or 1.
        expression: (G,) scaled, or None where the case has none.
    """

    case_id: str
    features: Path
    label: int
    expression: NDArray[np.float32] | None


@dataclass(frozen=True)
class SlideGraph:
    """Tensors of one slide: features (I, D_in) and edges (2, E)."""

    features: Tensor
    edges: Tensor

    @property
    def nbytes(self) -> int:
        return self.features.nbytes + self.edges.nbytes


class SlideStore:
    """Slides read on demand and kept while they fit into memory.

    Args:
        settings: decide neighbours and edge direction.
        budget: bytes kept; the least recently used slide goes first.
    """

    def __init__(self, settings: ModelSettings, budget: int = _STORE_BYTES) -> None:
        self._settings = settings
        self._budget = budget
        self._held: OrderedDict[Path, SlideGraph] = OrderedDict()
        self._bytes = 0

    def __getitem__(self, path: Path) -> SlideGraph:
        if path in self._held:
            self._held.move_to_end(path)
            return self._held[path]
        graph = self._read(path)
        self._held[path] = graph
        self._bytes += graph.nbytes
        while self._bytes > self._budget and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self._bytes -= oldest.nbytes
        return graph

    def _read(self, path: Path) -> SlideGraph:
        bag: FeatureBag = read_features(path)
        if bag.width != self._settings.feature_width:
            raise FeatureError(
                f"{path.name} holds features {bag.width} wide, the other slides "
                f"{self._settings.feature_width}",
                "Use one encoder for the whole cohort",
            )
        edges = slide_edges(path.name, bag, self._settings)
        return SlideGraph(torch.from_numpy(bag.features), edges)


#: One row of ``history.csv``: what was measured in an epoch, in the contract's order.
HistoryRow = dict[str, float | int | None]

HISTORY_COLUMNS = (
    "epoch loss loss_ce loss_reconstruction loss_align_slide loss_align_expression loss_memory "
    "train_auc validation_auc positive_active_ratio negative_active_ratio positive_perplexity "
    "negative_perplexity drift seconds"
).split()


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
) -> Fitted:
    """Trains one fold and keeps the epoch with the best validation AUC.

    ``train_auc`` is taken from the training passes themselves (dropout on, balanced sampling);
    equal validation AUCs are decided by the lower validation cross-entropy. One slide is one step.
    ``on_begin`` gets the network with its memory initialised, ``on_epoch`` the history so far.

    Args:
        unfinished: where every epoch's state is kept; what a killed call left there is gone on with, to
            the same result (on one processor; a GPU's dropout is drawn anew).

    Raises:
        TrainingError: a loss that is not finite, too few patches to initialise the memory, or a damaged
            state.
        FeatureError, TissueError: a slide's features cannot be used.
        Cancelled: on request, between two slides.
    """
    cancel = cancel or CancelToken()
    store = store or SlideStore(model_settings)
    device = torch.device(best_device())
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = MoMKD(model_settings).to(device)
    network.memory.requires_grad_(settings.memory == "momentum")
    optimiser = torch.optim.AdamW(_parameter_groups(network, settings), lr=settings.learning_rate)
    steps = settings.epochs * len(train)

    def rate(step: int) -> float:
        """Of the learning rate that a step takes."""
        if settings.schedule == "constant":
            return 1.0
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    history: list[HistoryRow] = []
    best: tuple[float, float] | None = None
    best_epoch, best_state = 0, {}
    asked = _asked(train, validation, model_settings, settings, seed)
    found = load_state(unfinished, network, optimiser, random, asked) if unfinished else None
    if found is None:
        report(0, settings.epochs, "initialising the memory")
        initialise_memory(network, train, store, settings, seed, cancel)
        if on_begin is not None:
            on_begin(network)
    else:
        history, best = found.history, found.best
        best_epoch, best_state = found.best_epoch, found.best_state
        schedule.last_epoch = found.step
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] * rate(found.step)
        log.info("Going on from epoch %d", len(history))
    for epoch in range(len(history), settings.epochs):
        if epoch - best_epoch > settings.patience:
            break  # it was about to stop when it was killed
        report(epoch, settings.epochs, "training")
        started = time.perf_counter()
        before = _components(network)
        row: HistoryRow = {"epoch": epoch}
        row.update(
            _train_epoch(network, optimiser, schedule, train, store, settings, random, cancel)
        )
        row["drift"] = float(drift(before, _components(network)).mean())
        probabilities, validation_ce = predict_slides(network, validation, store, cancel)
        row["validation_auc"] = auc([s.label for s in validation], probabilities)
        row["seconds"] = time.perf_counter() - started
        history.append({name: row[name] for name in HISTORY_COLUMNS})
        if on_epoch is not None:
            on_epoch(history)
        quality = (row["validation_auc"] or 0.0, -validation_ce)
        if best is None or quality > best:
            best, best_epoch = quality, epoch
            best_state = {k: v.detach().clone() for k, v in network.state_dict().items()}
        if unfinished is not None:
            done = Progressed(history, best, best_epoch, best_state, schedule.last_epoch)
            save_state(unfinished, done, network, optimiser, random, asked)
        if epoch - best_epoch >= settings.patience:
            log.info("No better validation for %d epochs: stopping", settings.patience)
            break
    report(settings.epochs, settings.epochs, "trained")
    network.load_state_dict(best_state)
    return Fitted(network.cpu().eval(), history, best_epoch)


def _asked(
    train: list[TrainingSlide],
    validation: list[TrainingSlide],
    model: ModelSettings,
    settings: TrainingSettings,
    seed: int,
) -> str:
    """A fingerprint of what a fold's outcome depends on."""
    slides = [[(s.case_id, str(s.features), s.label) for s in part] for part in (train, validation)]
    text = json.dumps([model.model_dump(), settings.model_dump(), seed, slides], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def predict_slides(
    network: MoMKD, slides: list[TrainingSlide], store: SlideStore, cancel: CancelToken
) -> tuple[list[float], float]:
    """Probabilities of slides, histology alone, and their mean cross-entropy."""
    network.eval()
    device = network.log_temperature.device
    probabilities, losses = [], []
    with torch.no_grad():
        for slide in slides:
            cancel.raise_if_cancelled()
            graph = store[slide.features]
            output = network(graph.features.to(device), graph.edges.to(device))
            logs = torch.log_softmax(output.logits, dim=0)
            probabilities.append(float(logs[1].exp()))
            losses.append(-float(logs[slide.label]))
    return probabilities, float(np.mean(losses)) if losses else 0.0


@torch.no_grad()
def initialise_memory(
    network: MoMKD,
    train: list[TrainingSlide],
    store: SlideStore,
    settings: TrainingSettings,
    seed: int,
    cancel: CancelToken,
) -> None:
    """k-means over patch projections of the untrained encoder, each label for its own memory.

    Patches are drawn evenly from the label's slides, without repeats.
    """
    network.eval()
    device = network.log_temperature.device
    random = np.random.default_rng(seed)
    memories = []
    for label in (1, 0):
        slides = [slide for slide in train if slide.label == label]
        counts = [len(store[slide.features].features) for slide in slides]
        found = []
        for slide, quota in zip(slides, _quotas(counts, settings.initial_patches), strict=True):
            cancel.raise_if_cancelled()
            graph = store[slide.features]
            patches = network.encode_patches(graph.features.to(device), graph.edges.to(device))
            chosen = random.permutation(len(patches.projected))[:quota]
            found.append(patches.projected.cpu().numpy()[chosen])
        memories.append(
            initial_components(np.concatenate(found), network.settings.components, seed)
        )
    network.memory.set_components(memories[0].to(device), memories[1].to(device))


def _quotas(counts: list[int], total: int) -> list[int]:
    """How many patches each slide gives: as even as their sizes allow, ``total`` together."""
    quotas = [0] * len(counts)
    left = min(total, sum(counts))
    # From the smallest slide on: what it cannot give, the larger ones share.
    order = sorted(range(len(counts)), key=lambda index: counts[index])
    for position, index in enumerate(order):
        quotas[index] = min(counts[index], math.ceil(left / (len(order) - position)))
        left -= quotas[index]
    return quotas


def _train_epoch(
    network: MoMKD,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    train: list[TrainingSlide],
    store: SlideStore,
    settings: TrainingSettings,
    random: np.random.Generator,
    cancel: CancelToken,
) -> HistoryRow:
    network.train()
    device = network.log_temperature.device
    counters = [UseCounter(network.settings.components) for _ in range(2)]
    sums = np.zeros(len(LossTerms._fields))
    labels, probabilities = [], []
    order = _order(train, settings, random)
    for index in order:
        cancel.raise_if_cancelled()
        slide = train[index]
        graph = store[slide.features]
        expression = (
            None if slide.expression is None else torch.from_numpy(slide.expression).to(device)
        )
        output = network(graph.features.to(device), graph.edges.to(device), expression)
        terms = network.loss(output, slide.label, expression, settings)
        if not torch.isfinite(terms.total):
            raise TrainingError(
                f"The loss of case {slide.case_id} is not finite",
                "Lower --set learning_rate=…, or check the case's features and expression",
            )
        optimiser.zero_grad(set_to_none=True)
        terms.total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
        optimiser.step()
        schedule.step()
        if settings.memory == "ema":
            network.memory.follow(
                output.patches.projected.detach(), slide.label, settings.ema_decay
            )
        sums += [float(term.detach()) for term in terms]
        labels.append(slide.label)
        probabilities.append(float(output.probability.detach()))
        counters[0].add(output.reading.positive_similarity)
        counters[1].add(output.reading.negative_similarity)
    means = dict(zip(LossTerms._fields, sums / len(order), strict=True))
    positive, negative = (counter.use() for counter in counters)
    return {
        "loss": float(means["total"]),
        "loss_ce": float(means["ce"]),
        "loss_reconstruction": float(means["reconstruction"]),
        "loss_align_slide": float(means["align_slide"]),
        "loss_align_expression": float(means["align_expression"]),
        "loss_memory": float(means["memory"]),
        "train_auc": auc(labels, probabilities),
        "positive_active_ratio": positive.active_ratio,
        "negative_active_ratio": negative.active_ratio,
        "positive_perplexity": positive.perplexity,
        "negative_perplexity": negative.perplexity,
    }


def _order(
    train: list[TrainingSlide], settings: TrainingSettings, random: np.random.Generator
) -> NDArray[np.int64]:
    """Which slides an epoch visits: balanced draws with replacement, or a permutation."""
    if not settings.balanced_sampling:
        return random.permutation(len(train))
    labels = np.array([slide.label for slide in train])
    weights = np.where(labels == 1, 1.0 / max(1, labels.sum()), 1.0 / max(1, (1 - labels).sum()))
    return random.choice(len(train), len(train), p=weights / weights.sum())


def _parameter_groups(network: MoMKD, settings: TrainingSettings) -> list[dict[str, object]]:
    """Weight decay on weight matrices only: it would pull the memory towards the origin."""
    decayed: list[torch.nn.Parameter] = []
    plain: list[torch.nn.Parameter] = []
    for name, parameter in network.named_parameters():
        matrix = parameter.ndim >= 2 and not name.startswith("memory.")
        (decayed if matrix else plain).append(parameter)
    return [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]


def _components(network: MoMKD) -> Tensor:
    """Both memories as one (2 n, D_N) copy."""
    return torch.cat([network.memory.positive, network.memory.negative]).detach().clone()
