"""Which patches show a component, chosen slide by slide so that a cohort needs little memory.

Candidates are rows of numbers. After each slide only those are kept that can still be chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from momkd_core.component_names import MEMORIES, other_memory
from momkd_core.result import Floats, Indices, SlideResult

# Typical patches are found among so many that a component wins, drawn at random from all of them; among
# more where more are wanted.
_DRAWN = 4000
_SEED = 0

_ROW = np.dtype(
    [
        ("similarity", "f4"), ("affinity", "f4"), ("attention", "f4"), ("lot", "f8"),
        ("x", "i8"), ("y", "i8"), ("patch", "i4"), ("slide", "i4"), ("patient", "i4"),
        ("winner", "i4"), ("winner_similarity", "f4"), ("margin", "f4"),
    ]
)  # fmt: skip

#: Candidates: a structured array, one row a patch.
Rows = NDArray[Any]


@dataclass(frozen=True)
class Wanted:
    """How many patches of each kind are shown, and of one patient while others remain."""

    top: int
    typical: int
    counter_examples: int
    per_patient: int


class SlidePatches:
    """A slide's patches, ready to become candidates.

    Args:
        number, patient: which slide and which patient of the cohort.
    """

    def __init__(self, result: SlideResult, number: int, patient: int) -> None:
        self._result = result
        self._number, self._patient = number, patient
        self.winners: dict[str, Indices] = {memory: result.winners(memory) for memory in MEMORIES}
        self._best: dict[str, Floats] = {
            memory: result.best_similarity(memory) for memory in self.winners
        }
        # Lots decide which patches are drawn; the same for the same cohort.
        self.lots = np.random.default_rng([_SEED, number]).random(len(result))

    def similarity(self, memory: str, index: int) -> Floats:
        """(N,) contiguous."""
        assert self._result.match is not None
        return np.ascontiguousarray(self._result.match.of(memory)[:, index])

    def margin(self, memory: str) -> Floats:
        """(N,) affinity towards the other memory."""
        margin: Floats = self._best[other_memory(memory)] - self._best[memory]
        return margin

    def rows(self, memory: str, index: int, patches: Indices) -> Rows:
        """These patches as candidates of a component."""
        affinity, attention = self._result.affinity, self._result.attention
        assert affinity is not None and attention is not None, self._result.no_components
        rows = np.zeros(len(patches), _ROW)
        rows["similarity"] = self.similarity(memory, index)[patches]
        rows["affinity"] = affinity[patches]
        rows["attention"] = attention[patches]
        rows["x"], rows["y"] = self._result.coords[patches].T
        rows["lot"], rows["patch"] = self.lots[patches], patches
        rows["slide"], rows["patient"] = self._number, self._patient
        rows["winner"] = self.winners[other_memory(memory)][patches]
        rows["winner_similarity"] = self._best[other_memory(memory)][patches]
        rows["margin"] = self.margin(memory)[patches]
        return rows


class ComponentPicks:
    """The candidates of one component."""

    def __init__(self, memory: str, index: int, wanted: Wanted) -> None:
        self._memory, self._index, self._wanted = memory, index, wanted
        self._top = self._counter = self._drawn = np.zeros(0, _ROW)
        self._most = max(_DRAWN, 2 * wanted.typical)  # so that there is a middle half

    def add(self, slide: SlidePatches) -> None:
        """Takes what may be chosen of a slide; of a muted component nothing is."""
        memory, index, wanted = self._memory, self._index, self._wanted
        similarity = slide.similarity(memory, index)
        if not np.isfinite(similarity[0]):
            return
        patches = np.arange(len(similarity))
        top = _best(similarity, patches, wanted.top)
        lost = _best(similarity, patches[slide.margin(memory) > 0], wanted.counter_examples)
        won = patches[slide.winners[memory] == index]
        if len(self._drawn) == self._most:
            won = won[slide.lots[won] < self._drawn["lot"].max()]
        each = wanted.per_patient
        self._top = _candidates([self._top, slide.rows(memory, index, top)], wanted.top, each)
        self._counter = _candidates(
            [self._counter, slide.rows(memory, index, lost)], wanted.counter_examples, each
        )
        drawn = np.concatenate([self._drawn, slide.rows(memory, index, won)])
        if len(drawn) > self._most:
            drawn = drawn[np.argpartition(drawn["lot"], self._most - 1)[: self._most]]
        self._drawn = drawn

    def top(self) -> Rows:
        """The most similar patches, best first."""
        return _chosen(self._top, self._wanted.top, self._wanted.per_patient)

    def counter_examples(self) -> Rows:
        """The most similar patches among those that the other memory wins, best first."""
        return _chosen(self._counter, self._wanted.counter_examples, self._wanted.per_patient)

    def typical(self) -> Rows:
        """Patches that it wins, spread evenly over the middle half of their similarities.

        At most ``per_patient`` of one patient while the middle half has others, and from outside of it
        only where it is too small.
        """
        rows, count = _ordered(self._drawn), self._wanted.typical
        if len(rows) <= count:
            return rows
        place = np.arange(len(rows))
        low, high = 0.25 * (len(rows) - 1), 0.75 * (len(rows) - 1)
        middle = (place >= low) & (place <= high)
        free = np.ones(len(rows), bool)
        taken = np.zeros(int(rows["patient"].max()) + 1, np.int64)
        for target in np.linspace(low, high, count) if count > 1 else [(low + high) / 2]:
            allowed = free & middle & (taken[rows["patient"]] < self._wanted.per_patient)
            for choice in (allowed, free & middle, free):
                if choice.any():
                    picked = int(np.where(choice, np.abs(place - target), np.inf).argmin())
                    free[picked] = False
                    taken[rows["patient"][picked]] += 1
                    break
        return rows[~free]


def _best(similarity: Floats, patches: Indices, count: int) -> Indices:
    """The most similar of some patches, best first (ties: lower index)."""
    if count == 0:
        return patches[:0]
    values = similarity[patches]
    if count < len(patches):  # only what can be among the best is sorted
        likely = values >= np.partition(values, len(values) - count)[len(values) - count]
        patches, values = patches[likely], values[likely]
    best: Indices = patches[np.argsort(-values, kind="stable")][:count]
    return best


def _ordered(rows: Rows) -> Rows:
    """Best first; ties by slide and patch."""
    return rows[np.lexsort((rows["patch"], rows["slide"], -rows["similarity"]))]


def _split(rows: Rows, per_patient: int) -> tuple[Rows, Rows]:
    """Each patient's best rows, and the others; both best first."""
    rows = _ordered(rows)
    by_patient = np.argsort(rows["patient"], kind="stable")
    grouped = rows["patient"][by_patient]
    nth = np.empty(len(rows), np.int64)
    nth[by_patient] = np.arange(len(rows)) - np.searchsorted(grouped, grouped)
    return rows[nth < per_patient], rows[nth >= per_patient]


def _candidates(parts: list[Rows], count: int, per_patient: int) -> Rows:
    """What of these can still be chosen, whatever follows."""
    kept, spare = _split(np.concatenate(parts), per_patient)
    return np.concatenate([kept[:count], spare[:count]])


def _chosen(rows: Rows, count: int, per_patient: int) -> Rows:
    """At most ``per_patient`` rows of a patient; too few patients are filled up by whoever is best."""
    kept, spare = _split(rows, per_patient)
    return _ordered(np.concatenate([kept[:count], spare[: max(0, count - len(kept))]]))
