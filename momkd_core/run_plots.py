"""The figures of a run: memory dynamics (Fig. 3 of the paper) and reliability, as PNG."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from momkd_core.checkpoint import fold_folders
from momkd_core.run_folder import is_finished, read_history
from momkd_core.storage import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of a palette that readers with any colour vision tell apart (Okabe & Ito 2008).
_COLOURS = {"positive": "#D55E00", "negative": "#0072B2"}
_MEASURES = (
    ("active_ratio", "active memory ratio"),
    ("perplexity", "perplexity (effective components)"),
)


def plot_dynamics(run: Path) -> Path:
    """``memory_dynamics.png``: active ratio and perplexity of both memories by epoch, a line a fold.

    Raises:
        OutputError: the folder cannot be written.
    """
    figure = new_figure(width=6.4, height=6.4)
    axes = figure.subplots(2, 1, sharex=True)
    for folder in fold_folders(run):
        if not is_finished(folder):
            continue
        history = read_history(folder / "history.csv")
        epochs = [int(row["epoch"]) for row in history]
        for axis, (measure, _) in zip(axes, _MEASURES, strict=True):
            for memory, colour in _COLOURS.items():
                values = [float(row[f"{memory}_{measure}"]) for row in history]
                axis.plot(epochs, values, color=colour, alpha=0.7, linewidth=1.2)
    for axis, (_, title) in zip(axes, _MEASURES, strict=True):
        axis.set_ylabel(title)
        axis.grid(alpha=0.3)
        for memory, colour in _COLOURS.items():
            axis.plot([], [], color=colour, label=f"{memory} memory")
    axes[0].set_ylim(0, 1.05)
    axes[1].set_ylim(bottom=0)
    axes[0].legend(loc="best")
    axes[1].set_xlabel("epoch")
    axes[0].set_title("Memory dynamics, one line a fold")
    return save_figure(figure, run / "memory_dynamics.png")


def plot_reliability(run: Path, summary: dict[str, Any]) -> Path:
    """``reliability.png``: frequency against mean probability of the held-out cases, in ten bins.

    Args:
        summary: of :func:`momkd_core.run_folder.summarise`.

    Raises:
        OutputError: the folder cannot be written.
    """
    calibration = summary["pooled"]["calibration"]
    bins = calibration["bins"]
    figure = new_figure(width=5.2, height=5.2)
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    probability = [row["probability"] for row in bins]
    frequency = [row["frequency"] for row in bins]
    axis.plot(probability, frequency, color=_COLOURS["positive"], linewidth=1.2)
    largest = max((row["cases"] for row in bins), default=1)
    axis.scatter(
        probability,
        frequency,
        s=[15 + 120 * row["cases"] / largest for row in bins],
        color=_COLOURS["positive"],
    )
    for row in bins:
        axis.annotate(
            str(row["cases"]),
            (row["probability"], row["frequency"]),
            xytext=(6, -10),
            textcoords="offset points",
            fontsize=8,
        )
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    axis.set_aspect("equal")
    axis.grid(alpha=0.3)
    axis.set_xlabel(f"probability of {summary['task']} {summary['positive']}")
    axis.set_ylabel("frequency among the cases (count beside the point)")
    error = calibration["ece"]
    axis.set_title(
        "Reliability" if error is None else f"Expected calibration error {error:.3f}", fontsize=11
    )
    return save_figure(figure, run / "reliability.png")


def new_figure(*, width: float, height: float) -> Figure:
    """A figure that belongs to no window. Imported here: matplotlib takes a while."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, path: Path) -> Path:
    """As PNG, atomically. Raises :class:`~momkd_core.errors.OutputError`."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=150)
    write_bytes(path, content.getvalue())
    return path
