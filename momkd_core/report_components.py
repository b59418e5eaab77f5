"""Components of a report: cards with their patches, and what experts said of them."""

from __future__ import annotations

from collections.abc import Iterator

from momkd_core.component_profile import ComponentProfile
from momkd_core.evidence import Evidence
from momkd_core.evidence_page import number
from momkd_core.evidence_record import BundleRecord, ComponentRecord, VerdictRecord
from momkd_core.report_layout import (
    WIDTH,
    Flowable,
    heading,
    named,
    picture,
    room,
    side_by_side,
    small,
    text,
)
from momkd_core.result import no_components

_COLUMNS = 3
_CARD = WIDTH / _COLUMNS - 9
_MOST = 3  # verdicts and genes of a card, which must not outgrow a page


def components(evidence: Evidence, record: BundleRecord) -> Iterator[Flowable]:
    """Both memories: components that a patch of the slide went to, muted ones, and judged ones."""
    if not record.components:
        yield heading("Components")
        yield text(f"None. {no_components(record.model.card['method'])}")
        return
    card, width = record.model.card, patch_width(record)
    for memory, name in (("positive", "Positive memory C⁺"), ("negative", "Negative memory C⁻")):
        of_memory = [one for one in record.components if one.memory == memory]
        of_memory.sort(key=lambda one: (not one.muted, -one.attention, one.index))
        judged = {one.index for one in record.verdicts if one.memory == memory}
        shown = [one for one in of_memory if one.share or one.muted or one.index in judged]
        yield room(_CARD + 90)
        yield heading(f"{name} ({card[memory]})")
        yield small(
            "Most attention first. Pictures: the patches most similar to the component, best first"
            f"{f', each {width}' if width else ''}."
        )
        yield side_by_side([_card(one, evidence, record) for one in shown], _COLUMNS)
        unused = [one.name for one in of_memory if one not in shown]
        if unused:
            yield small(f"No patch of this slide went to {', '.join(unused)}.")


def patch_width(record: BundleRecord) -> str:
    """``128 µm wide``; '' where the resolution is unknown."""
    mpp = record.slide.mpp
    return "" if mpp is None else f"{record.result.size_level0 * mpp[0]:.0f} µm wide"


def verdicts(record: BundleRecord) -> Iterator[Flowable]:
    """All of them, in the order of their judgements."""
    yield heading("Verdicts")
    if not record.verdicts:
        yield text("None.")
    for one in record.verdicts:
        blinded = ", blinded" if one.blinded else ""
        withdrawn = ", withdrawn" if one.withdrawn else ""
        note = f". {one.note}" if one.note else ""
        yield named(
            one.about,
            f"{_judgement(one)} ({one.reviewer}, {one.time:%Y-%m-%d}{blinded}{withdrawn}){note}",
        )


def _card(component: ComponentRecord, evidence: Evidence, record: BundleRecord) -> list[Flowable]:
    key = (component.memory, component.index)
    used = f"{component.share:.1%} of patches, {component.attention:.1%} of attention"
    said = "muted; as it is without muting" if component.muted else used
    found = [named(component.name, said)]
    image = evidence.montages.get(key)
    if image is not None:
        found.append(picture(image, _CARD, _CARD))
    if component.top:
        best, last = component.top[0].similarity, component.top[-1].similarity
        found.append(small(f"similarity {number(best, 'z.2f')} to {number(last, 'z.2f')}"))
    profile = evidence.model.card.profile_of(*key)
    if profile is not None and profile.genes:
        found.append(small(_genes(profile)))
    of_component = [
        one for one in record.verdicts if (one.memory, one.index) == key and not one.withdrawn
    ]
    found += [small(f"{one.reviewer}: {_judgement(one)}") for one in of_component[-_MOST:]]
    if len(of_component) > _MOST:
        found.append(small(f"{len(of_component) - _MOST} earlier verdicts stand below"))
    return found


def _judgement(verdict: VerdictRecord) -> str:
    return f"{verdict.term or 'no term'}, credible: {verdict.credible or 'not said'}"


def _genes(profile: ComponentProfile) -> str:
    shown = ", ".join(f"{one.gene} (ρ {number(one.rho, '.2f')})" for one in profile.genes[:_MOST])
    return f"goes in training with {shown}"
