"""Model and slide to result. Inference needs the slide alone."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from momkd_core.checkpoint import Model
from momkd_core.component_names import MEMORIES
from momkd_core.encoder_match import check_bag, check_encoder
from momkd_core.errors import FeatureError, SettingsError
from momkd_core.extraction import EncoderLoader, cached_bag
from momkd_core.feature_folder import FEATURE_SUFFIXES
from momkd_core.features import FeatureBag, read_features
from momkd_core.member_reading import EncodedMember, encoded_member
from momkd_core.model.attention import Muted, check_muted
from momkd_core.model_card import ModelCard
from momkd_core.patch_tissue import with_tissue
from momkd_core.processor import bfloat16_is_fast
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.region import Region, inside
from momkd_core.result import Floats, SlideResult
from momkd_core.slide import DEFAULT_WORKERS

Precision = Literal["float32", "bfloat16"]


def predict(
    model: Model,
    source: str | Path | FeatureBag,
    *,
    mpp: float | None = None,
    muted: Muted | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    load_encoder: EncoderLoader | None = None,
    workers: int = DEFAULT_WORKERS,
    name: str | None = None,
    precision: Precision = "float32",
    region: Region | None = None,
    slide: Path | None = None,
) -> SlideResult:
    """Predicts one slide.

    Args:
        model: of :func:`momkd_core.load_model`.
        source: a slide, a feature file, or a bag.
        mpp: the slide's own resolution, overriding its file.
        muted: the components to leave out, ``{"positive": [3]}``, and no others; ``{}`` leaves none
            out; None leaves out those that the model's own card mutes.
        load_encoder: shared between calls so that an encoder is loaded once.
        name: of the slide, where its file's stem is not it.
        precision: of the matrix products; bfloat16 only where the processor has it.
        region: the slide is taken to be the patches inside it alone.
        slide: that a feature file was made of, to take tissue fractions from where it lacks them.

    Raises:
        MomkdError: the slide, the features or the muting cannot be used; see the family.
    """
    encoded = encode(
        model,
        source,
        mpp=mpp,
        report=report,
        cancel=cancel,
        load_encoder=load_encoder,
        workers=workers,
        name=name,
        precision=precision,
        region=region,
        slide=slide,
    )
    return encoded.result(muted)


def encode(
    model: Model,
    source: str | Path | FeatureBag,
    *,
    mpp: float | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    load_encoder: EncoderLoader | None = None,
    workers: int = DEFAULT_WORKERS,
    name: str | None = None,
    precision: Precision = "float32",
    region: Region | None = None,
    slide: Path | None = None,
) -> EncodedSlide:
    """A slide after the graph encoder; arguments and errors of :func:`predict`."""
    if isinstance(source, FeatureBag):
        return EncodedSlide(model, source, name or "bag", precision, region)
    path = Path(source)
    bag = load_bag(
        model.card,
        path,
        mpp=mpp,
        report=report,
        cancel=cancel,
        load_encoder=load_encoder,
        workers=workers,
        slide=slide,
    )
    return EncodedSlide(model, bag, name or path.stem, precision, region)


def load_bag(
    card: ModelCard,
    path: Path,
    *,
    mpp: float | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    load_encoder: EncoderLoader | None = None,
    workers: int = DEFAULT_WORKERS,
    slide: Path | None = None,
) -> FeatureBag:
    """Features for a model: read from a feature file, or extracted (and cached) from a slide.

    A feature file without tissue fractions gets those of ``slide``, where that is named and fits.
    """
    if path.suffix.lower() in FEATURE_SUFFIXES:
        return with_tissue(read_features(path, slide=slide, mpp=mpp), slide, mpp=mpp)
    if card.extraction is None:
        raise FeatureError(
            f"The model does not say how its features were made, so {path.name} cannot be encoded",
            "Give its features (.h5) instead of the slide",
        )
    check_encoder(card)
    return cached_bag(
        path,
        card.extraction,
        load_encoder or EncoderLoader(),
        mpp=mpp,
        report=report,
        cancel=cancel,
        workers=workers,
    )


def check_precision(precision: Precision) -> None:
    """Raises :class:`SettingsError` where the processor lacks it."""
    if precision == "bfloat16" and not bfloat16_is_fast():
        raise SettingsError(
            "This processor does not multiply in bfloat16, so it would only be slower",
            "Leave --precision out",
        )


class EncodedSlide:
    """A slide after the part of a model that no muting changes: another result, with components
    muted, is cheap.

    Args:
        region: patches outside are left out of everything: graph, attention and strangeness.

    Raises:
        FeatureError, TissueError: the features do not fit, or there are fewer than two patches.
    """

    def __init__(
        self,
        model: Model,
        bag: FeatureBag,
        name: str,
        precision: Precision = "float32",
        region: Region | None = None,
    ) -> None:
        check_precision(precision)
        check_bag(bag, model.card, name, inside=region is not None)
        self.model = model
        self.region = None if region is None else region.name
        self.patches_of_slide = len(bag)
        if region is not None:
            bag = inside(bag, region)
        self.bag = bag
        self.name = name
        known = [m.familiarity for m in model.members if m.familiarity is not None]
        # Of a run: the mean over its folds, whose limits differ.
        self.strangeness = (
            float(np.mean([one.strangeness(bag.features) for one in known])) if known else None
        )
        with (
            torch.no_grad(),
            torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"),
        ):
            self._encoded: list[EncodedMember] = [
                encoded_member(member, bag, name) for member in model.members
            ]

    @property
    def projected(self) -> Floats:
        """(N, D_N) what is matched with the memory. Raises ``AssertionError`` for several folds."""
        (encoded,) = self._encoded
        return encoded.projected

    def result(self, muted: Muted | None = None) -> SlideResult:
        """The result without the muted components, by default the model's own.

        Raises:
            SettingsError: see :func:`chosen_muted`.
        """
        chosen = chosen_muted(self.model, muted)
        with torch.no_grad():
            readings = [encoded.reading(chosen) for encoded in self._encoded]
        probabilities = [reading.probability for reading in readings]
        card, threshold = self.model.card, self.model.threshold
        probability = float(np.mean(probabilities))
        if not np.isfinite(probability):
            raise FeatureError(
                f"{self.name} gives no finite probability: its features are out of range",
                "Extract the slide again",
            )
        return SlideResult(
            slide_name=self.name,
            probability=probability,
            predicted=card.positive if probability >= threshold else card.negative,
            threshold=threshold,
            coords=self.bag.coords,
            size_level0=self.bag.size_level0,
            step_level0=self.bag.step_level0,
            method=card.method,
            affinity=_mean([reading.affinity for reading in readings]),
            attention=_mean([reading.attention for reading in readings]),
            match=None if self.model.is_ensemble else readings[0].match,
            tissue_fraction=self.bag.tissue_fraction,
            tissue_reason=self.bag.tissue_reason,
            model_sha256=self.model.sha256,
            encoder=self.bag.encoder or card.encoder,
            strangeness=self.strangeness,
            muted=chosen,
            region=self.region,
            patches_of_slide=self.patches_of_slide,
            bounds_offset=self.bag.bounds_offset,
            member_probabilities=tuple(probabilities),
        )

    def without_features(self) -> EncodedSlide:
        """The same without the encoder's features, which no result needs and which are most of it."""
        lean = copy.copy(self)
        lean.bag = replace(self.bag, features=np.empty((len(self.bag), 0), np.float32))
        return lean

    @property
    def bytes_held(self) -> int:
        """Of its arrays."""
        fraction = self.bag.tissue_fraction
        held = self.bag.features.nbytes + self.bag.coords.nbytes
        held += 0 if fraction is None else fraction.nbytes
        return held + sum(one.bytes_held for one in self._encoded)


