"""Named views of a slide, and the file that keeps them.

Places are level-0 pixels, so that a bookmark shows the same tissue in any window.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from momkd_core.errors import MomkdError

_VERSION = 1
_LONGEST_NAME = 120


class BookmarkError(MomkdError):
    """Bookmarks cannot be read."""


@dataclass(frozen=True)
class Bookmark:
    """A view under a name.

    Attributes:
        x, y: level-0 point in the middle.
        downsample: level-0 pixels per device pixel.
        rotation: degrees clockwise.
    """

    name: str
    x: float
    y: float
    downsample: float
    rotation: float = 0.0


def named(name: str, taken: Sequence[Bookmark]) -> str:
    """A name that can be used: one line, not empty, told apart from those there are."""
    plain = " ".join(name.split())[:_LONGEST_NAME] or "Bookmark"
    names = {bookmark.name for bookmark in taken}
    if plain not in names:
        return plain
    return next(f"{plain} ({n})" for n in range(2, len(names) + 3) if f"{plain} ({n})" not in names)


def to_json(bookmarks: Sequence[Bookmark]) -> str:
    """Holds no path and no name of the slide."""
    listed = [asdict(bookmark) for bookmark in bookmarks]
    return json.dumps({"version": _VERSION, "bookmarks": listed}, indent=2, ensure_ascii=False)


def from_json(text: str, file: str) -> list[Bookmark]:
    """The bookmarks of a file. Raises :class:`BookmarkError` where it does not hold any."""
    try:
        kept = json.loads(text)["bookmarks"]
        found = [
            Bookmark(
                str(entry["name"]),
                *(float(entry[key]) for key in ("x", "y", "downsample", "rotation")),
            )
            for entry in kept
        ]
        if any(not _is_sound(bookmark) for bookmark in found):
            raise ValueError("a place or magnification is impossible")
    except (ValueError, KeyError, TypeError) as error:
        raise BookmarkError(
            f"The bookmarks in {file} cannot be read ({error})", "Move the file away to begin anew"
        ) from error
    return found


def _is_sound(bookmark: Bookmark) -> bool:
    numbers = (bookmark.x, bookmark.y, bookmark.downsample, bookmark.rotation)
    return all(math.isfinite(number) for number in numbers) and bookmark.downsample > 0
