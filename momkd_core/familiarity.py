"""How far a slide lies from everything its model saw in training: when not to answer.

A classifier gives a probability for any picture. Beside the network, a model file therefore keeps
what its training patches looked like: the mean and spread of their features, and the centres of their
clusters. A slide's *strangeness* is the mean distance of its patches to the nearest centre, in units of
the limit that the validation slides set: above 1 the slide is outside what the model knows (another
organ, stain or scanner).

Mean distance to cluster centres was chosen over the memory's own similarities, which eq. 3 to 5 pull
towards the components for any tissue, and over a Gaussian of the features, which has one centre for all
kinds of tissue (CONTRIBUTING, decision 15).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from momkd_core.processor import one_openmp_thread

_CENTRES = 64
_PATCHES_A_SLIDE = 200
_PATCHES = 50_000
_SMALLEST_SPREAD = 0.25  # of the mean spread: a feature that never moved in training says little
_FENCE = 3.0  # Tukey's outer fence: far out
_BLOCK = 8192

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Familiarity:
    """What the training patches of a model looked like, W features wide.

    Attributes:
        mean, spread: (W,) of the training patches.
        centres: (M, W) of their clusters, after scaling.
        limit: mean distance up to which a slide is like the validation slides.
        calibrated_on: how many validation slides set the limit.
    """

    mean: Floats
    spread: Floats
    centres: Floats
    limit: float
    calibrated_on: int

    def distance(self, features: NDArray[np.floating]) -> float:
        """Mean over patches (N, W) of the distance to the nearest centre, per square root of W."""
        total = 0.0
        norms = (self.centres**2).sum(axis=1)
        for start in range(0, len(features), _BLOCK):
            part = (features[start : start + _BLOCK].astype(np.float32) - self.mean) / self.spread
            squared = (part**2).sum(axis=1) + (norms - 2.0 * part @ self.centres.T).min(axis=1)
            total += float(np.sqrt(np.maximum(squared, 0.0), dtype=np.float64).sum())
        return total / (len(features) * float(np.sqrt(len(self.mean))))

    def strangeness(self, features: NDArray[np.floating]) -> float:
        """:meth:`distance` in units of the limit; above 1 is outside what the model knows."""
        return self.distance(features) / self.limit

    def tensors(self) -> dict[str, Tensor]:
        """For a model file; half precision is enough for the centres."""
        return {
            "mean": torch.from_numpy(self.mean),
            "spread": torch.from_numpy(self.spread),
            "centres": torch.from_numpy(self.centres.astype(np.float16)),
        }


def from_tensors(tensors: dict[str, Tensor], limit: float, calibrated_on: int) -> Familiarity:
    """From what :meth:`Familiarity.tensors` gave. Raises :class:`KeyError` where one is missing."""
    mean, spread, centres = (
        tensors[name].float().numpy() for name in ("mean", "spread", "centres")
    )
    return Familiarity(mean, spread, centres, limit, calibrated_on)


def fit_familiarity(
    train: Sequence[Callable[[], Floats]],
    validation: Sequence[Callable[[], Floats]],
    *,
    seed: int,
    limit: float | None = None,
) -> Familiarity:
    """Clusters training patches, and takes the limit from validation slides.

    The limit is Tukey's outer fence of the n validation slides' distances, Q3 + 3 (Q3 - Q1), and at
    least the largest of them and 1/n more.

    Args:
        train, validation: what reads each slide's features (N, W).
        limit: taken as it is where there is no validation slide.
    """
    # Imported here: scikit-learn takes a second, and only training needs it.
    from sklearn.cluster import MiniBatchKMeans

    random = np.random.default_rng(seed)
    each = max(1, min(_PATCHES_A_SLIDE, _PATCHES // max(1, len(train))))
    drawn = []
    for read in train:
        features = read()
        drawn.append(features[random.permutation(len(features))[:each]])
    patches = np.concatenate(drawn).astype(np.float32)
    mean = patches.mean(axis=0, dtype=np.float64).astype(np.float32)
    spread = patches.std(axis=0, dtype=np.float64).astype(np.float32)
    spread = np.maximum(spread, max(_SMALLEST_SPREAD * float(spread.mean()), 1e-12))
    scaled = (patches - mean) / spread
    count = min(_CENTRES, len(np.unique(scaled, axis=0)))
    with one_openmp_thread():  # the same seed, the same bits
        means = MiniBatchKMeans(count, random_state=seed, n_init=3).fit(scaled)
    # Rounded as they will be read back from the file, so that the limit fits them.
    centres = means.cluster_centers_.astype(np.float16).astype(np.float32)
    found = Familiarity(mean, spread, centres, 1.0, len(validation))
    distances = [found.distance(read()) for read in validation]
    if distances:
        low, high = np.percentile(distances, [25, 75])
        # The largest of n says little of the next one where n is small: it is widened by 1/n.
        widened = max(distances) * (1.0 + 1.0 / len(distances))
        limit = float(max(high + _FENCE * (high - low), widened))
    assert limit is not None, "no validation slide and no limit"
    return Familiarity(mean, spread, centres, max(limit, 1e-6), len(validation))
