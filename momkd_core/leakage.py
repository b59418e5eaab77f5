"""The leakage certificate: which cases fitted what in a fold, and whom the parts share.

It is written from what the fitting functions reported (:mod:`momkd_core.ledger`), not from the split.
``folds/<k>/leakage.json`` (``final/leakage.json`` for a model of all cases) states it in a form that
anyone can check: a hash is the SHA-256 of the sorted case ids, one a line. Sharing patients or sites is
not forbidden here (splits refuse shared groups), it is written down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from momkd_core.cohort_case import Case
from momkd_core.ledger import refuse_held_out
from momkd_core.splits import Split

#: What a fold fits; without expression the three that need it are fitted on no case.
FITTED = (
    "network weights", "memory initialisation", "gene selection", "expression scaling",
    "teacher",
    "look of training patches", "limit of strangeness", "epoch that is kept", "threshold",
    "component profiles", "gene associations",
)  # fmt: skip

_PAIRS = (("train", "validation"), ("train", "test"), ("validation", "test"))


def certificate(
    split: Split, cases: Mapping[str, Case], used: Mapping[str, Iterable[str]], grouping: str
) -> dict[str, Any]:
    """The certificate of a fold.

    Args:
        cases: by case id; all of the split.
        used: case ids by what they fitted, as the fitting functions reported them.
        grouping: the column whose values stay together.

    Raises:
        LeakageError: a test case fitted something.
    """
    parts = split.as_dict()
    fitted: dict[str, Iterable[str]] = {**dict.fromkeys(FITTED, ()), **used}
    for what, case_ids in fitted.items():
        refuse_held_out(what, set(case_ids) & set(split.test))

    def group(case: str) -> str:
        found = cases[case]
        return found.patient_id if grouping == "patient_id" else found.values.get(grouping, "")

    return {
        "grouping": grouping,
        "fitted": {what: _named(case_ids) for what, case_ids in fitted.items()},
        "tested": _named(split.test),
        "shared": {
            "cases": _shared(parts, lambda case: case),
            "groups": _shared(parts, group),
            "patients": _shared(parts, lambda case: cases[case].patient_id),
            "sites": _shared(parts, lambda case: cases[case].values.get("site", "")),
        },
    }


def final_certificate(
    cases: Mapping[str, Case],
    with_expression: Iterable[str],
    folds: Sequence[Mapping[str, Any]],
    splits: Sequence[Split],
) -> dict[str, Any]:
    """The certificate of a model that all cases trained: no case is left that it could be tested on.

    Args:
        cases: by case id; all that the model is trained on.
        with_expression: case ids that have expression.
        folds: of ``summary.json``, those of cross-validation.
        splits: by fold.

    Returns:
        ``fitted``: as :func:`certificate`; ``from folds``: what cross-validation decided instead, as
        the mean over the folds' values, each fitted on the fold's validation cases; ``patients``: those
        of the cases, by name, since later evaluations leave them out.
    """
    everything, learned = _named(cases), _named(with_expression)
    taken = {
        "epochs": [fold["best_epoch"] + 1 for fold in folds],
        "threshold": [fold["threshold"] for fold in folds],
        "limit of strangeness": [fold["familiarity_limit"] for fold in folds],
    }
    return {
        "fitted": {
            "network weights": everything,
            "memory initialisation": everything,
            "gene selection": learned,
            "expression scaling": learned,
            "look of training patches": everything,
            "component profiles": everything,
            "gene associations": learned,
        },
        "from folds": {
            "folds": [fold["fold"] for fold in folds],
            **taken,
            "validation": [_named(splits[fold["fold"]].validation) for fold in folds],
        },
        "tested": _named([]),
        "patients": sorted({case.patient_id for case in cases.values()}),
    }


def _named(case_ids: Iterable[str]) -> dict[str, Any]:
    ordered = sorted(case_ids)
    digest = hashlib.sha256("\n".join(ordered).encode()).hexdigest()
    return {"cases": len(ordered), "sha256": digest}


def _shared(parts: Mapping[str, list[str]], group: Any) -> dict[str, int]:
    """How many groups two parts have in common; '' is no group."""
    groups = {name: {group(case) for case in cases} - {""} for name, cases in parts.items()}
    return {f"{a} and {b}": len(groups[a] & groups[b]) for a, b in _PAIRS}
