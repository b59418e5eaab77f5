"""Everything known about one patch, in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momkd_core.result import SlideResult
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.overlay_values import (
    WINNERS,
    ComponentName,
    Floats,
    OverlayChoice,
    number,
)


@dataclass(frozen=True)
class Fact:
    """Attributes: shown: whether this is what the overlay's colour says."""

    name: str
    value: str
    shown: bool = False


def patch_facts(
    result: SlideResult, patch: int, choice: OverlayChoice, values: Floats | None
) -> list[Fact]:
    """Facts of a patch, that of the shown overlay first where it is none of the others.

    Args:
        values: (N,) of the shown overlay; None where there is none.
    """
    facts = [] if blinded() else _polar_facts(result, patch, choice)
    facts += _memory_facts(result, patch, choice)
    if result.tissue_fraction is not None:
        share = f"{result.tissue_fraction[patch]:.0%}"
        facts.append(Fact("tissue", share, choice.kind == "tissue" and not choice.is_ranked))
    if values is not None and not any(fact.shown for fact in facts):
        facts.insert(0, _shown(choice, float(values[patch])))
    return facts


def _polar_facts(result: SlideResult, patch: int, choice: OverlayChoice) -> list[Fact]:
    """What tells which memory wins the patch."""
    raw, facts = not choice.is_ranked, []
    if result.affinity is not None:
        told = f"{result.affinity[patch]:+.3f}"
        facts.append(Fact("affinity, C⁺ − C⁻", told, choice.kind == "affinity" and raw))
    if result.attention is not None:
        told = f"{result.attention[patch] * len(result):.2f} × even"
        facts.append(Fact("attention", told, choice.kind == "attention" and raw))
    return facts


def _memory_facts(result: SlideResult, patch: int, choice: OverlayChoice) -> list[Fact]:
    """The winners, and by how much the stronger of them beats the next component of its memory."""
    if result.match is None:
        return []
    facts, leads = [], []
    for memory, word in (("positive", "C⁺"), ("negative", "C⁻")):
        similarities = result.match.of(memory)[patch]
        order = np.argsort(-similarities, kind="stable")
        winner = ComponentName(memory, int(order[0]))
        best = float(similarities[order[0]])
        shown = WINNERS.get(choice.kind) == memory
        title = "best of its memory" if blinded() else f"winning {word}"
        facts.append(Fact(title, f"{winner.text}  {best:.3f}", shown))
        if len(order) > 1 and np.isfinite(similarities[order[1]]):
            second = ComponentName(memory, int(order[1]))
            lead = best - float(similarities[order[1]])
            leads.append((best, Fact(f"margin, {winner.text} over {second.text}", f"{lead:.3f}")))
        else:
            leads.append((best, Fact(f"margin of {winner.text}", "no other component")))
    if blinded():  # the order of memories would tell which is which
        facts.sort(key=lambda fact: fact.value)
    facts.append(max(leads, key=lambda lead: lead[0])[1])
    return facts


def _shown(choice: OverlayChoice, value: float) -> Fact:
    similarity = f"similarity to {choice.component.text}"
    name = similarity if choice.kind == "similarity" else choice.kind
    return Fact(f"{name}, rank" if choice.is_ranked else name, number(value, choice), True)
