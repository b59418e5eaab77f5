"""The annotations of the open slide: what is selected, what was changed, and how to take it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely import STRtree

from momkd_core.annotations import (
    AREA_KINDS,
    DEFAULT_CLASSES,
    Annotation,
    AnnotationClass,
    Colour,
    Kind,
    Measurement,
    area_text,
    ellipse_in,
    length_text,
    measure,
    sound_area,
)
from momkd_viewer.state.annotation_shapes import moved

__all__ = [
    "AREA_KINDS",
    "DEFAULT_CLASSES",
    "UNCLASSIFIED",
    "Annotation",
    "AnnotationClass",
    "AnnotationSet",
    "Colour",
    "Kind",
    "Measurement",
    "area_text",
    "ellipse_in",
    "length_text",
    "measure",
    "shown_colour",
    "sound_area",
]

UNCLASSIFIED: Colour = (40, 44, 52)
_MOST_STEPS = 200

Items = tuple[Annotation, ...]


@dataclass(frozen=True)
class _Step:
    """What there was before a change; annotations never change, so this is a list of references."""

    items: Items
    selected: frozenset[str]


def shown_colour(annotation: Annotation) -> Colour:
    """Its own colour, else that of its class."""
    if annotation.colour is not None:
        return annotation.colour
    return annotation.class_.colour if annotation.class_ else UNCLASSIFIED


class AnnotationSet:
    """Annotations in the order they are painted, later ones on top.

    Attributes:
        selected: ids.
        revision: counts changes of what is to be saved.
        changed: called after every change, of content or selection.
    """

    def __init__(self) -> None:
        self._items: dict[str, Annotation] = {}
        self.selected: frozenset[str] = frozenset()
        self.classes: list[AnnotationClass] = list(DEFAULT_CLASSES)
        self.revision = 0
        self.changed: Callable[[], None] = lambda: None
        self._undo: list[_Step] = []
        self._redo: list[_Step] = []
        self._tree: STRtree | None = None
        self._order: Items = ()

    # -- content ---------------------------------------------------------------------------------

    @property
    def items(self) -> Items:
        return self._order

    def __len__(self) -> int:
        return len(self._items)

    def get(self, identity: str) -> Annotation | None:
        return self._items.get(identity)

    @property
    def chosen(self) -> Items:
        """The selected annotations."""
        return tuple(one for one in self._order if one.id in self.selected)

    @property
    def only(self) -> Annotation | None:
        """The selected annotation where it is one."""
        return self._items[next(iter(self.selected))] if len(self.selected) == 1 else None

    def clear(self) -> None:
        """For another slide: nothing is left, nothing can be taken back."""
        self._undo.clear()
        self._redo.clear()
        self.revision = 0
        self._put((), frozenset())

    def load(self, items: Iterable[Annotation]) -> None:
        """What a file held goes below what has been drawn meanwhile; no step to take back."""
        self._undo.clear()
        self._redo.clear()
        loaded = {one.id: one for one in items}
        self._put(
            (*loaded.values(), *(o for o in self._order if o.id not in loaded)), self.selected
        )
        for one in loaded.values():
            if one.class_ is not None:
                self.add_class(one.class_)

    def add_class(self, class_: AnnotationClass) -> AnnotationClass:
        """Adds a class; one of that name that is there already stays as it is, and is returned."""
        for known in self.classes:
            if known.name == class_.name:
                return known
        self.classes.append(class_)
        return class_

    # -- changes ---------------------------------------------------------------------------------

    def add(self, annotations: Iterable[Annotation]) -> None:
        """Adds and selects; one whose id is there already replaces it."""
        new = {one.id: one for one in annotations}
        if new:
            kept = (one for one in self._order if one.id not in new)
            self._change((*kept, *new.values()), frozenset(new))

    def replace(self, annotations: Iterable[Annotation]) -> None:
        """Puts changed annotations in the place of those with their ids; the rest stays."""
        new = {one.id: one for one in annotations}
        items = tuple(new.get(one.id, one) for one in self._order)
        if any(a is not b and a != b for a, b in zip(items, self._order, strict=True)):
            self._change(items, self.selected)

    def delete(self, identities: Iterable[str]) -> int:
        """Deletes what is not locked; returns how many were."""
        gone = {i for i in identities if i in self._items and not self._items[i].locked}
        if gone:
            kept = tuple(one for one in self._order if one.id not in gone)
            self._change(kept, self.selected - gone)
        return len(gone)

    def classify(self, identities: Iterable[str], class_: AnnotationClass | None) -> None:
        """Sets the class; an own colour gives way to the class's."""
        self.replace(
            replace(self._items[i], class_=class_, colour=None)
            for i in identities
            if i in self._items and not self._items[i].locked
        )

    def move(self, identities: Iterable[str], dx: float, dy: float) -> None:
        """Moves what is not locked by level-0 pixels."""
        self.replace(moved(self._items[i], dx, dy) for i in identities if i in self._items)

    def set_locked(self, identities: Iterable[str], locked: bool) -> None:
        self.replace(replace(self._items[i], locked=locked) for i in identities)

    def undo(self) -> bool:
        """Takes the last change back; whether there was one."""
        return self._go(self._undo, self._redo)

    def redo(self) -> bool:
        return self._go(self._redo, self._undo)

    def _go(self, steps: list[_Step], other: list[_Step]) -> bool:
        if not steps:
            return False
        other.append(_Step(self._order, self.selected))
        step = steps.pop()
        self.revision += 1
        self._put(step.items, step.selected)
        return True

    def _change(self, items: Items, selected: frozenset[str]) -> None:
        self._undo.append(_Step(self._order, self.selected))
        del self._undo[:-_MOST_STEPS]
        self._redo.clear()
        self.revision += 1
        self._put(items, selected)

    def _put(self, items: Items, selected: frozenset[str]) -> None:
        self._order, self._tree = items, None
        self._items = {one.id: one for one in items}
        self.selected = frozenset(selected & self._items.keys())
        self.changed()

    # -- selection -------------------------------------------------------------------------------

    def select(self, identities: Iterable[str]) -> None:
        selected = frozenset(i for i in identities if i in self._items)
        if selected != self.selected:
            self.selected = selected
            self.changed()

    # -- places ----------------------------------------------------------------------------------

    def within(self, left: float, top: float, right: float, bottom: float) -> list[Annotation]:
        """Annotations that reach into a level-0 rectangle, in the order of painting."""
        if self._tree is None:
            self._tree = STRtree([one.geometry for one in self._order])
        found = self._tree.query(shapely.box(left, top, right, bottom), predicate="intersects")
        return [self._order[i] for i in np.sort(found)]

    def at(self, x: float, y: float, reach: float) -> Annotation | None:
        """What lies at a level-0 point: points and lines within reach, then the smallest area."""
        point = shapely.Point(x, y)
        near = self.within(x - reach, y - reach, x + reach, y + reach)
        hit = [one for one in near if one.geometry.distance(point) <= (0 if one.is_area else reach)]
        hit = hit or [one for one in near if one.geometry.distance(point) <= reach]
        if not hit:
            return None
        # Of two equally good ones, the one that was drawn later.
        return min(reversed(hit), key=lambda one: one.geometry.area if one.is_area else 0.0)
