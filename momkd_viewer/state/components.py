"""Components as cards show them: what each says of the slide, in which order, and which of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from momkd_viewer.state.analysis import Outcome
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.overlay_values import ComponentName

SortKey = Literal["attention", "prevalence", "name", "verdict", "drift"]
#: What cards can be sorted by, with the name in menus.
SORTS: tuple[tuple[SortKey, str], ...] = (
    ("attention", "Attention"),
    ("prevalence", "Prevalence"),
    ("name", "Name"),
    ("verdict", "Verdict"),
    ("drift", "Drift in training"),
)


def sorts() -> tuple[tuple[SortKey, str], ...]:
    """What cards can be sorted by now: not by attention while the reader judges blinded."""
    return tuple(one for one in SORTS if not (blinded() and one[0] == "attention"))


Judged = Literal["any", "judged", "unjudged"]
_CREDIBLE_ORDER = {"no": 0, "unsure": 1, "yes": 2}


@dataclass(frozen=True)
class VerdictMark:
    """An expert's verdict as a chip.

    Attributes:
        text: ready to read, for instance a tissue term.
        credible: ``yes``, ``no``, ``unsure``, or None where that was left open.
    """

    text: str
    credible: str | None = None


@dataclass(frozen=True)
class ComponentView:
    """What a card shows.

    Attributes:
        share, attention: of the slide, 0 to 1 within the memory.
        patches: positions of the top patches in the result, best first.
        similarities: of these patches.
        muted: left out by the user.
        drift: how far it moved in training, mean over epochs; None where the model does not say.
    """

    memory: str
    index: int
    share: float
    attention: float
    patches: tuple[int, ...]
    similarities: tuple[float, ...]
    muted: bool = False
    verdict: VerdictMark | None = None
    drift: float | None = None

    @property
    def component(self) -> ComponentName:
        return ComponentName(self.memory, self.index)

    @property
    def name(self) -> str:
        return self.component.text

    @property
    def facts(self) -> str:
        """Its shares in words; attention is not told while blinded."""
        if self.muted:
            return "left out"
        patches = f"{self.share:.1%} of patches"
        return patches if blinded() else f"{patches} · {self.attention:.1%} of attention"

    @property
    def used(self) -> bool:
        """Whether it is the best match of a patch here; a muted one is not unused, it was not asked."""
        return self.share > 0 or self.muted


@dataclass(frozen=True)
class Arrangement:
    """In which order cards are shown, and which of them.

    Attributes:
        text: only those whose name or verdict contains it.
        used: only those that are the best match of a patch here.
        muted: only muted ones.
        judged: only those with a verdict, or without.
    """

    sort: SortKey = "attention"
    text: str = ""
    used: bool = False
    muted: bool = False
    judged: Judged = "any"

    @property
    def filters(self) -> bool:
        """Whether it may leave cards out."""
        return bool(self.text.strip()) or self.used or self.muted or self.judged != "any"

    def shows(self, view: ComponentView) -> bool:
        """Whether a card is among those to be shown."""
        memory = "" if blinded() else view.memory
        words = f"{view.name} {memory} {view.verdict.text if view.verdict else ''}".casefold()
        return (
            all(word in words for word in _plain(self.text).split())
            and (view.used or not self.used)
            and (view.muted or not self.muted)
            and (self.judged == "any" or (view.verdict is not None) == (self.judged == "judged"))
        )


def _plain(text: str) -> str:
    """What was typed, with C+3 as cards write it."""
    return text.casefold().replace("c+", "c⁺").replace("c-", "c⁻")


def ordered(views: list[ComponentView], sort: SortKey) -> list[ComponentName]:
    """Components in the order of cards; ties by attention, then as the model numbers them.

    What a component lacks (no verdict, no drift) comes last.
    """

    def rank(view: ComponentView) -> tuple[object, ...]:
        # Attention grows with affinity, so that it would tell who belongs to which memory.
        attention = 0.0 if blinded() else -view.attention
        usual = (attention, -view.share, *view.component.order)
        if sort == "prevalence":
            return (-view.share, *usual)
        if sort == "name":
            return view.component.order
        if sort == "drift":
            return (view.drift is None, -(view.drift or 0.0), *usual)
        if sort == "verdict":
            mark = view.verdict
            credible = 3 if mark is None else _CREDIBLE_ORDER.get(mark.credible or "", 2)
            return (mark is None, mark.text if mark else "", credible, *usual)
        return usual

    return [view.component for view in sorted(views, key=rank)]


@dataclass
class CardOrder:
    """Keeps cards where they are while components are muted, until another order is asked for."""

    arrangement: Arrangement = Arrangement()
    _order: list[ComponentName] = field(default_factory=list)

    def forget(self) -> None:
        """For another slide or model."""
        self._order = []

    def arrange(self, arrangement: Arrangement) -> None:
        """Another order, or another filter: the latter alone moves nothing."""
        if arrangement.sort != self.arrangement.sort:
            self.forget()
        self.arrangement = arrangement

    def of(self, views: list[ComponentView]) -> list[ComponentView]:
        """The cards to show, in their order."""
        by_name = {view.component: view for view in views}
        if set(self._order) != by_name.keys():
            self._order = ordered(views, self.arrangement.sort)
        return [by_name[name] for name in self._order if self.arrangement.shows(by_name[name])]


def component_views(
    outcome: Outcome,
    verdicts: Mapping[ComponentName, VerdictMark],
    drifts: Mapping[ComponentName, float],
) -> list[ComponentView]:
    """Cards of a result's components, by name; empty for the mean of folds."""
    views = []
    for summary in outcome.components:
        name = ComponentName(summary.use.memory, summary.use.index)
        views.append(
            ComponentView(
                name.memory,
                name.index,
                summary.use.share,
                summary.use.attention,
                summary.patches,
                summary.similarities,
                muted=name.index in outcome.result.muted.get(name.memory, ()),
                verdict=verdicts.get(name),
                drift=drifts.get(name),
            )
        )
    return sorted(views, key=lambda view: view.component.order)
