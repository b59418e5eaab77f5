"""Numbers of a comparison, as verbs print them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from momkd_core.cohort_change import Difference


def told_difference(found: Difference) -> str:
    """Before → after, the difference and its interval; or why it is unknown."""
    if found.before is None or found.after is None or found.difference is None:
        return f"unknown: {found.reason}"
    interval = (
        found.reason
        if found.low is None or found.high is None
        else f"95 % interval {found.low:+.3f} to {found.high:+.3f}"
    )
    return (
        f"{found.before:.3f} → {found.after:.3f}, {found.difference:+.3f} ({interval}; "
        f"{found.cases} cases)"
    )
