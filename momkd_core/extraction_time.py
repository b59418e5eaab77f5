"""How long an extraction takes, from the pace of the slides that were probed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from momkd_core.extraction_probe import PaceProbe
from momkd_core.patch_estimate import Estimate


@dataclass(frozen=True)
class SideBySide:
    """How many times as fast as one process all of them are, in each kind of work."""

    looking: float = 1.0
    reading: float = 1.0
    encoding: float = 1.0


def side_by_side(
    processes: int, cores: int, *, threads: int | None, workers: int, on_processor: bool
) -> SideBySide:
    """More processes than the cores have room for gain nothing, and one GPU serves them all.

    Args:
        cores: of this machine.
        threads: that encode, of each process; None for as many as there are cores.
        workers: threads that read, of each process.
        on_processor: whether the encoder computes there.
    """

    def gain(needed: int) -> float:
        return max(1.0, min(processes, cores / needed))

    return SideBySide(gain(1), gain(workers), gain(threads or cores) if on_processor else 1.0)


def run_seconds(
    patches: Estimate,
    paces: Sequence[PaceProbe],
    side: SideBySide,
    *,
    once: float,
    looking: float,
) -> Estimate:
    """Of the whole run; its range is that of the patches and of the slowest and the fastest probe.

    Args:
        once: seconds to get the encoder ready, in all processes at the same time.
        looking: to open all slides and find their tissue, one after another.
    """
    if not paces:
        return Estimate(0.0, 0.0, 0.0)
    each = [pace.patch_seconds(side.reading, side.encoding) for pace in paces]
    counts = [pace.patches for pace in paces]
    mean = sum(s * n for s, n in zip(each, counts, strict=True)) / sum(counts)
    fixed = once + looking / side.looking
    return Estimate(
        fixed + patches.expected * mean,
        fixed + patches.low * min(each),
        fixed + patches.high * max(each),
    )
