"""The window's demo in miniature: half of its cases, slides of half the width and height.

As a program it is ``momkd-viewer`` with that demo, in a process of its own as users start it.
"""

from __future__ import annotations

import sys

import pytest

from momkd_core.demo import plan
from momkd_viewer.app import main
from momkd_viewer.jobs import demo_work

CASES = 4


def shrink_demo(patch: pytest.MonkeyPatch) -> None:
    """Everything that draws the demo from here on draws this one."""
    patch.setattr(demo_work, "DEMO_CASES", CASES)
    for form, (width, height) in list(plan.SIZES.items()):
        patch.setitem(plan.SIZES, form, (width // 2, height // 2))


if __name__ == "__main__":
    shrink_demo(pytest.MonkeyPatch())
    sys.exit(main())