def _mean(values: list[Floats | None]) -> Floats | None:
    """Element-wise mean over folds, (N,); None where the method has none."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    mean: Floats = np.stack(known).mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def chosen_muted(model: Model, muted: Muted | None) -> dict[str, list[int]]:
    """The components that a prediction leaves out, by memory, sorted; the model's own for None.

    Raises:
        SettingsError: no such component, a whole memory, or the model is the mean of several folds or a
            comparison system.
    """
    asked = model.card.muted if muted is None else muted
    if any(asked.values()):
        model.require_components()
    components = model.card.model.components
    checked = {name: check_muted(asked, name, components) for name in MEMORIES}
    return {name: indices for name, indices in checked.items() if indices}


def parse_muted(text: str | None) -> dict[str, list[int]] | None:
    """``positive:3,negative:0`` as ``{"positive": [3], "negative": [0]}``, ``none`` as ``{}``.

    Raises:
        SettingsError: another form.
    """
    if text is None:
        return None
    if text.strip() == "none":
        return {}
    muted: dict[str, list[int]] = {}
    for part in text.split(","):
        memory, _, index = part.strip().partition(":")
        if memory not in MEMORIES or not index.isdecimal():
            raise SettingsError(
                f"{part.strip()!r} is not of the form memory:index",
                "Write for instance positive:3,negative:0, or none",
            )
        muted.setdefault(memory, []).append(int(index))
    return muted
