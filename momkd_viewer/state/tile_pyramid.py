"""Which tiles a view needs: level chosen by device pixels, tiles aligned to the file's own.

A file may lack levels: some scanners keep every fourth size only, some nothing but the full one. The
pyramid fills the gaps with *made* levels, each half the one before, so that a tile is never drawn much
smaller than it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from momkd_core.geometry import Level
from momkd_viewer.state.viewport import Rect, Viewport

_SMALLEST_TILE = 384
#: The smallest level of a pyramid fits into a square of this many pixels.
_COARSEST_SIDE = 1536
#: Most tiles of one view; at about 1 MB a tile they fit into the cache with room to spare.
MOST_VISIBLE = 160
_MOST_AROUND = 48


@dataclass(frozen=True, slots=True)
class TileKey:
    """One tile: its pyramid level, column and row."""

    level: int
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class PyramidLevel(Level):
    """A level that can be drawn.

    Attributes:
        source: level of the file that it is read from.
        reduction: pixels of the source per pixel; 1 where the file has the level itself.
    """

    source: int
    reduction: int


@dataclass(frozen=True)
class TilePyramid:
    """The tiling of one slide.

    Attributes:
        levels: finest first.
        tile_size: side of a tile in its level's pixels; a multiple of the file's own tiles, so
            that reading one decodes nothing twice.
    """

    levels: tuple[PyramidLevel, ...]
    tile_size: int

    @classmethod
    def of(cls, levels: tuple[Level, ...], native_tile: int) -> TilePyramid:
        """The tiling for a slide whose file has tiles of ``native_tile`` pixels."""
        return cls(
            _with_made_levels(levels), native_tile * max(1, math.ceil(_SMALLEST_TILE / native_tile))
        )

    def level_for(self, downsample: float) -> int:
        """The coarsest level that still has a pixel for each device pixel (tolerance 10 %)."""
        best = 0
        for index, level in enumerate(self.levels):
            if level.downsample <= downsample * 1.1:
                best = index
        return best

    @property
    def coarsest(self) -> int:
        return len(self.levels) - 1

    def view_level(self, view: Viewport) -> int | None:
        """The level to draw a view from, or None where even the coarsest has too many tiles.

        Between distant levels the finer one may need more tiles than a cache holds; then the next
        coarser one is taken. Without any, the overview picture has to do.
        """
        for level in range(self.level_for(view.downsample), len(self.levels)):
            if self._count_covering(view.visible, level) <= MOST_VISIBLE:
                return level
        return None

    def visible(self, view: Viewport, nearest: tuple[float, float] | None = None) -> list[TileKey]:
        """Tiles of the view's level that it shows.

        Args:
            nearest: a level-0 point; tiles nearer to it come first. None takes the view's centre.
        """
        level = self.view_level(view)
        if level is None:
            return []
        return self._covering(view.visible, level, nearest or (view.centre_x, view.centre_y))

    def covering(self, area: Rect, level: int) -> list[TileKey]:
        """Tiles of a level that touch a level-0 area, those nearest its middle first."""
        return self._covering(area, level, area.centre)

    def ring(self, view: Viewport) -> list[TileKey]:
        """Tiles just outside the view, to be read when nothing else is to do."""
        level = self.view_level(view)
        if level is None:
            return []
        side = self.tile_size * self.levels[level].downsample
        area = view.visible
        wider = Rect(area.left - side, area.top - side, area.right + side, area.bottom + side)
        shown = set(self._covering(area, level, area.centre))
        around = [key for key in self._covering(wider, level, area.centre) if key not in shown]
        return around[:_MOST_AROUND]

    def backdrop(self) -> list[TileKey]:
        """The coarsest level's tiles, to be kept at hand."""
        columns, rows = self._counts(self.coarsest)
        return [TileKey(self.coarsest, c, r) for r in range(rows) for c in range(columns)]

    def size(self, key: TileKey) -> tuple[int, int]:
        """Width and height of a tile in its level's pixels; smaller at the right and bottom."""
        level = self.levels[key.level]
        left, top = key.column * self.tile_size, key.row * self.tile_size
        return min(self.tile_size, level.width - left), min(self.tile_size, level.height - top)

    def origin(self, key: TileKey) -> tuple[int, int]:
        """Top-left corner of a tile in level-0 pixels, rounded for reading."""
        area = self.area(key)
        return round(area.left), round(area.top)

    def area(self, key: TileKey) -> Rect:
        """What a tile covers in level-0 pixels."""
        scale = self.levels[key.level].downsample
        width, height = self.size(key)
        left = key.column * self.tile_size * scale
        top = key.row * self.tile_size * scale
        return Rect(left, top, left + width * scale, top + height * scale)

    def children(self, key: TileKey) -> list[TileKey]:
        """The tiles of the next finer level that make up a tile of a made level."""
        columns, rows = self._counts(key.level - 1)
        return [
            TileKey(key.level - 1, column, row)
            for row in range(2 * key.row, min(2 * key.row + 2, rows))
            for column in range(2 * key.column, min(2 * key.column + 2, columns))
        ]

    def parent(self, key: TileKey, level: int) -> TileKey:
        """The tile of a coarser level that holds a tile's centre."""
        area = self.area(key)
        side = self.tile_size * self.levels[level].downsample
        columns, rows = self._counts(level)
        return TileKey(
            level,
            min(columns - 1, int((area.left + area.right) / 2 / side)),
            min(rows - 1, int((area.top + area.bottom) / 2 / side)),
        )

    def _counts(self, level: int) -> tuple[int, int]:
        size = self.levels[level]
        return math.ceil(size.width / self.tile_size), math.ceil(size.height / self.tile_size)

    def _ranges(self, area: Rect, level: int) -> tuple[range, range]:
        """Columns and rows of a level that touch an area."""
        side = self.tile_size * self.levels[level].downsample
        columns, rows = self._counts(level)
        return (
            range(max(0, int(area.left // side)), min(columns - 1, int(area.right // side)) + 1),
            range(max(0, int(area.top // side)), min(rows - 1, int(area.bottom // side)) + 1),
        )

    def _count_covering(self, area: Rect, level: int) -> int:
        columns, rows = self._ranges(area, level)
        return len(columns) * len(rows)

    def _covering(self, area: Rect, level: int, nearest: tuple[float, float]) -> list[TileKey]:
        side = self.tile_size * self.levels[level].downsample
        columns, rows = self._ranges(area, level)
        keys = [TileKey(level, column, row) for row in rows for column in columns]

        def distance(key: TileKey) -> float:
            x = (key.column + 0.5) * side - nearest[0]
            y = (key.row + 0.5) * side - nearest[1]
            return x * x + y * y

        return sorted(keys, key=distance)


def _with_made_levels(levels: tuple[Level, ...]) -> tuple[PyramidLevel, ...]:
    """The file's levels, and halved ones where the next is coarser than twice, or missing."""
    found = []
    for source, level in enumerate(levels):
        found.append(PyramidLevel(level.width, level.height, level.downsample, source, 1))
        last = source + 1 == len(levels)
        reduction = 2
        while True:
            made = PyramidLevel(
                math.ceil(level.width / reduction),
                math.ceil(level.height / reduction),
                level.downsample * reduction,
                source,
                reduction,
            )
            before = found[-1]
            needed = (
                max(before.width, before.height) > _COARSEST_SIDE
                if last
                else made.downsample * 1.4 < levels[source + 1].downsample
            )
            if not needed:
                break
            found.append(made)
            reduction *= 2
    return tuple(found)
