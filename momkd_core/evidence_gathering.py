"""Evidence of a slide: facts, pictures of the whole, and pictures of what each component means."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image

from momkd_core.checkpoint import Model
from momkd_core.errors import BundleError, SlideError
from momkd_core.evidence import Evidence, View
from momkd_core.evidence_pictures import (
    Tint,
    affinity_tint,
    attention_tint,
    slide_thumbnail,
    tinted_slide,
    with_legend,
)
from momkd_core.evidence_record import ComponentRecord, Fingerprint, PatchRecord, SlideRecord
from momkd_core.montage import montage, patch_image
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.result import ComponentUse, SlideResult
from momkd_core.slide import RgbImage, Slide
from momkd_core.storage import ends_key

TOP = 9

_COLUMNS = 3
_PATCH_PIXELS = 144
_LABELS = ("label", "macro")


def gather(
    slide: Slide,
    model: Model,
    result: SlideResult,
    *,
    unmuted: SlideResult | None = None,
    top: int = TOP,
    label_image: bool = False,
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> Evidence:
    """Evidence with pictures; who asks adds case, verdicts, annotations and identities.

    Args:
        unmuted: the result with all components, from which muted ones are shown.
        top: patches shown of each component.
        label_image: the slide's label and macro pictures go in; they often name the patient.

    Raises:
        SlideError: the slide cannot be read, or has no label that was asked for.
        BundleError: the result is of another slide.
    """
    check_places(slide, result)
    report(0, 0, "drawing the slide")
    thumbnail = slide_thumbnail(slide, cancel)
    card = model.card
    tints = [
        ("affinity", affinity_tint(result, card.negative, card.positive)),
        ("attention", attention_tint(result)),
        ("slide", None),
    ]
    # A comparison system lacks the first, or both: the overview is the first that there is.
    drawn = [(name, tint) for name, tint in tints if tint is not None or name == "slide"]
    views = tuple(
        _view(name if place else "overview", thumbnail, slide, result, tint)
        for place, (name, tint) in enumerate(drawn)
    )
    components = component_records(result, unmuted, top)
    montages: dict[tuple[str, int], RgbImage] = {}
    for done, component in enumerate(components):
        report(done, len(components), "reading patches")
        if component.top:
            pictures = []
            for patch in component.top:
                if cancel is not None:
                    cancel.raise_if_cancelled()
                pictures.append(patch_image(slide, patch.x, patch.y, patch.size, _PATCH_PIXELS))
            montages[component.memory, component.index] = montage(pictures, _COLUMNS)
    return Evidence(
        model=model,
        result=result,
        slide=slide_record(slide),
        slide_path=slide.path,
        views=views,
        components=components,
        montages=montages,
        unmuted=unmuted,
        labels=_labels(slide) if label_image else {},
    )


def _view(
    name: str, thumbnail: RgbImage, slide: Slide, result: SlideResult, tint: Tint | None
) -> View:
    picture = tinted_slide(thumbnail, slide, result, tint)
    caption = f"{tint.title} over the whole slide" if tint else "The slide alone"
    return View(name, caption, with_legend(picture, slide, tint), picture, tint)


def fingerprint(slide: Slide) -> Fingerprint:
    """By which a slide is told again; compare with :meth:`Fingerprint.fits`."""
    return Fingerprint(
        quickhash=slide.quickhash,
        width=slide.width,
        height=slide.height,
        bytes=slide.path.stat().st_size,
        ends=ends_key(slide.path),
    )


def slide_record(slide: Slide, *, profile_applied: bool = False) -> SlideRecord:
    """The facts of a slide.

    Args:
        profile_applied: the bundle's pictures are in sRGB by the slide's colour profile.
    """
    known = slide.known_mpp
    source: Literal["file", "stated"] = "file" if known == slide.file_mpp else "stated"
    return SlideRecord(
        name=slide.path.name,
        fingerprint=fingerprint(slide),
        mpp=None if known is None else (known.x, known.y),
        mpp_from=None if known is None else source,
        profile_present=slide.has_colour_profile,
        profile_applied=profile_applied,
        objective=slide.objective,
        vendor=slide.vendor,
        bounds_offset=slide.bounds_offset,
    )


def component_records(
    result: SlideResult, unmuted: SlideResult | None, top: int
) -> tuple[ComponentRecord, ...]:
    """Every component with its top patches, positive ones first; none for the mean of folds."""
    return tuple(_component(use, result, unmuted, top) for use in result.components())


def _component(
    use: ComponentUse, result: SlideResult, unmuted: SlideResult | None, top: int
) -> ComponentRecord:
    muted = use.index in result.muted.get(use.memory, ())
    shown = unmuted if muted and unmuted is not None else result
    affinity, attention = shown.affinity, shown.attention
    assert shown.match is not None and affinity is not None and attention is not None
    similarity = shown.match.of(use.memory)[:, use.index]
    return ComponentRecord.model_validate(
        {
            "memory": use.memory,
            "index": use.index,
            "share": use.share,
            "attention": use.attention,
            "muted": muted,
            "top": tuple(
                PatchRecord(
                    x=int(shown.coords[patch, 0]),
                    y=int(shown.coords[patch, 1]),
                    size=shown.size_level0,
                    similarity=float(similarity[patch]),
                    affinity=float(affinity[patch]),
                    attention=float(attention[patch]),
                )
                for patch in shown.top_patches(use.memory, use.index, top)
            ),
        }
    )


def check_places(slide: Slide, result: SlideResult) -> None:
    """Raises :class:`BundleError` where patches lie beside the slide."""
    beside = (result.coords < 0) | (result.coords >= (slide.width, slide.height))
    count = int(np.count_nonzero(beside.any(axis=1)))
    if count:
        raise BundleError(
            f"{count} of {len(result)} patches of {result.slide_name} lie beside {slide.path.name}",
            "Give the features of this slide, or leave --features out",
        )


def _labels(slide: Slide) -> dict[str, RgbImage]:
    found = [name for name in _LABELS if name in slide.associated_images]
    if not found:
        raise SlideError(
            f"{slide.path.name} has neither a label nor a macro picture",
            "Write the bundle without --label-image",
        )
    return {name: np.asarray(_small(slide.associated_image(name))) for name in found}


def _small(picture: Image.Image) -> Image.Image:
    picture.thumbnail((1600, 1600))
    return picture
