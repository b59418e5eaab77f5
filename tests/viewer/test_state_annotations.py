"""The set of annotations without a window: changes and their undoing, hits and shapes."""

from __future__ import annotations

import pytest
import shapely

from momkd_viewer.state.annotation_shapes import brushed, reshaped, stroke_of, with_vertex
from momkd_viewer.state.annotations import (
    DEFAULT_CLASSES,
    Annotation,
    AnnotationClass,
    AnnotationSet,
    ellipse_in,
)


def test_every_change_can_be_taken_back_and_made_again() -> None:
    shown = AnnotationSet()
    box = Annotation("rectangle", shapely.box(0, 0, 100, 100))
    states = [shown.items]
    for change in (
        lambda: shown.add([box]),
        lambda: shown.move([box.id], 10, -5),
        lambda: shown.classify([box.id], DEFAULT_CLASSES[1]),
        lambda: shown.replace([reshaped(shown.items[0], 4, 300, 300)]),
        lambda: shown.set_locked([box.id], True),
        lambda: shown.set_locked([box.id], False),
        lambda: shown.delete([box.id]),
    ):
        change()
        states.append(shown.items)
    revision = shown.revision
    assert states[4][0].geometry.bounds == (10, -5, 300, 300)
    for expected in reversed(states[:-1]):
        assert shown.undo() and shown.items == expected
    assert not shown.undo()
    for expected in states[1:]:
        assert shown.redo() and shown.items == expected
    assert not shown.redo() and shown.revision > revision


def test_what_is_locked_stays() -> None:
    shown = AnnotationSet()
    box = Annotation("rectangle", shapely.box(0, 0, 9, 9), locked=True)
    shown.add([box])
    shown.move([box.id], 5, 5)
    shown.classify([box.id], DEFAULT_CLASSES[0])
    assert shown.delete([box.id]) == 0 and shown.items == (box,)


def test_loading_keeps_what_was_drawn_meanwhile_and_learns_classes() -> None:
    shown = AnnotationSet()
    drawn = Annotation("point", shapely.Point(1, 1))
    shown.add([drawn])
    own = AnnotationClass("Tertiary lymphoid", (9, 9, 200))
    stored = Annotation("point", shapely.Point(2, 2), class_=own)
    shown.load([stored])
    assert shown.items == (stored, drawn) and shown.classes[-1] == own
    assert not shown.undo(), "a step back must not lose what was loaded"


def test_a_click_finds_the_smallest_area_and_points_first() -> None:
    shown = AnnotationSet()
    large = Annotation("rectangle", shapely.box(0, 0, 1000, 1000))
    small = Annotation("ellipse", ellipse_in(400, 400, 600, 600))
    point = Annotation("point", shapely.Point(500, 500))
    shown.add([small, point, large])
    assert shown.at(505, 505, 10) is point
    assert shown.at(450, 500, 10) is small
    assert shown.at(100, 100, 10) is large
    assert shown.at(1005, 500, 10) is large, "a near miss of an edge"
    assert shown.at(1500, 500, 10) is None
    assert shown.within(380, 380, 420, 420) == [large], "the ellipse has no corner"
    assert shown.within(380, 380, 440, 440) == [small, large]


def test_shapes() -> None:
    ellipse = reshaped(Annotation("ellipse", ellipse_in(0, 0, 100, 50)), 3, 200, 25)
    assert ellipse.geometry.bounds == (0, 0, 200, 50) and ellipse.kind == "ellipse"
    triangle = Annotation("polygon", shapely.Polygon([(0, 0), (100, 0), (0, 100)]))
    assert reshaped(triangle, 0, 10, 10).geometry.is_valid
    assert reshaped(triangle, 1, 0, 100) is triangle, "nothing would be enclosed"
    more = with_vertex(triangle, 50, 3, 5)
    assert more is not None and len(more.geometry.exterior.coords) == 5
    assert with_vertex(triangle, 300, 300, 5) is None
    disc = stroke_of([(0, 0)], 10)
    assert disc.area == pytest.approx(314, rel=0.02)
    wide = brushed(disc, stroke_of([(0, 0), (50, 0)], 10), subtract=False)
    assert wide is not None and wide.bounds == (-10, -10, 60, 10)
    gone = brushed(disc, stroke_of([(0, 0)], 20), subtract=True)
    assert gone is not None and gone.is_empty
