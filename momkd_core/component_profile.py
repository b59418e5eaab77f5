"""What a component was in training, kept in the model card so that a review needs no training data.

How much of the training cases it explained, of either class; how it was used and how it moved, epoch by
epoch; and which genes go with its share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from momkd_core.component_names import MEMORIES, Memory
from momkd_core.gene_association import GeneAssociation
from momkd_core.model.attention import MemoryReading


class ComponentProfile(BaseModel):
    """One component over the cases that trained its model.

    Attributes:
        cases: how many.
        prevalence: share of all their patches that it wins within its memory.
        attention: mean over their slides of the attention on those patches.
        prevalence_by_class: the same share over the cases of each class, by class value.
        activity, drift: in each epoch up to the kept one, the share of training patches that it won
            and 1 - cosine between its states before and after; empty where they were not recorded.
        genes: the surest associations of its share per case with expression.
    """

    model_config = ConfigDict(frozen=True)

    memory: Memory
    index: int = Field(ge=0)
    cases: int = Field(ge=0)
    prevalence: float = Field(ge=0, le=1)
    attention: float = Field(ge=0)
    prevalence_by_class: dict[str, float] = Field(default_factory=dict)
    activity: tuple[float, ...] = ()
    drift: tuple[float, ...] = ()
    genes: tuple[GeneAssociation, ...] = ()


class CaseUse:
    """How cases use the components of a model, counted slide by slide.

    Args:
        components: n of a memory; both have as many.
    """

    def __init__(self, components: int) -> None:
        self._components = components
        self._won: dict[str, NDArray[np.int64]] = {}  # by case: (2 n,) patches
        self._attention: list[NDArray[np.float64]] = []  # by slide: (2 n,)

    def add(self, case_id: str, reading: MemoryReading) -> None:
        """Counts a slide of a case."""
        n = self._components
        attention = reading.attention.detach().cpu().double()
        won, mass = [], []
        for similarity in (reading.positive_similarity, reading.negative_similarity):
            winners = similarity.detach().argmax(dim=1).cpu()
            won.append(torch.bincount(winners, minlength=n))
            mass.append(torch.bincount(winners, weights=attention, minlength=n))
        self._attention.append(torch.cat(mass).numpy())
        before = self._won.get(case_id, np.zeros(2 * n, np.int64))
        self._won[case_id] = before + torch.cat(won).numpy()

    @property
    def case_ids(self) -> tuple[str, ...]:
        """In the order of their first slide."""
        return tuple(self._won)

    @property
    def shares(self) -> NDArray[np.float64]:
        """(cases, 2 n) of each case's patches, positive memory first; a memory's sum to 1."""
        won = np.stack(list(self._won.values()))
        patches = won[:, : self._components].sum(axis=1)
        result: NDArray[np.float64] = won / patches[:, None]
        return result

    def prevalence(self, case_ids: Sequence[str]) -> NDArray[np.float64]:
        """(2 n,) share of all patches of these cases; at least one."""
        won = np.stack([self._won[case] for case in case_ids]).sum(axis=0)
        result: NDArray[np.float64] = won / won[: self._components].sum()
        return result

    def attention(self) -> NDArray[np.float64]:
        """(2 n,) mean over slides."""
        result: NDArray[np.float64] = np.mean(self._attention, axis=0)
        return result


def component_profiles(
    use: CaseUse,
    classes: Mapping[str, str],
    history: Sequence[Mapping[str, float | int | None]],
    genes: Sequence[tuple[GeneAssociation, ...]],
) -> tuple[ComponentProfile, ...]:
    """The profiles of both memories, positive components first.

    Args:
        use: of all training cases by the model that is kept.
        classes: each case's class value.
        history: rows of the epochs up to the kept one.
        genes: by component, in the same order; empty without expression.
    """
    cases = use.case_ids
    prevalence, attention = use.prevalence(cases), use.attention()
    by_class = {
        value: use.prevalence([case for case in cases if classes[case] == value])
        for value in sorted({classes[case] for case in cases})
    }
    n = len(prevalence) // 2
    return tuple(
        ComponentProfile(
            memory=memory,
            index=j,
            cases=len(cases),
            prevalence=float(prevalence[at]),
            attention=float(attention[at]),
            prevalence_by_class={value: float(found[at]) for value, found in by_class.items()},
            activity=_series(history, f"activity_{memory}_{j}"),
            drift=_series(history, f"drift_{memory}_{j}"),
            genes=genes[at] if genes else (),
        )
        for at, (memory, j) in enumerate((memory, j) for memory in MEMORIES for j in range(n))
    )


def _series(history: Sequence[Mapping[str, float | int | None]], column: str) -> tuple[float, ...]:
    """A column to four digits; nothing where epochs of an older version lack it."""
    values = [row.get(column) for row in history]
    known = [value for value in values if value is not None]
    return tuple(float(f"{value:.4g}") for value in known) if len(known) == len(values) else ()
