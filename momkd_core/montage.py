"""Pictures of an atlas: patches side by side, one PNG a component and kind."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from momkd_core.atlas_record import Atlas, AtlasComponent, AtlasPatch
from momkd_core.cohort import Cohort
from momkd_core.component_names import other_memory
from momkd_core.errors import MomkdError
from momkd_core.png import PACKING
from momkd_core.slide import RgbImage, Slide
from momkd_core.storage import atomic_path

log = logging.getLogger(__name__)

_SIDE = 224
_COLUMNS = 3
_CAPTION = 20
_MOST_OPEN = 8


def patch_image(slide: Slide, x: int, y: int, size_level0: int, pixels: int) -> RgbImage:
    """A patch as (pixels, pixels, 3) uint8. Raises :class:`~momkd_core.errors.SlideError`."""
    return slide.read_scaled(x, y, size_level0, pixels, filter_=Image.Resampling.BILINEAR)


def montage(images: Sequence[RgbImage], columns: int, *, gap: int = 4) -> RgbImage:
    """Pictures of one size side by side on white."""
    height, width = images[0].shape[:2]
    rows, columns = -(-len(images) // columns), min(columns, len(images))
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    canvas = np.full(shape, 255, np.uint8)
    for index, image in enumerate(images):
        y, x = (index // columns) * (height + gap), (index % columns) * (width + gap)
        canvas[y : y + height, x : x + width] = image
    return canvas


def write_montages(atlas: Atlas, cohort: Cohort, folder: Path, *, mpp: float | None = None) -> int:
    """Writes PNGs where the slides exist: top patches, ``typical/`` and ``counter_examples/``.

    A counter-example stands beside the best patch of the component that won it, with the margin. A
    picture that cannot be read is left out, and said in the log.

    Returns:
        How many files were written.

    Raises:
        OutputError: the folder cannot be written.
    """
    written = 0
    with _Slides(cohort, mpp) as slides:
        for component in atlas.components:
            pages = {
                folder: slides.images(component.top),
                folder / "typical": slides.images(component.typical),
                folder / "counter_examples": _counter_examples(component, atlas, slides),
            }
            for place, images in pages.items():
                if images:
                    page = montage(images, 2 if place.name == "counter_examples" else _COLUMNS)
                    name = f"{component.memory}_{component.index:02d}.png"
                    with atomic_path(place / name) as temporary:
                        Image.fromarray(page).save(temporary, format="PNG", **PACKING)
                    written += 1
    return written


def _counter_examples(component: AtlasComponent, atlas: Atlas, slides: _Slides) -> list[RgbImage]:
    """Pairs: the counter-example, and what won it."""
    opposite = other_memory(component.memory)
    pages = []
    for example in component.counter_examples:
        winner = atlas.component(opposite, example.winner)
        pair = slides.images((example.patch, *winner.top[:1]))
        if len(pair) < 2:
            continue
        text = f"{opposite} {example.winner} wins by {example.margin:.3f}; its best patch:"
        pages.append(_captioned(montage(pair, 2, gap=0), text))
    return pages


def _captioned(image: RgbImage, text: str) -> RgbImage:
    height, width = image.shape[:2]
    canvas = Image.new("RGB", (width, height + _CAPTION), "white")
    canvas.paste(Image.fromarray(image), (0, _CAPTION))
    ImageDraw.Draw(canvas).text((2, 2), text, fill="black", font=ImageFont.load_default(13))
    return np.asarray(canvas)


class _Slides:
    """The slides of a cohort, a few of them open at a time."""

    def __init__(self, cohort: Cohort, mpp: float | None) -> None:
        self._paths = {
            (case.case_id, slide.stem): (slide.slide, slide.mpp or mpp)
            for case in cohort.cases
            for slide in case.slides
            if slide.slide is not None and slide.slide.exists()
        }
        self._opened: OrderedDict[Path, Slide] = OrderedDict()
        self._refused: set[Path] = set()

    def images(self, patches: Sequence[AtlasPatch]) -> list[RgbImage]:
        """Pictures of those patches that can be read."""
        return [image for patch in patches if (image := self._image(patch)) is not None]

    def _image(self, patch: AtlasPatch) -> RgbImage | None:
        path, mpp = self._paths.get((patch.case_id, patch.slide), (None, None))
        if path is None or path in self._refused:
            return None
        try:
            return patch_image(self._open(path, mpp), patch.x, patch.y, patch.size, _SIDE)
        except MomkdError as error:
            log.warning("%s", error)
            if path not in self._opened:
                self._refused.add(path)
            return None

    def _open(self, path: Path, mpp: float | None) -> Slide:
        if path not in self._opened:
            if len(self._opened) == _MOST_OPEN:
                self._opened.popitem(last=False)[1].close()
            self._opened[path] = Slide(path, mpp=mpp)
        self._opened.move_to_end(path)
        return self._opened[path]

    def __enter__(self) -> _Slides:
        return self

    def __exit__(self, *exception: object) -> None:
        for slide in self._opened.values():
            slide.close()
