"""How many patches a cohort has, from the slides whose tissue was looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scipy import special

from momkd_core.extraction_probe import TissueProbe


@dataclass(frozen=True)
class Estimate:
    """A number, and the range that the probes leave open."""

    expected: float
    low: float
    high: float


def estimated_patches(
    squares: Mapping[Path, int], tissue: Mapping[Path, TissueProbe]
) -> tuple[Estimate, float]:
    """Patches of all slides by the ratio estimator, and those of the largest slide.

    Args:
        squares: of every slide, by its feature file; ``tissue`` of those that were looked at.

    The share of squares with tissue among the n probed slides is taken for the m others. The interval
    is one of about 95 %, by Student's t for n - 1, of the errors of the share and of the others' own
    scatter about it (Cochran, Sampling Techniques, 3rd edition 1977, chapter 6).
    """
    known = sum(probe.patches for probe in tissue.values())
    seen = sum(probe.squares for probe in tissue.values())
    if not seen:
        return Estimate(0.0, 0.0, 0.0), 0.0
    share = known / seen
    others = [count for target, count in squares.items() if target not in tissue]
    rest, n, m = sum(others), len(tissue), len(others)
    scatter = sum((probe.patches - share * probe.squares) ** 2 for probe in tissue.values())
    spread = 0.0
    if m and n > 1:
        error = math.sqrt(scatter / (n - 1) * (m + n * (rest / seen) ** 2))
        spread = float(special.stdtrit(n - 1, 0.975)) * error
    elif m:
        spread = rest * max(share, 1 - share)  # one slide says nothing of how others differ
    expected = known + share * rest
    largest = max([share * count for count in others] + [p.patches for p in tissue.values()])
    high = min(expected + spread, known + rest)
    return Estimate(expected, max(expected - spread, known), high), largest
