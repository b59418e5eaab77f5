"""How far the analysis of a cohort is, how long it will take, and the words for it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from statistics import median

_RECENT = 15
_FIRST_PACE = 2  # slides before a time is told: the first one loads the encoder


class Phase(Enum):
    """What the queue does."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"


@dataclass(frozen=True)
class QueueView:
    """What is shown of the queue.

    Attributes:
        done, total: slides that every open model has read or failed on, and all slides.
        working: whether it runs or is paused, so that it can be stopped.
        turn: what the one button does: start, pause or resume; empty where nothing is left to do.
        can_retry: whether slides failed that can be tried again now.
    """

    text: str
    done: int
    total: int
    working: bool
    turn: str
    can_retry: bool


class QueueProgress:
    """The pace of the queue: the median of recent slides, whatever a single slow one took."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def record(self, seconds: float | None) -> None:
        """Notes what a slide took; None says that it was known already, which is no pace."""
        if seconds is not None:
            self._recent.append(seconds)

    def seconds_left(self, slides: int) -> float | None:
        """For so many slides; None while too few were analysed to tell."""
        return median(self._recent) * slides if len(self._recent) >= _FIRST_PACE else None

    def view(self, phase: Phase, total: int, left: int, awaited: int, failed: int) -> QueueView:
        """The queue in words.

        Args:
            total: slides of the cohort; ``left`` lack a finding, ``awaited`` do not exist yet.
            failed: those that a model could not read; they are done all the same.
        """
        done = total - left - awaited
        phase = phase if left else Phase.IDLE
        parts = [_standing(phase, done, total, failed)]
        if failed:
            parts.append(f"{failed} failed")
        seconds = self.seconds_left(left)
        if phase is Phase.RUNNING and seconds is not None:
            parts.append(f"about {duration(seconds)} left")
        turns = {Phase.IDLE: "Analyse all", Phase.RUNNING: "Pause", Phase.PAUSED: "Resume"}
        return QueueView(
            " · ".join(parts),
            done,
            total,
            phase is not Phase.IDLE,
            turns[phase] if left else "",
            bool(failed) and phase is Phase.IDLE,
        )


def _standing(phase: Phase, done: int, total: int, failed: int) -> str:
    if phase is Phase.RUNNING:
        return f"Analysing {done + 1} of {total}"
    if phase is Phase.PAUSED:
        return f"Paused, {done} of {total} done"
    if done == total and not failed:
        return f"All {total} analysed"
    return f"{done - failed} of {total} analysed"


def duration(seconds: float) -> str:
    """A time that is only roughly known: ``40 s``, ``4 min``, ``2 h 10 min``."""
    if seconds < 55:
        return f"{max(5, round(seconds / 5) * 5)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(round(minutes / 10) * 10, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
