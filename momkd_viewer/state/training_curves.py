"""Curves of trainings, epoch by epoch: one run over its folds, or several runs beside each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from momkd_viewer.state.training_run import ALL_CASES, TrainedFold, TrainingRun

#: Colours that tell curves apart, by token of the theme.
SERIES = ("curve_1", "curve_2", "curve_3", "curve_4", "curve_5", "curve_6")


@dataclass(frozen=True)
class Series:
    """A column of ``history.csv`` in a plot; ``main`` ones are compared between runs."""

    column: str
    name: str
    token: str
    main: bool = True


@dataclass(frozen=True)
class Plot:
    """One plot of the grid."""

    title: str
    series: tuple[Series, ...]
    highest: float | None = None  # of its scale, where that is known; it then begins at 0
    log: bool = False  # whether its scale is logarithmic; what is not above 0 is then left out


@dataclass(frozen=True)
class Curve:
    """A line: a value an epoch, NaN where there is none.

    Attributes:
        name: what its colour stands for.
        thin: one fold's, behind the mean.
        kind: which of a pair it is, where colours tell runs; the second is dashed.
    """

    name: str
    token: str
    values: tuple[float, ...]
    thin: bool = False
    kind: str = ""
    dashed: bool = False


PLOTS = (
    Plot("Loss", (Series("loss", "total", SERIES[0]),)),
    Plot(
        "Loss terms",
        (
            Series("loss_ce", "cross-entropy", SERIES[1]),
            Series("loss_align_slide", "slide", SERIES[2], main=False),
            Series("loss_align_expression", "expression", SERIES[3], main=False),
            Series("loss_reconstruction", "reconstruction", SERIES[4], main=False),
            Series("loss_memory", "memory", SERIES[5]),
        ),
        log=True,
    ),
    Plot(
        "AUC",
        (
            Series("validation_auc", "validation", SERIES[0]),
            Series("train_auc", "training", SERIES[1], main=False),
        ),
        highest=1.0,
    ),
    Plot(
        "Active ratio",
        (
            Series("positive_active_ratio", "C⁺", "positive"),
            Series("negative_active_ratio", "C⁻", "negative"),
        ),
        highest=1.0,
    ),
    Plot(
        "Perplexity",
        (
            Series("positive_perplexity", "C⁺", "positive"),
            Series("negative_perplexity", "C⁻", "negative"),
        ),
    ),
    Plot("Drift", (Series("drift", "mean of components", SERIES[0]),)),
)


def curves_of(run: TrainingRun, plot: Plot, fold: str | None = None) -> list[Curve]:
    """A run's curves: of one fold, or of all (thin) and their mean."""
    chosen = [one for one in run.folds if one.name == fold] if fold else _folds(run)
    found = []
    for series in plot.series:
        each = _histories(chosen, series.column)
        if len(each) > 1:
            found += [Curve(series.name, series.token, values, thin=True) for values in each]
        if each:
            found.append(Curve(series.name, series.token, mean_over(each)))
    return found


def compared(runs: Sequence[tuple[str, TrainingRun]], plot: Plot) -> list[Curve]:
    """The main series of several named runs, each the mean over its folds, a colour a run."""
    found = []
    for at, (name, run) in enumerate(runs):
        main = [series for series in plot.series if series.main]
        for second, series in enumerate(main):
            each = _histories(_folds(run), series.column)
            if each:
                kind = series.name if len(main) > 1 else ""
                token = SERIES[at % len(SERIES)]
                found.append(Curve(name, token, mean_over(each), kind=kind, dashed=bool(second)))
    return found


def mean_over(each: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Epoch by epoch over the folds that came so far and have a value; NaN where none has."""
    longest = max(map(len, each), default=0)
    found = []
    for epoch in range(longest):
        known = [v[epoch] for v in each if epoch < len(v) and not math.isnan(v[epoch])]
        found.append(sum(known) / len(known) if known else math.nan)
    return tuple(found)


def _folds(run: TrainingRun) -> list[TrainedFold]:
    """Without all cases, which have no validation and are no fold."""
    return [fold for fold in run.folds if fold.name != ALL_CASES]


def _histories(folds: Sequence[TrainedFold], column: str) -> list[tuple[float, ...]]:
    found = [fold.history.get(column, ()) for fold in folds]
    return [values for values in found if not all(map(math.isnan, values))]
