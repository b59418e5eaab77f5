"""A benchmark as pictures: AUCs with their ROC curves, and how each method learned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from momkd_core.benchmark_cases import held_out
from momkd_core.benchmark_cell import Cell
from momkd_core.checkpoint import fold_folders
from momkd_core.run_folder import read_history
from momkd_core.run_plots import new_figure, save_figure

# Of a palette that readers with any colour vision tell apart (Okabe & Ito 2008); then dashed again.
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("-", "--", ":")


def _style(position: int) -> tuple[str, str]:
    """Colour and line of the method at a position."""
    turn, colour = divmod(position, len(_COLOURS))
    return _COLOURS[colour], _DASHES[turn % len(_DASHES)]


def plot_aucs(out: Path, cells: Sequence[Cell], result: dict[str, Any]) -> Path:
    """``auc.png``: every fold's AUC with mean and interval by method, and ROCs of held-out cases.

    Raises:
        OutputError: the folder cannot be written.
    """
    from sklearn.metrics import roc_curve

    rows = result["methods"]
    figure = new_figure(width=11, height=max(4.6, 1.6 + 0.42 * len(rows)))
    points, curves = figure.subplots(1, 2, width_ratios=(1, 1))
    for position, row in enumerate(rows):
        colour, line = _style(position)
        values = [fold["auc"] for fold in row["folds"] if fold["auc"] is not None]
        points.scatter(values, [position] * len(values), s=16, color=colour, alpha=0.35)
        found = row["auc"]
        if found["mean"] is not None:
            points.plot(found["mean"], position, "D", color=colour)
        if found["low"] is not None:
            points.hlines(position, found["low"], found["high"], color=colour, linewidth=2)
        runs = [cell.training.out for cell in cells if cell.method == row["method"]]
        scores = list(held_out(runs, result["positive"]).values())
        if row["pooled"]["auc"] is not None:
            x, y, _ = roc_curve([s.label for s in scores], [s.probability for s in scores])
            label = f"{row['method']}  {row['pooled']['auc']:.3f}"
            curves.plot(x, y, color=colour, linestyle=line, linewidth=1.4, label=label)
    points.set_yticks(range(len(rows)), [row["method"] for row in rows])
    points.set_ylim(len(rows) - 0.4, -0.6)
    points.axvline(0.5, color="0.6", linestyle="--", linewidth=1)
    points.set_xlabel("AUC: test folds, their mean and its 95 % interval")
    points.grid(axis="x", alpha=0.3)
    curves.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    curves.set_aspect("equal")
    curves.set_xlabel("1 − specificity")
    curves.set_ylabel("sensitivity")
    curves.set_title("All held-out cases, mean over seeds", fontsize=10)
    curves.legend(loc="lower right", fontsize=8)
    curves.grid(alpha=0.3)
    figure.suptitle(f"{result['task']}: {result['positive']} or not, {result['cases']} cases")
    return save_figure(figure, out / "auc.png")


def plot_learning(out: Path, cells: Sequence[Cell]) -> Path:
    """``learning_curves.png``: training loss and validation AUC by epoch, a line a fold and seed.

    Raises:
        ModelFileError: a fold's history cannot be read.
        OutputError: the folder cannot be written.
    """
    methods = list(dict.fromkeys(cell.method for cell in cells))
    figure = new_figure(width=7.2, height=0.6 + 1.7 * len(methods))
    axes = figure.subplots(len(methods), 2, squeeze=False)
    for position, method in enumerate(methods):
        colour, _ = _style(position)
        loss, validation = axes[position]
        for cell in (one for one in cells if one.method == method):
            for folder in fold_folders(cell.training.out):
                history = read_history(folder / "history.csv")
                epochs = [int(row["epoch"]) for row in history]
                for axis, column in ((loss, "loss"), (validation, "validation_auc")):
                    values = [float(row[column]) if row[column] else None for row in history]
                    axis.plot(epochs, values, color=colour, alpha=0.6, linewidth=1)
        loss.set_ylabel(method)
        validation.set_ylim(-0.03, 1.03)
        for axis in (loss, validation):
            axis.grid(alpha=0.3)
    axes[0][0].set_title("training loss (each method's own)", fontsize=10)
    axes[0][1].set_title("validation AUC", fontsize=10)
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    return save_figure(figure, out / "learning_curves.png")
