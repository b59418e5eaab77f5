"""The leakage certificate: which cases fitted what in a fold, and whom the parts share.

It is written from what the fitting functions reported (:mod:`momkd_core.ledger`), not from the split.
``folds/<k>/leakage.json`` states it in a form that anyone can check: a hash is the SHA-256 of the
sorted case ids, one a line. Sharing patients or sites is not forbidden here (splits refuse shared
groups), it is written down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from momkd_core.cohort import Case
from momkd_core.ledger import refuse_held_out
from momkd_core.splits import Split

#: What a fold fits; without expression the two that need it are fitted on no case.
FITTED = (
    "network weights", "memory initialisation", "gene selection", "expression scaling",
    "look of training patches", "limit of strangeness", "epoch that is kept", "threshold",
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


def _named(case_ids: Iterable[str]) -> dict[str, Any]:
    ordered = sorted(case_ids)
    digest = hashlib.sha256("\n".join(ordered).encode()).hexdigest()
    return {"cases": len(ordered), "sha256": digest}


def _shared(parts: Mapping[str, list[str]], group: Any) -> dict[str, int]:
    """How many groups two parts have in common; '' is no group."""
    groups = {name: {group(case) for case in cases} - {""} for name, cases in parts.items()}
    return {f"{a} and {b}": len(groups[a] & groups[b]) for a, b in _PAIRS}
