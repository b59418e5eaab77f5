"""Slides as training meets them: whose they are, where their features lie, their tensors."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from momkd_core.errors import FeatureError
from momkd_core.features import FeatureBag, read_features
from momkd_core.graph import slide_edges
from momkd_core.model.neighbourhood import Neighbourhood, patch_graph
from momkd_core.patch_tissue import with_tissue
from momkd_core.patch_weights import patch_weights
from momkd_core.settings import ModelSettings

_STORE_BYTES = 2 * 1024**3  # beside a step on 100,000 patches, below 8 GiB together


@dataclass(frozen=True)
class TrainingSlide:
    """One slide of one case.

    Attributes:
        case_id: cases with several slides appear once per slide.
        features: its feature file.
        label: 0 or 1.
        expression: (G,) scaled, or None where the case has none.
        target: probability of the positive class that cross-entropy aims at; None: the label.
    """

    case_id: str
    features: Path
    label: int
    expression: NDArray[np.float32] | None
    target: float | None = None


def by_case(slides: list[TrainingSlide], values: list[float]) -> dict[str, float]:
    """A case's probability is the mean over its slides; cases in the order of their first slide."""
    found: dict[str, list[float]] = {}
    for slide, value in zip(slides, values, strict=True):
        found.setdefault(slide.case_id, []).append(value)
    return {case: float(np.mean(several)) for case, several in found.items()}


@dataclass(frozen=True)
class SlideGraph:
    """Tensors of one slide: its vectors (I, D_in) in the precision of their file, its patch graph, its
    patches' weights (I,) or None."""

    vectors: Tensor
    graph: Tensor | Neighbourhood
    weights: Tensor | None = None

    @property
    def features(self) -> Tensor:
        """(I, D_in) in single precision; of half precision a new tensor each time."""
        return self.vectors.float()

    @property
    def nbytes(self) -> int:
        held = self.vectors.nbytes + self.graph.nbytes
        return held if self.weights is None else held + self.weights.nbytes

    def features_on(self, device: torch.device) -> Tensor:
        """The features where the network is; half of the bytes travel where they are half precision."""
        return self.vectors.to(device).float()

    def on(self, device: torch.device) -> tuple[Tensor, Tensor | Neighbourhood]:
        """Features and graph where the network is; tables of neighbours are for the processor."""
        if device.type == "cpu":
            return self.features_on(device), self.graph
        edges = self.graph.edges() if isinstance(self.graph, Neighbourhood) else self.graph
        return self.features_on(device), edges.to(device)

    def weights_on(self, device: torch.device) -> Tensor | None:
        """What each patch counts for, where the network is; None: all alike."""
        return None if self.weights is None else self.weights.to(device)


class SlideStore:
    """Slides read on demand and kept while they fit into memory.

    Args:
        settings: decide neighbours, edge direction and the weight of background.
        budget: bytes kept; the least recently used slide goes first.
        slides: by feature file, the slide that it was made of and its stated resolution: for corners in
            microns, and for tissue fractions that the file lacks, where patches are weighed by them.
    """

    def __init__(
        self,
        settings: ModelSettings,
        budget: int = _STORE_BYTES,
        slides: Mapping[Path, tuple[Path | None, float | None]] | None = None,
    ) -> None:
        self._settings = settings
        self._slides = slides or {}
        self._budget = budget
        self._held: OrderedDict[Path, SlideGraph] = OrderedDict()
        self._bytes = 0
        self._counts: dict[Path, int] = {}
        self._digests: dict[Path, tuple[str, str]] = {}

    def __getitem__(self, path: Path) -> SlideGraph:
        if path in self._held:
            self._held.move_to_end(path)
            return self._held[path]
        graph = self._read(path)
        self._held[path] = graph
        self._bytes += graph.nbytes
        while self._bytes > self._budget and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self._bytes -= oldest.nbytes
        return graph

    def patches(self, path: Path) -> int:
        """How many patches a slide has."""
        if path not in self._counts:
            self._counts[path] = len(self[path].vectors)
        return self._counts[path]

    def sha256(self, path: Path) -> str:
        """Of a slide's features, coordinates and weights: what training takes from its file."""
        return self._digest(path)[1]

    def features_sha256(self, path: Path) -> str:
        """Of a slide's features alone, which tell whether two files are one slide."""
        return self._digest(path)[0]

    def _digest(self, path: Path) -> tuple[str, str]:
        if path not in self._digests:
            self._read(path)
        return self._digests[path]

    def _read(self, path: Path) -> SlideGraph:
        slide, mpp = self._slides.get(path, (None, None))
        bag: FeatureBag = read_features(path, slide=slide, mpp=mpp)
        if bag.width != self._settings.feature_width:
            raise FeatureError(
                f"{path.name} holds features {bag.width} wide, the other slides "
                f"{self._settings.feature_width}",
                "Use one encoder for the whole cohort",
            )
        if self._settings.background_weight < 1:
            bag = with_tissue(bag, slide, mpp=mpp)
        stored = bag.stored
        weights = patch_weights(bag, self._settings, path.name)
        if path not in self._digests:
            self._digests[path] = _digests(bag, weights)
        edges = slide_edges(path.name, bag, self._settings)
        return SlideGraph(torch.from_numpy(stored), patch_graph(edges, len(stored)), weights)


def _digests(bag: FeatureBag, weights: Tensor | None) -> tuple[str, str]:
    """SHA-256 of a bag's features, in single precision, and of these, coordinates and weights."""
    digest = hashlib.sha256(str(bag.features.shape).encode())
    digest.update(np.ascontiguousarray(bag.features).data)
    features = digest.hexdigest()
    digest.update(np.ascontiguousarray(bag.coords).data)
    if weights is not None:
        digest.update(weights.numpy().data)
    return features, digest.hexdigest()
