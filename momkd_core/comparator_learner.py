"""A comparison system in training: epochs over the same slides, by its own recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
import torch

from momkd_core.comparators.comparator import TrainingSlide as LoadedSlide
from momkd_core.comparators.registry import comparator
from momkd_core.epoch_loop import HistoryRow, visits
from momkd_core.ledger import Ledger
from momkd_core.processor import best_device
from momkd_core.progress import CancelToken
from momkd_core.settings import ModelSettings, TrainingSettings
from momkd_core.slide_scoring import predict_slides
from momkd_core.training_slides import SlideStore, TrainingSlide
from momkd_core.training_step import refuse_infinite


class ComparatorLearner:
    """A comparison system as :class:`momkd_core.epoch_loop.Learner`.

    Args:
        method: its name in the registry; the others as of :func:`momkd_core.training.fit`.
    """

    def __init__(
        self,
        method: str,
        train: list[TrainingSlide],
        model: ModelSettings,
        settings: TrainingSettings,
        store: SlideStore,
        *,
        seed: int,
        cancel: CancelToken,
        ledger: Ledger,
    ) -> None:
        self._train, self._settings, self._store = train, settings, store
        self._cancel, self._ledger = cancel, ledger
        self._device = torch.device(best_device())
        torch.manual_seed(seed)
        self.random = np.random.default_rng(seed)
        kind = comparator(method)
        self.network = kind(model.feature_width, model.genes)
        self.network.recipe = kind.recipe.changed_by(settings)
        self.network.to(self._device)
        ledger.note("network weights", [slide.case_id for slide in train])
        slides = _Slides(train, store, self._device)
        self.network.begin(slides, torch.Generator().manual_seed(seed))
        self.network.to(self._device)  # what it began with
        self._slides = slides
        self.optimisers = self.network.optimisers()
        self._rates = [
            [group["lr"] for group in optimiser.param_groups] for optimiser in self.optimisers
        ]

    @property
    def step(self) -> int:
        return 0  # its schedule goes by epochs

    def begin(self) -> None:
        """Nothing is left to do: a killed training's network is made in the same way."""

    def go_on(self, step: int) -> None:
        """Nothing: :meth:`train_epoch` says the learning rate."""

    def train_epoch(self, epoch: int) -> HistoryRow:
        network, settings = self.network, self._settings
        self._set_rate(network.recipe.schedule(epoch / settings.epochs))
        network.begin_epoch(epoch, settings.epochs)
        network.train()
        sums: dict[str, float] = {}
        order = visits(self._train, settings, self.random)
        size = settings.bags_per_pass
        passes = [order[start : start + size] for start in range(0, len(order), size)]
        for position, chosen in enumerate(passes):
            self._cancel.raise_if_cancelled()
            slides = [self._slides[int(index)] for index in chosen]
            self._ledger.note("network weights", [slide.case_id for slide in slides])
            terms = network.losses(slides)
            total = torch.stack(list(terms.values())).sum()
            refuse_infinite(total, [slide.case_id for slide in slides])
            # The gradient of a step is the mean over its passes; its last group may be smaller.
            first = position - position % settings.accumulate
            together = min(settings.accumulate, len(passes) - first)
            (total / together).backward()
            if position + 1 == first + together:
                self._step()
            for name, term in terms.items():
                sums[name] = sums.get(name, 0.0) + len(slides) * float(term.detach())
        means = {f"loss_{name}": value / len(order) for name, value in sums.items()}
        return {"loss": sum(means.values()), **means}

    def probabilities(self, slides: list[TrainingSlide]) -> list[float]:
        return predict_slides(self.network, slides, self._store, self._cancel)

    def keepable(self, epoch: int) -> bool:
        return self.network.keepable(epoch, self._settings.epochs)

    def columns(self, row: HistoryRow) -> list[str]:
        return list(row)

    def _set_rate(self, rate: float) -> None:
        for optimiser, rates in zip(self.optimisers, self._rates, strict=True):
            for group, initial in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = initial * rate

    def _step(self) -> None:
        for optimiser in self.optimisers:
            if self.network.recipe.clip_norm is not None:
                learned = [p for group in optimiser.param_groups for p in group["params"]]
                torch.nn.utils.clip_grad_norm_(learned, self.network.recipe.clip_norm)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.network.after_step()


class _Slides(Sequence[LoadedSlide]):
    """Training slides with their tensors on a device, read when they are asked for."""

    def __init__(
        self, slides: list[TrainingSlide], store: SlideStore, device: torch.device
    ) -> None:
        self._of, self._store, self._device = slides, store, device

    def __len__(self) -> int:
        return len(self._of)

    @overload
    def __getitem__(self, index: int) -> LoadedSlide: ...

    @overload
    def __getitem__(self, index: slice) -> list[LoadedSlide]: ...

    def __getitem__(self, index: int | slice) -> LoadedSlide | list[LoadedSlide]:
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        slide = self._of[index]
        expression = None
        if slide.expression is not None:
            expression = torch.from_numpy(slide.expression).to(self._device)
        features = self._store[slide.features].features_on(self._device)
        return LoadedSlide(features, expression, slide.label, slide.case_id)
