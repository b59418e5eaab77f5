"""A script of what a hand does on a slide: pans, wheel turns, jumps, rests; a step every 16 ms."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        kind: ``pan`` by (dx, dy) device pixels, ``zoom`` by ``factor`` at the middle, ``jump`` to
            (dx, dy) as shares of the slide, ``rest``.
        begins: whether a rest begins here.
    """

    kind: str
    dx: float = 0.0
    dy: float = 0.0
    factor: float = 1.0
    begins: bool = False


def steps(seconds: float, *, seed: int, jumps: bool = False) -> list[Step]:
    """A reproducible script; magnification wanders between the whole slide and full resolution.

    Args:
        jumps: whether every tenth move goes to another place of the slide at once.
    """
    draw = random.Random(seed)
    total = int(seconds / 0.016)
    found: list[Step] = [Step("jump", 0.5, 0.5)]
    zoom = 0  # wheel steps above the whole slide; 1.25 ** 16 is about 36
    while len(found) < total:
        kind = draw.random()
        if jumps and kind > 0.9:
            found.append(Step("jump", draw.uniform(0.2, 0.8), draw.uniform(0.2, 0.8)))
        elif kind < 0.55:
            angle_x, angle_y = draw.uniform(-1, 1), draw.uniform(-1, 1)
            speed = draw.choice((6, 12, 25, 40))
            found += [Step("pan", angle_x * speed, angle_y * speed)] * draw.randint(20, 60)
        else:
            inwards = draw.random() < (0.8 if zoom < 8 else 0.4 if zoom < 16 else 0.1)
            count = min(draw.randint(2, 6), 18 - zoom if inwards else zoom)
            zoom += count if inwards else -count
            for _ in range(count):
                found += [Step("zoom", factor=1.25 if inwards else 0.8), Step("pan"), Step("pan")]
        found.append(Step("rest", begins=True))
        found += [Step("rest")] * draw.randint(20, 40)
    return found[:total]
