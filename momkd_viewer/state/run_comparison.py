"""Several runs beside each other as a table: what they reached, and in which choices they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from momkd_viewer.state.training_run import TrainingRun

#: Rows that say what a run reached.
RESULTS = ("status", "label", "cases", "AUC, mean ± sd", "AUC, 95 % interval", "AUC, pooled")

_NOT_TOLD = {"versions", "warnings", "task", "positive", "negative", "cases", "cohort"}
_HASHES = {
    "cohort_fingerprint": "cohort table",
    "expression_sha256": "expression table",
    "features_sha256": "features",
    "encoder_sha256": "encoder's weights",
}
_NOTHING = "–"


def comparison(runs: Sequence[TrainingRun]) -> list[tuple[str, tuple[str, ...]]]:
    """(what, a text for each run): results first, then the choices that differ between them."""
    rows = [
        (name, tuple(texts))
        for name, texts in zip(RESULTS, zip(*map(_results, runs), strict=True), strict=True)
    ]
    choices = [_flat(run.asked) for run in runs]
    for key in dict.fromkeys(key for one in choices for key in one):
        values = [one.get(key) for one in choices]
        if any(value != values[0] for value in values):
            rows.append((_HASHES.get(key, key), tuple(_shown(key, value) for value in values)))
    return rows


def _results(run: TrainingRun) -> list[str]:
    auc, pooled = run.summary.get("auc") or {}, run.summary.get("pooled") or {}
    of = "" if run.folds_asked is None else f", {run.folds_finished} of {run.folds_asked} folds"
    asked = run.asked
    return [
        run.status + of,
        f"{asked['task']}: {asked['positive']}" if "task" in asked else _NOTHING,
        str(asked.get("cases", _NOTHING)),
        _with(auc.get("mean"), auc.get("sd"), " ± "),
        _with(auc.get("low"), auc.get("high"), " – "),
        _with(pooled.get("auc"), None, ""),
    ]


def _with(first: float | None, second: float | None, between: str) -> str:
    if first is None:
        return _NOTHING
    return f"{first:.3f}" + ("" if second is None else f"{between}{second:.3f}")


def _flat(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Choices by their names; those in groups by theirs, which are unique."""
    found: dict[str, Any] = {}
    for key, value in asked.items():
        if key in _NOT_TOLD:
            continue
        if isinstance(value, dict):
            found |= value
        else:
            found[key] = value
    return found


def _shown(key: str, value: object) -> str:
    if value is None:
        return _NOTHING
    return str(value)[:8] if key in _HASHES else str(value)
