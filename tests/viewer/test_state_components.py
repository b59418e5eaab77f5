"""Cards, galleries and portraits of components, without a window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from momkd_core.checkpoint import ModelCard
from momkd_core.component_profile import ComponentProfile
from momkd_core.gene_association import GeneAssociation
from momkd_core.result import MemoryMatch, SlideResult
from momkd_core.settings import ModelSettings
from momkd_viewer.state.component_patches import PatchPlace, slide_gallery
from momkd_viewer.state.component_portrait import (
    TrainingProfile,
    histogram,
    mean_drifts,
    neighbours,
    training_profile,
)
from momkd_viewer.state.components import (
    Arrangement,
    CardOrder,
    ComponentView,
    VerdictMark,
    ordered,
)
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.state.patch_inspection import inspect
from momkd_viewer.state.picture_queue import PictureQueue

SLIDE = Path("slide.svs")


def view(name: str, share: float, attention: float, **more: object) -> ComponentView:
    memory = "positive" if name[0] == "+" else "negative"
    return ComponentView(memory, int(name[1:]), share, attention, (), (), **more)  # type: ignore[arg-type]


VIEWS = [
    view("+0", 0.2, 0.1, verdict=VerdictMark("stroma", "no"), drift=0.5),
    view("+1", 0.8, 0.9),
    view("+2", 0.0, 0.0, muted=True, drift=0.9),
    view("-0", 0.0, 0.0),
    view("-1", 1.0, 1.0, verdict=VerdictMark("fat", "yes")),
]


def names(views: list[ComponentView]) -> list[str]:
    return [v.name for v in views]


def test_each_order_and_what_a_component_lacks_comes_last() -> None:
    def order(key: str) -> list[str]:
        return [name.text for name in ordered(VIEWS, key)]  # type: ignore[arg-type]

    assert order("attention") == ["C⁻1", "C⁺1", "C⁺0", "C⁺2", "C⁻0"]
    assert order("name") == ["C⁺0", "C⁺1", "C⁺2", "C⁻0", "C⁻1"]
    assert order("drift")[:2] == ["C⁺2", "C⁺0"]
    assert order("verdict")[:2] == ["C⁻1", "C⁺0"], "fat, stroma, then those without"
    assert order("prevalence")[:3] == ["C⁻1", "C⁺1", "C⁺0"]


@pytest.mark.parametrize(
    ("arrangement", "expected"),
    [
        (Arrangement("name", text="c+1"), ["C⁺1"]),
        (Arrangement("name", text=" STROMA "), ["C⁺0"]),
        (Arrangement("name", text="negative fat"), ["C⁻1"]),
        (Arrangement("name", used=True), ["C⁺0", "C⁺1", "C⁺2", "C⁻1"]),
        (Arrangement("name", muted=True), ["C⁺2"]),
        (Arrangement("name", judged="judged"), ["C⁺0", "C⁻1"]),
        (Arrangement("name", judged="unjudged", used=True), ["C⁺1", "C⁺2"]),
    ],
)
def test_filters(arrangement: Arrangement, expected: list[str]) -> None:
    cards = CardOrder()
    cards.arrange(arrangement)
    assert names(cards.of(VIEWS)) == expected
    assert arrangement.filters


def test_cards_stay_in_their_places_until_another_order_is_asked_for() -> None:
    cards = CardOrder()
    before = names(cards.of(VIEWS))
    changed = [replace(v, attention=1 - v.attention) for v in VIEWS]
    assert names(cards.of(changed)) == before, "as after muting"
    cards.arrange(Arrangement(text="C"))
    assert names(cards.of(changed)) == before, "a filter moves nothing"
    cards.forget()
    assert names(cards.of(changed)) != before, "another slide is sorted anew"


def result() -> SlideResult:
    """Six patches; the positive memory wins 0 to 2, the negative one 3 to 5."""
    positive = np.array(
        [[0.9, 0.1], [0.7, 0.2], [0.2, 0.6], [0.5, 0.1], [0.4, 0.3], [0.3, 0.2]], np.float32
    )
    negative = np.array([[0.1], [0.2], [0.3], [0.8], [0.6], [0.9]], np.float32)
    affinity = positive.max(1) - negative.max(1)
    coords = np.array([[100 * i, 7] for i in range(6)])
    return SlideResult(
        "slide", 0.5, "a", 0.5, coords, 100, affinity, np.full(6, 1 / 6, np.float32),
        MemoryMatch(positive, negative), None, "0" * 64, None,
    )  # fmt: skip


def test_galleries_of_a_slide() -> None:
    name = ComponentName("positive", 0)
    top = slide_gallery(result(), SLIDE, name, "top", 3)
    assert [p.position for p in top.patches] == [0, 1, 3] and top.available == 6
    assert top.patches[2].place == PatchPlace(SLIDE, 300, 7, 100)
    typical = slide_gallery(result(), SLIDE, name, "typical", 3)
    assert [p.position for p in typical.patches] == [1, 3, 4], "it wins 0 1 3 4 5 in its memory"
    counter = slide_gallery(result(), SLIDE, name, "counter", 2)
    assert [p.position for p in counter.patches] == [3, 4] and counter.available == 3
    rival = counter.patches[0].rival
    assert rival is not None and rival.component == ComponentName("negative", 0)
    assert (rival.similarity, rival.margin) == pytest.approx((0.8, 0.3))


def test_many_typical_patches_come_from_the_middle_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("momkd_core.atlas_picks._DRAWN", 10)
    own = np.linspace(0.5, 0.9, 400, dtype=np.float32)[:, None]
    other = np.zeros_like(own)
    many = replace(
        result(),
        coords=np.array([[100 * i, 7] for i in range(400)]),
        affinity=own[:, 0],
        attention=np.full(400, 1 / 400, np.float32),
        match=MemoryMatch(own, other),
    )
    found = slide_gallery(many, SLIDE, ComponentName("positive", 0), "typical", 40)
    assert len({patch.position for patch in found.patches}) == 40 and found.available == 400
    assert all(0.55 < patch.similarity < 0.85 for patch in found.patches)


def test_a_gallery_says_why_it_is_empty() -> None:
    one = result()
    assert one.match is not None
    unused = slide_gallery(
        replace(one, match=MemoryMatch(one.match.positive - [0, 1], one.match.negative)),
        SLIDE, ComponentName("positive", 1), "typical", 3,
    )  # fmt: skip
    assert not unused.patches and "best match of no patch" in unused.reason
    muted = replace(one, match=MemoryMatch(one.match.positive * [1, -np.inf], one.match.negative))
    assert "muted" in slide_gallery(muted, SLIDE, ComponentName("positive", 1), "top", 3).reason
    assert histogram(muted, ComponentName("positive", 1)) is None


def test_the_histogram_counts_every_patch_once() -> None:
    counted = histogram(result(), ComponentName("positive", 0))
    assert counted is not None
    assert counted.positive.sum() == pytest.approx(0.5) == counted.negative.sum()
    assert counted.won.sum() == pytest.approx(5 / 6)


def test_the_nearest_components_of_both_memories() -> None:
    vectors = {
        "positive": np.array([[1, 0], [0, 1]], np.float32),
        "negative": np.array([[0.8, 0.6], [-1, 0]], np.float32),
    }
    near = neighbours(vectors, ComponentName("positive", 0))
    assert [n.component.text for n in near] == ["C⁻0", "C⁺1", "C⁻1"]
    assert near[0].cosine == pytest.approx(0.8) and near[-1].cosine == -1


def test_profiles_of_a_model_card() -> None:
    older = ModelCard(task="er", positive="high", negative="low", model=ModelSettings())
    name, other = ComponentName("negative", 3), ComponentName("negative", 2)
    assert training_profile(older, name) == TrainingProfile() and mean_drifts(older) == {}
    found = ComponentProfile(
        memory="negative", index=3, cases=30, prevalence=0.5, attention=0.5,
        activity=(0.1, 0.2), drift=(0.4, 0.2),
        genes=(GeneAssociation(gene="ESR1", rho=0.5, q=0.01, n=30),),
    )  # fmt: skip
    silent = ComponentProfile(memory="negative", index=2, cases=30, prevalence=0.5, attention=0.5)
    card = older.model_copy(update={"profiles": (silent, found), "genes": ("ESR1", "KRT5")})
    profile = training_profile(card, name)
    assert profile.genes[0].name == "ESR1" and profile.expression and profile.cases == 30
    assert training_profile(card, other).cases == 30 and mean_drifts(card) == {
        name: pytest.approx(0.3)
    }


def test_a_patch_is_compared_with_every_component() -> None:
    shown = inspect(result(), SLIDE, 3)
    assert [row.component.text for row in shown.rows] == ["C⁻0", "C⁺0", "C⁺1"]
    assert [row.wins for row in shown.rows] == [True, True, False]
    assert [row.length for row in shown.rows] == pytest.approx([1, 4 / 7, 0])
    assert shown.place.x == 300
    assert inspect(replace(result(), match=None), SLIDE, 3).rows == ()


def test_pictures_that_scrolled_away_are_not_read() -> None:
    queue: PictureQueue[PatchPlace] = PictureQueue()
    places = [PatchPlace(SLIDE, x, 0, 1) for x in range(6)]
    queue.want(1, places[:3])
    assert queue.take() == places[0]
    queue.want(1, [places[0], places[3]])
    queue.want(2, [places[4], places[3]])
    assert [queue.take() for _ in range(3)] == [places[3], places[4], None]
