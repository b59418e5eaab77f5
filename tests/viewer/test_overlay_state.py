"""Overlays as pure functions: values, colours, ranges, ranks, legends, what a patch says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from momkd_core.colour_scale import rgb
from momkd_core.result import MemoryMatch, SlideResult
from momkd_viewer.jobs.overlay_work import OverlayRequest, draw
from momkd_viewer.state.overlay import PatchColours, colour_patches
from momkd_viewer.state.overlay_colours import CATEGORIES, OTHER, rasterise
from momkd_viewer.state.overlay_values import ComponentName, OverlayChoice, OverlayKind, ranks
from momkd_viewer.state.patch_facts import patch_facts

CLASSES = ("low", "high")


def result_of(count: int, components: int = 12, seed: int = 0, side: int = 64) -> SlideResult:
    random = np.random.default_rng(seed)
    # Component j wins about half as often as the one before.
    liking = np.linspace(0.2, -0.2, components)
    positive, negative = (
        (random.normal(0, 0.15, (count, components)) + liking).astype(np.float32) for _ in "pn"
    )
    affinity = positive.max(axis=1) - negative.max(axis=1)
    attention = np.exp(affinity / 0.2)
    columns = int(np.ceil(np.sqrt(count)))
    at = np.arange(count)
    return SlideResult(
        slide_name="drawn",
        probability=0.6,
        predicted="high",
        threshold=0.5,
        coords=np.stack([at % columns, at // columns], axis=1) * side,
        size_level0=side,
        affinity=affinity,
        attention=(attention / attention.sum()).astype(np.float32),
        match=MemoryMatch(positive, negative),
        tissue_fraction=random.random(count).astype(np.float32),
        model_sha256="0",
        encoder=None,
    )


RESULT = result_of(400)


def drawn(choice: OverlayChoice, result: SlideResult = RESULT) -> PatchColours:
    return colour_patches(result, choice, CLASSES)


def test_a_range_hides_patches_and_recolours_none() -> None:
    full, cut = drawn(OverlayChoice()), drawn(OverlayChoice(low=-0.05, high=0.1))
    assert full.rgba is not None and cut.rgba is not None
    np.testing.assert_array_equal(full.rgba[:, :3], cut.rgba[:, :3])
    inside = (RESULT.affinity >= np.float32(-0.05)) & (RESULT.affinity <= np.float32(0.1))
    np.testing.assert_array_equal(cut.rgba[:, 3] == 255, inside)
    assert (full.rgba[:, 3] == 255).all()
    note = f"only -0.050 to +0.100: {inside.mean():.0%} of patches"
    assert note in cut.legend.notes and not any("only" in n for n in full.legend.notes)
    assert full.legend.ramp is not None and full.legend.ramp.captions == CLASSES


def test_ranks_keep_the_order_and_say_so() -> None:
    choice = OverlayChoice("attention").scaled("rank")
    ranked = drawn(choice)
    assert ranked.values is not None
    order = np.argsort(RESULT.attention, kind="stable")
    assert (np.diff(ranked.values[order]) >= 0).all()
    assert (ranked.values.min(), ranked.values.max()) == (0, 1)
    assert "ranks among the slide's 400 patches" in ranked.legend.notes
    np.testing.assert_allclose(ranks(np.array([2, 1, 2, 9], np.float32)), [0.5, 0, 0.5, 1])
    limited = replace(choice, low=0.9)
    assert (drawn(limited).values >= 0.9).sum() == 40


def test_winners_have_a_colour_each_and_the_rest_is_named() -> None:
    picture = drawn(OverlayChoice("positive_winner"))
    entries, winners = picture.legend.categories, RESULT.winners("positive")
    assert picture.rgba is not None and len(entries) == len(CATEGORIES) + 1 <= 10
    shares = [entry.share for entry in entries[:-1]]
    assert shares == sorted(shares, reverse=True) and sum(
        e.share for e in entries
    ) == pytest.approx(1)
    assert len({entry.colour for entry in entries}) == len(entries)
    rare = len(set(winners)) - len(CATEGORIES)
    assert entries[-1].colour == rgb(OTHER)
    assert entries[-1].name == f"other ({rare} component{'s' * (rare > 1)})"
    for entry in entries[:-1]:
        index = int(entry.name.removeprefix("C⁺"))
        assert (picture.rgba[winners == index, :3] == entry.colour).all()
        assert entry.share == np.mean(winners == index)
    # Categories are neither ranked nor blended; a range means the winner's similarity.
    ranked = OverlayChoice("positive_winner", scale="rank", smooth=True, low=0.35)
    assert not ranked.is_ranked and not ranked.is_smooth
    cut = drawn(ranked)
    assert cut.rgba is not None
    np.testing.assert_array_equal(
        cut.rgba[:, 3] == 255, RESULT.best_similarity("positive") >= np.float32(0.35)
    )
    np.testing.assert_array_equal(cut.rgba[:, :3], picture.rgba[:, :3])


def test_components_of_a_memory_share_one_map() -> None:
    scales = set()
    for index in range(12):
        choice = OverlayChoice().of_component(ComponentName("negative", index))
        picture = drawn(choice)
        assert picture.legend.title == f"Similarity to C⁻{index}"
        assert picture.legend.ramp is not None
        scales.add(picture.legend.ramp.labels)
    assert len(scales) == 1


@pytest.mark.parametrize(
    ("kind", "word"),
    [("tissue", "tissue"), ("similarity", "mean of several folds"), ("negative_winner", "folds")],
)
def test_what_cannot_be_shown_says_why(kind: OverlayKind, word: str) -> None:
    bare = replace(RESULT, match=None, tissue_fraction=None)
    picture = drawn(OverlayChoice(kind), bare)
    assert picture.rgba is None and word in picture.legend.notes[0]
    assert patch_facts(bare, 0, OverlayChoice(kind), None)


def test_a_muted_component_is_not_mapped() -> None:
    assert RESULT.match is not None
    positive = RESULT.match.positive.copy()
    positive[:, 3] = -np.inf
    muted = replace(
        RESULT, match=MemoryMatch(positive, RESULT.match.negative), muted={"positive": [3]}
    )
    picture = drawn(OverlayChoice().of_component(ComponentName("positive", 3)), muted)
    assert picture.rgba is None and "C⁺3 is muted" in picture.legend.notes[0]
    other = drawn(OverlayChoice().of_component(ComponentName("positive", 2)), muted)
    assert other.rgba is not None and (other.rgba[:, 3] == 255).all()


def test_another_kind_or_scale_forgets_the_range() -> None:
    choice = OverlayChoice(low=0.1)
    assert not choice.of_kind("attention").has_range and not choice.scaled("rank").has_range
    assert choice.of_kind("affinity") == choice == choice.scaled("raw")


def test_a_patch_says_who_wins_and_by_how_much() -> None:
    assert RESULT.match is not None
    facts = {f.name: f for f in patch_facts(RESULT, 7, OverlayChoice(), RESULT.affinity)}
    positive, negative = RESULT.match.positive[7], RESULT.match.negative[7]
    stronger, sign = (positive, "⁺") if positive.max() > negative.max() else (negative, "⁻")
    first, second = np.argsort(-stronger)[:2]
    margin = facts[f"margin, C{sign}{first} over C{sign}{second}"]
    assert margin.value == f"{stronger[first] - stronger[second]:.3f}"
    assert facts["affinity, C⁺ − C⁻"].value == f"{positive.max() - negative.max():+.3f}"
    assert facts["affinity, C⁺ − C⁻"].shown
    assert facts["winning C⁺"].value == f"C⁺{positive.argmax()}  {positive.max():.3f}"
    assert facts["winning C⁻"].value == f"C⁻{negative.argmax()}  {negative.max():.3f}"
    ranked = OverlayChoice("attention", scale="rank")
    first_fact = patch_facts(RESULT, 7, ranked, drawn(ranked).values)[0]
    assert first_fact.shown and first_fact.name == "attention, rank"


def test_many_patches_are_one_picture_of_a_pixel_a_patch() -> None:
    many = result_of(100_000, components=4)
    raster = rasterise(many.coords, many.size_level0)
    request = OverlayRequest(many, raster, OverlayChoice("positive_winner"), CLASSES)
    assert not request.is_quick, "more than a frame's worth is drawn in a job"
    picture = draw(request)
    assert picture.image is not None and picture.colours.rgba is not None
    assert picture.image.width() * picture.image.height() == 317 * 316
    for patch in (0, 54_321, 99_999):
        x, y = many.coords[patch] // 64
        shown = picture.image.pixelColor(int(x), int(y))
        assert (*shown.toTuple()[:3], shown.alpha()) == tuple(picture.colours.rgba[patch])
    assert picture.image.pixelColor(316, 315).alpha() == 0
