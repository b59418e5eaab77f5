"""MoMKD in training: its memory initialised, epochs over the slides, what they did to the memory."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from momkd_core.component_names import MEMORIES
from momkd_core.epoch_loop import HistoryRow, visits
from momkd_core.evaluation import auc
from momkd_core.ledger import Ledger
from momkd_core.memory_dynamics import UseCounter, drift
from momkd_core.memory_initialisation import initialise_memory
from momkd_core.model.neighbour_attention import compiled_kernels
from momkd_core.model.network import LossTerms, MoMKD
from momkd_core.processor import best_device
from momkd_core.progress import CancelToken, Report
from momkd_core.settings import ModelSettings, TrainingSettings
from momkd_core.slide_scoring import predict_slides
from momkd_core.training_slides import SlideStore, TrainingSlide
from momkd_core.training_step import forward_pass, new_optimiser, take_step

# Compiled kernels save about 0.02 ms a patch and take up to 40 s to make the first time.
_PATCHES_WORTH_COMPILING = 4_000_000
_BAG_WORTH_COMPILING = 256

#: Columns of ``history.csv``; then :data:`MEMORY_COLUMNS`, the drift of each component, and the share
#: of patches that it won.
HISTORY_COLUMNS = (
    "epoch loss loss_ce loss_reconstruction loss_align_slide loss_align_expression loss_memory "
    "train_auc validation_auc positive_active_ratio negative_active_ratio positive_perplexity "
    "negative_perplexity drift seconds"
).split()

#: The two terms of eq. 10 whose sum is ``loss_memory``.
MEMORY_COLUMNS = ("loss_commitment", "loss_orthogonality")


class MemoryLearner:
    """MoMKD as :class:`momkd_core.epoch_loop.Learner`; arguments of :func:`momkd_core.training.fit`."""

    def __init__(
        self,
        train: list[TrainingSlide],
        model: ModelSettings,
        settings: TrainingSettings,
        store: SlideStore,
        *,
        seed: int,
        report: Report,
        cancel: CancelToken,
        ledger: Ledger,
    ) -> None:
        self._train, self._settings, self._store, self._seed = train, settings, store, seed
        self._report, self._cancel, self._ledger = report, cancel, ledger
        device = torch.device(best_device())
        torch.manual_seed(seed)
        self.random = np.random.default_rng(seed)
        self.network = MoMKD(model).to(device)
        self.network.memory.requires_grad_(settings.memory == "momentum")
        optimiser = new_optimiser(self.network, settings)
        self.optimisers = [optimiser]
        self._rate = _rate(settings, len(train))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate)
        if device.type == "cpu" and _worth_compiling(train, store, settings):
            report(0, settings.epochs, "compiling")
            self.network.use_kernels(compiled_kernels())

    @property
    def step(self) -> int:
        return self._schedule.last_epoch

    def begin(self) -> None:
        self._report(0, self._settings.epochs, "initialising the memory")
        initialise_memory(
            self.network,
            self._train,
            self._store,
            self._settings,
            self._seed,
            self._cancel,
            self._ledger,
        )

    def go_on(self, step: int) -> None:
        self._schedule.last_epoch = step
        for group in self.optimisers[0].param_groups:
            group["lr"] = group["initial_lr"] * self._rate(step)

    def train_epoch(self, epoch: int) -> HistoryRow:
        before = _components(self.network)
        row = self._passes()
        return {**row, **_drifts(before, _components(self.network))}

    def probabilities(self, slides: list[TrainingSlide]) -> list[float]:
        return predict_slides(self.network, slides, self._store, self._cancel)

    def keepable(self, epoch: int) -> bool:
        return True

    def columns(self, row: HistoryRow) -> list[str]:
        each = [name for kind in ("drift_", "activity_") for name in row if name.startswith(kind)]
        return [*HISTORY_COLUMNS, *MEMORY_COLUMNS, *each]

    def _passes(self) -> HistoryRow:
        network, settings = self.network, self._settings
        network.train()
        counters = [UseCounter(network.settings.components) for _ in range(2)]
        sums = np.zeros(len(LossTerms._fields))
        labels: list[int] = []
        probabilities: list[float] = []
        order = visits(self._train, settings, self.random)
        size = settings.bags_per_pass
        passes = [order[start : start + size] for start in range(0, len(order), size)]
        for position, chosen in enumerate(passes):
            self._cancel.raise_if_cancelled()
            slides = [self._train[index] for index in chosen]
            self._ledger.note("network weights", [slide.case_id for slide in slides])
            found = forward_pass(network, slides, self._store, settings)
            # The gradient of a step is the mean over its passes; its last group may be smaller.
            first = position - position % settings.accumulate
            together = min(settings.accumulate, len(passes) - first)
            (found.terms.total / together).backward()
            if position + 1 == first + together:
                take_step(network, self.optimisers[0], settings)
                self._schedule.step()
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


def _rate(settings: TrainingSettings, slides: int) -> Callable[[int], float]:
    """Of the learning rate that a step takes."""
    passes = math.ceil(slides / settings.bags_per_pass)
    steps = settings.epochs * math.ceil(passes / settings.accumulate)

    def rate(step: int) -> float:
        if settings.schedule == "constant":
            return 1.0
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps)))

    return rate


def _drifts(before: Tensor, after: Tensor) -> HistoryRow:
    """How far each component turned in an epoch, and their mean."""
    each = drift(before, after).tolist()
    return {"drift": float(np.mean(each)), **_of_each("drift", each)}


def _of_each(what: str, values: list[float]) -> HistoryRow:
    """A column a component, positive ones first."""
    names = [f"{what}_{memory}_{j}" for memory in MEMORIES for j in range(len(values) // 2)]
    return dict(zip(names, values, strict=True))


def _worth_compiling(
    train: list[TrainingSlide], store: SlideStore, settings: TrainingSettings
) -> bool:
    """Decided by what is asked, not by what is left of it: a resumed fold runs the same code."""
    patches = sum(store.patches(slide.features) for slide in train)
    a_pass = settings.bags_per_pass * patches / max(1, len(train))
    return patches * settings.epochs >= _PATCHES_WORTH_COMPILING and a_pass >= _BAG_WORTH_COMPILING


def _components(network: MoMKD) -> Tensor:
    """Both memories as one (2 n, D_N) copy."""
    return torch.cat([network.memory.positive, network.memory.negative]).detach().clone()
