"""Slides of a cohort after the graph encoder, kept so that the next muting reads the memory alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from momkd_core.checkpoint import Model
from momkd_core.prediction import EncodedSlide
from momkd_core.storage import content_key

#: A GiB holds some forty slides of 15,000 patches at the default widths.
DEFAULT_BUDGET = 1 << 30

_Key = tuple[str, Path, float | None]


class EncodedCases:
    """The encoded slides of one cohort, within a budget; usable from several threads.

    Once full, it keeps what it has and lets newcomers go; only slides of other models make room. A
    cohort is gone through in the same order each time, so dropping the least recently used slide
    would drop each one just before it is wanted again.

    Args:
        budget: bytes of arrays that are held at most.
    """

    def __init__(self, budget: int = DEFAULT_BUDGET) -> None:
        self._budget = budget
        self._kept: dict[_Key, tuple[str, EncodedSlide]] = {}
        self._lock = threading.Lock()

    def get(
        self, model: Model, source: Path, mpp: float | None, encode: Callable[[], EncodedSlide]
    ) -> EncodedSlide:
        """A slide without its features; ``encode`` makes it where it is not kept or its file changed.

        Args:
            source: the slide or feature file that ``encode`` reads.
            mpp: the resolution that is stated for it.
        """
        key = (model.sha256, source, mpp)
        try:
            content = content_key(source)
        except OSError:  # gone: encoding says so by name
            return encode()
        with self._lock:
            known = self._kept.get(key)
        if known is not None and known[0] == content:
            return known[1]
        encoded = encode().without_features()
        with self._lock:
            self._kept.pop(key, None)
            self._make_room(model.sha256, encoded.bytes_held)
            if self._held() + encoded.bytes_held <= self._budget:
                self._kept[key] = (content, encoded)
        return encoded

    def __len__(self) -> int:
        """How many slides are kept."""
        return len(self._kept)

    @property
    def bytes_held(self) -> int:
        with self._lock:
            return self._held()

    def clear(self) -> None:
        """For another cohort."""
        with self._lock:
            self._kept.clear()

    def _held(self) -> int:
        return sum(encoded.bytes_held for _, encoded in self._kept.values())

    def _make_room(self, model_sha256: str, wanted: int) -> None:
        for key in [key for key in self._kept if key[0] != model_sha256]:  # oldest first
            if self._held() + wanted <= self._budget:
                return
            del self._kept[key]
