"""What has to be known to read a benchmark's tables, a line a fact."""

from __future__ import annotations

from typing import Any


def notes(result: dict[str, Any]) -> list[str]:
    """Lines under the tables, of the result of :func:`momkd_core.benchmark.benchmark`."""
    lines = [
        _budget(result["budget"]),
        _tuning(result["set"]),
        f"{_folds(result['split_seed'])} for every method and seed; other seeds are other "
        "initialisations, orders and dropout.",
        "AUC, ACC and F1: mean ± sd over test folds and seeds. The interval is that of the folds' "
        "means over seeds (t): other seeds are no other cases.",
        "AUC of all cases: probabilities are means over seeds, and patients are resampled.",
        "Differences are on the same cases; DeLong's variance counts patients, not cases, and p (Holm) "
        "is adjusted for the number of methods. Within folds: the mean difference of the folds' AUCs.",
    ]
    if result["external"]:
        lines.append(
            "Other cohorts: first the folds' models one by one, mean ± sd over folds and seeds; then "
            "the mean of the folds as one model, over seeds."
        )
    return [*lines, _costs(result["methods"][0]["costs"]["inference_patches"]), *result["warnings"]]


def _folds(seed: int | None) -> str:
    return "Folds are as given" if seed is None else f"Folds are made with seed {seed}"


def _budget(budget: dict[str, int]) -> str:
    return (
        f"One budget for all: at most {budget['epochs']} epochs; a stop after {budget['patience']} "
        f"epochs without a better validation, not before epoch {budget['earliest_stop']}; the epoch "
        "with the best validation AUC is kept, and the threshold is chosen on validation cases. Test "
        "cases choose nothing."
    )


def _tuning(given: list[str]) -> str:
    changed = f"; given by hand: {', '.join(given)}" if given else ""
    return (
        "Settings are each method's published ones (run.json of its folders has them), and there is "
        f"no tuning beyond that{changed}."
    )


def _costs(patches: float | None) -> str:
    at = "" if patches is None else f" (median {patches:.0f} patches)"
    return (
        f"Training is by one thread, validation included. Inference is from a slide's features{at} in "
        "memory to its result by one fold's model. Memory is the most that the process held, with its "
        "libraries."
    )
