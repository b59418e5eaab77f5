"""How sure an answer is: what the model's files say of it, and no interval beyond that."""

from __future__ import annotations

import math
from typing import Any

from momkd_core.evidence_page import number
from momkd_core.evidence_record import BundleRecord


def certainty(record: BundleRecord) -> tuple[str, ...]:
    """The answer's interval, or that there is none; then how well the model ranks other cases.

    Of a run the interval is the spread of its folds' models. One model file gives one number: what its
    card says of held-out cases is told, and that this is not an interval of the answer.
    """
    sentences = _of_folds(record) if len(record.model.cards) > 1 else _of_one(record)
    if any(indices for indices in record.result.muted.values()):
        sentences += (
            "Threshold and AUC were measured with all components, also those muted here.",
        )
    return sentences


def _of_folds(record: BundleRecord) -> tuple[str, ...]:
    result, card = record.result, record.model.card
    found = result.fold_probabilities
    above = sum(p >= t for p, t in zip(found, result.fold_thresholds, strict=True))
    sentences = (
        f"Interval {min(found):.3f} to {max(found):.3f}: the lowest and the highest of {len(found)} "
        f"folds' models, whose mean is the answer. {above} of {len(found)} predict "
        f"{card['positive']} at their own thresholds. This is how far models differ that were trained "
        "on other parts of one cohort, not a confidence interval.",
    )
    known = [value for one in record.model.cards if (value := _auc(one)) is not None]
    if not known:
        return (*sentences, "AUC: the models' files state none.")
    stated = "" if len(known) == len(found) else f" ({len(known)} of {len(found)} state one)"
    return (
        *sentences,
        f"AUC on each fold's held-out cases: mean {sum(known) / len(known):.3f}, "
        f"{min(known):.3f} to {max(known):.3f}{stated}.",
    )


def _of_one(record: BundleRecord) -> tuple[str, ...]:
    none = "No interval: one model gives one number, and how far another would differ is unknown."
    return none, _held_out(record.model.card)


def _held_out(card: dict[str, Any]) -> str:
    crossed = card["metrics"].get("cross_validation")
    if isinstance(crossed, dict):
        pooled = crossed.get("pooled")
        value = _number(pooled, "auc")
        if value is not None:
            low, high = _number(pooled, "low"), _number(pooled, "high")
            interval = (
                "its file states no interval"
                if low is None or high is None
                else f"95 % interval {low:.3f} to {high:.3f} over patients"
            )
            return (
                f"Cross-validated AUC {value:.3f} ({interval}; {_cases(pooled)} held out by the "
                "folds). It says how well such models rank cases, not how sure this answer is."
            )
    value = _auc(card)
    if value is None:
        return "AUC: the model's file states none."
    fold = "" if card["fold"] is None else f" of fold {card['fold']}"
    return (
        f"AUC {value:.3f} on {_cases(card['metrics'])} held out{fold}; its file states no interval. "
        "It says how well the model ranks cases, not how sure this answer is."
    )


def _auc(card: dict[str, Any]) -> float | None:
    return _number(card["metrics"], "auc")


def _cases(metrics: Any) -> str:
    return f"{number(_number(metrics, 'cases'), '.0f')} cases"


def _number(metrics: Any, name: str) -> float | None:
    """A number of a card, whose metrics may be anything that somebody wrote."""
    value = metrics.get(name) if isinstance(metrics, dict) else None
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None
