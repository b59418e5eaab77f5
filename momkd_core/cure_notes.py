"""What to make of a cure, in words: above all whether it only hides the problem."""

from __future__ import annotations

import numpy as np

from momkd_core.cohort_change import CaseChange, CohortChange
from momkd_core.triage_flags import percent

#: Probabilities that move less than this, on average, do not move.
BARELY = 0.02
#: A fall of background focus from this on is one.
FALL = 0.05


def case_note(case: CaseChange) -> str:
    """Of one case; '' where nothing is remarkable."""
    if case.became == "right":
        return "becomes right"
    if case.became == "wrong":
        return "was right, becomes wrong"
    moved = case.probability_after - case.probability_before
    before, after = case.background_focus_before, case.background_focus_after
    stays_wrong = case.label is not None and case.predicted_after != case.label
    if stays_wrong and before is not None and after is not None and before - after >= FALL:
        return f"{_fall(before, after)}, but it stays wrong"
    if abs(moved) < BARELY:
        return f"the probability barely moves ({moved:+.3f})"
    return ""


def hiding_notes(change: CohortChange) -> list[str]:
    """Reasons to think that a cure only hides the problem; none where it does not seem to."""
    known = [case for case in change.cases if case.label is not None]
    if not known:
        return []
    found = []
    wrong = [
        sum(case.predicted_before != case.label for case in known),
        sum(case.predicted_after != case.label for case in known),
    ]
    focus = change.background_focus
    if (
        focus.before is not None
        and focus.after is not None
        and focus.before - focus.after >= FALL
        and wrong[1] >= wrong[0]
    ):
        found.append(
            f"{_fall(focus.before, focus.after)}, but {wrong[1]} of {len(known)} cases are wrong then, "
            f"{wrong[0]} before"
        )
    moved = np.abs([c.probability_after - c.probability_before for c in change.cases])
    if moved.mean() < BARELY:
        found.append(
            f"probabilities barely move (by {moved.mean():.3f} on average, {moved.max():.3f} at most)"
        )
    became = [case.became for case in known]
    right, lost = became.count("right"), became.count("wrong")
    if lost and lost >= right:
        found.append(f"{lost} right cases become wrong, {right} wrong ones become right")
    return found


def other_notes(change: CohortChange) -> list[str]:
    """What else a reader of the numbers must know."""
    found = []
    if change.cases and all(case.label is None for case in change.cases):
        found.append("no case has a label: whether it helps is unknown")
    low, high = change.auc.low, change.auc.high
    if low is not None and high is not None and low <= 0 <= high and change.auc.difference != 0:
        found.append("the difference of AUC is uncertain: its interval holds 0")
    elif high is not None and high < 0:
        found.append("the AUC falls")
    return found


def _fall(before: float, after: float) -> str:
    return f"attention on glass falls from {percent(before)} to {percent(after)}"
