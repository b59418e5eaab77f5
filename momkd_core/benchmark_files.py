"""A benchmark as tables: Markdown for people, CSV for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from momkd_core.benchmark_notes import notes
from momkd_core.benchmark_table import METRICS
from momkd_core.storage import write_table, write_text

_COSTS = (
    "training_seconds epochs inference_seconds inference_patches learned_parameters "
    "inference_parameters peak_bytes"
).split()
_FOLD_COLUMNS = ("method", "seed", "fold", *METRICS, "cases", "positive", "threshold", "best_epoch",
                 "epochs", "training_seconds")  # fmt: skip
_DIFFERENCE = ("difference", "low", "high", "delong_low", "delong_high", "p", "p_holm")
_WITHIN = ("difference", "low", "high", "p", "p_holm")

Value = float | int | None


def write_tables(out: Path, result: dict[str, Any]) -> None:
    """``benchmark.md``, ``benchmark.csv``, ``folds.csv`` and ``paired.csv``.

    Args:
        result: of :func:`momkd_core.benchmark.benchmark`.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_text(out / "benchmark.md", markdown(result))
    rows = [_flat(row) for row in result["methods"]]
    write_table(out / "benchmark.csv", list(rows[0]), rows)
    folds = [
        {"method": row["method"], **fold} for row in result["methods"] for fold in row["folds"]
    ]
    write_table(out / "folds.csv", _FOLD_COLUMNS, folds)
    columns = ["tested_on", "against", "method", "cases", *_DIFFERENCE]
    columns += [f"within_folds_{name}" for name in _WITHIN]
    paired = [
        {
            "tested_on": where,
            "against": result["against"],
            **row,
            **{f"within_folds_{name}": row["within"][name] for name in _WITHIN},
        }
        for where, several in result["paired"].items()
        for row in several
    ]
    write_table(out / "paired.csv", columns, paired)


def markdown(result: dict[str, Any]) -> str:
    """The tables with what has to be known to read them."""
    parts = [
        f"# {result['task']}: {result['positive']} or not",
        f"{result['cases']} cases, {result['folds']} folds grouped alike for every method, seeds "
        f"{', '.join(str(seed) for seed in result['seeds'])}.",
        "## Held-out folds",
        _held_out(result),
        *_external(result),
        *_paired(result),
        "## Costs",
        _costs(result),
        "## How to read this",
        "\n".join(f"- {line}" for line in notes(result)),
    ]
    return "\n\n".join(parts) + "\n"


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A method's row with a column a number."""
    flat: dict[str, Any] = {"method": row["method"], "seeds": len(row["seeds"])}
    for name in METRICS:
        flat |= {f"{name}_{part}": row[name][part] for part in ("mean", "sd", "low", "high")}
    flat |= {f"pooled_{part}": row["pooled"][part] for part in ("auc", "low", "high", "cases")}
    for name, external in row["external"].items():
        for who in ("ensemble", "members"):
            for metric in METRICS[:3]:
                found = external[who][metric]
                flat |= {f"{name}_{who}_{metric}_{part}": found[part] for part in ("mean", "sd")}
        flat |= {
            f"{name}_pooled_{part}": external["pooled"][part]
            for part in ("auc", "low", "high", "cases")
        }
    return flat | {name: row["costs"][name] for name in _COSTS}


def _held_out(result: dict[str, Any]) -> str:
    rows = [
        (
            row["method"],
            *(_spread(row[name]) for name in METRICS[:3]),
            _interval(row["auc"]["low"], row["auc"]["high"]),
            f"{_number(row['pooled']['auc'])} {_interval(row['pooled']['low'], row['pooled']['high'])}",
            f"{len(row['seeds'])} of {len(result['seeds'])}",
        )
        for row in result["methods"]
    ]
    head = ("method", "AUC", "ACC", "F1", "AUC, 95 % of folds", "AUC of all cases (95 %)", "seeds")
    table = _table(head, rows)
    failed = [f"{one['method']} seed {one['seed']}: {one['error']}" for one in result["errors"]]
    return "\n\n".join([table, *(f"Not trained: {text}" for text in failed)])


def _external(result: dict[str, Any]) -> list[str]:
    parts: list[str] = []
    for name in result["external"]:
        rows = []
        for row in result["methods"]:
            found = row["external"][name]
            pooled = found["pooled"]
            rows.append(
                (
                    row["method"],
                    *(_spread(found["members"][metric]) for metric in METRICS[:3]),
                    *(_spread(found["ensemble"][metric]) for metric in METRICS[:3]),
                    f"{_number(pooled['auc'])} {_interval(pooled['low'], pooled['high'])}",
                    str(pooled["cases"]),
                )
            )
        head = ("method", "AUC", "ACC", "F1", "ensemble AUC", "ACC", "F1", "AUC (95 %)", "cases")
        parts += [f"## Tested on {name}", _table(head, rows)]
    return parts


def _paired(result: dict[str, Any]) -> list[str]:
    against = result["against"]
    if not result["paired"]:
        return [f"{against} was not trained, so nothing is compared with it."]
    parts = []
    for where, rows in result["paired"].items():
        if not rows:
            continue
        within = where == "held out"
        head = ["method", "Δ AUC", "95 % (bootstrap)", "p (DeLong)", "p (Holm)"]
        head += ["Δ AUC within folds", "p", "p (Holm)"] if within else []
        table = []
        for row in rows:
            cells = [
                row["method"],
                _number(row["difference"], "+"),
                _interval(row["low"], row["high"], "+"),
                _p(row["p"]),
                _p(row["p_holm"]),
            ]
            if within:
                inside = row["within"]
                cells += [
                    f"{_number(inside['difference'], '+')} "
                    f"{_interval(inside['low'], inside['high'], '+')}",
                    _p(inside["p"]),
                    _p(inside["p_holm"]),
                ]
            table.append(cells)
        parts += [f"## {against} minus each other, {where}", _table(head, table)]
    return parts


def _costs(result: dict[str, Any]) -> str:
    rows = []
    for row in result["methods"]:
        costs = row["costs"]
        seconds, peak = costs["inference_seconds"], costs["peak_bytes"]
        rows.append(
            (
                row["method"],
                f"{costs['training_seconds']:.1f}",
                f"{costs['epochs']:.1f}",
                "–" if seconds is None else f"{1000 * seconds:.1f}",
                _count(costs["learned_parameters"]),
                _count(costs["inference_parameters"]),
                "–" if peak is None else f"{peak / 2**30:.2f}",
            )
        )
    head = (
        "method", "training, s a fold", "epochs", "inference, ms a slide", "parameters learned",
        "of inference", "peak memory, GiB",
    )  # fmt: skip
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Of Markdown, its columns as wide as their widest cell."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [" | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    title = " | ".join(c.ljust(w) for c, w in zip(head, widths, strict=True))
    rule = "-|-".join("-" * width for width in widths)
    return "\n".join([f"| {title} |", f"|-{rule}-|", *(f"| {line} |" for line in lines)])


def _number(value: Value, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.3f}"


def _spread(found: dict[str, float | None]) -> str:
    sd = "" if found["sd"] is None else f" ± {found['sd']:.3f}"
    return _number(found["mean"]) + sd


def _interval(low: Value, high: Value, sign: str = "") -> str:
    return "–" if low is None or high is None else f"({low:{sign}.3f} to {high:{sign}.3f})"


def _p(value: Value) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _count(value: Value) -> str:
    return "–" if value is None else f"{value:,.0f}"
