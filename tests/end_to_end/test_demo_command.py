"""The README's first command. Apart from the others: who comes second would wait for its slides."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from small_demo import CASES


def test_the_demo_needs_nothing(demo_cache: Path) -> None:
    """The command of the README, in miniature, where it was never run: no data, no model, no screen."""
    assert len(list(demo_cache.glob("demo-*/slides/*.tif"))) >= CASES
    with Image.open(demo_cache / "demo.png") as image:
        colours = image.convert("RGB").resize((100, 60)).getcolors(7000)
        assert colours is not None and len(colours) > 300
