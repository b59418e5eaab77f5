"""Which cases fitted what: a function that fits tells a ledger, at the place where it reads them.

The leakage certificate is written from it, and a held-out case stops a fold before it is scored.
"""

from __future__ import annotations

from collections.abc import Iterable

from momkd_core.errors import LeakageError


class Ledger:
    """What a fold was fitted on, by what was fitted.

    Args:
        held_out: case ids that nothing may be fitted on.
    """

    def __init__(self, held_out: Iterable[str] = ()) -> None:
        self._held_out = frozenset(held_out)
        self._used: dict[str, set[str]] = {}

    def note(self, what: str, case_ids: Iterable[str]) -> None:
        """These cases fit ``what``.

        Raises:
            LeakageError: one of them is held out.
        """
        cases = set(case_ids)
        refuse_held_out(what, cases & self._held_out)
        self._used.setdefault(what, set()).update(cases)

    @property
    def used(self) -> dict[str, list[str]]:
        """Sorted case ids by what they fitted."""
        return {what: sorted(cases) for what, cases in self._used.items()}


def refuse_held_out(what: str, case_ids: set[str]) -> None:
    """Raises :class:`LeakageError` where there are any of these."""
    if case_ids:
        raise LeakageError(
            f"{len(case_ids)} test cases (the first is {min(case_ids)}) were about to fit the {what}",
            "This is a fault of the program, and the fold was stopped: please report it",
        )
