"""Planned seconds, by hand."""

from __future__ import annotations

import pytest

from momkd_core.extraction_probe import PaceProbe
from momkd_core.extraction_time import SideBySide, run_seconds, side_by_side
from momkd_core.patch_estimate import Estimate


def pace(patches: int, reading: float, encoding: float, *, in_turns: bool) -> PaceProbe:
    return PaceProbe("a.tif", patches, reading, encoding, in_turns, 0.0, 1280, (1e3, 1e3), 0)


@pytest.mark.parametrize(
    ("in_turns", "expected"),
    [
        (True, (3 + 2 + 100 * 0.25, 3 + 2 + 80 * 0.2, 3 + 2 + 150 * 0.4)),
        (False, (3 + 2 + 100 * 0.175, 3 + 2 + 80 * 0.1, 3 + 2 + 150 * 0.4)),
    ],
)
def test_a_run_takes_its_fixed_time_and_that_of_its_patches(
    in_turns: bool, expected: tuple[float, float, float]
) -> None:
    paces = [pace(30, 0.1, 0.1, in_turns=in_turns), pace(10, 0.0, 0.4, in_turns=in_turns)]
    found = run_seconds(Estimate(100, 80, 150), paces, SideBySide(), once=3, looking=2)
    assert (found.expected, found.low, found.high) == pytest.approx(expected)


def test_processes_share_what_there_is() -> None:
    def of(processes: int, cores: int, threads: int, *, on_processor: bool) -> SideBySide:
        return side_by_side(processes, cores, threads=threads, workers=2, on_processor=on_processor)

    assert of(1, 8, 1, on_processor=True) == SideBySide()
    assert of(4, 8, 1, on_processor=True) == SideBySide(4, 4, 4)
    assert of(8, 2, 1, on_processor=True) == SideBySide(2, 1, 2), "no more than the cores"
    assert of(4, 8, 4, on_processor=True) == SideBySide(4, 4, 2)
    assert of(4, 8, 1, on_processor=False) == SideBySide(4, 4, 1), "one GPU"
    assert pace(1, 0.4, 0.2, in_turns=False).patch_seconds(4, 1) == 0.2
    assert pace(1, 0.4, 0.2, in_turns=True).patch_seconds(4, 2) == pytest.approx(0.2)
