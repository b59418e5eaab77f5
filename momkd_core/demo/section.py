"""A drawn tissue section before it is photographed: stain amounts, tissue types and nuclei.

Coordinates are microns from the slide's top left corner. Stain rasters have one pixel a micron, tissue
types and territories one pixel every :data:`COARSE` microns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from momkd_core.demo.cells import Nucleus, variants_at
from momkd_core.demo.fields import Field, Mask, Random, Real, enlarge

Scalar = TypeVar("Scalar", bound=np.generic)

#: Microns a pixel of the coarse rasters.
COARSE = 2


class Tissue(IntEnum):
    """What a point of the slide is, in truth."""

    GLASS = 0
    STROMA = 1
    FAT = 2
    TUMOUR = 3
    IN_SITU = 4
    NORMAL = 5
    LYMPHOCYTES = 6
    NECROSIS = 7
    VESSEL = 8
    PEN = 9
    FOLD = 10


@dataclass(frozen=True)
class Morphology:
    """What a slide's tissue looks like.

    Attributes:
        width, height: of the slide, microns, multiples of 128.
        form: ``section`` (a piece of an excision), ``cores`` (needle biopsies) or ``fragments``.
        extent: side of the tissue relative to the slide, 0 to 1.
        tumour, fat: share of the tissue.
        grade: share of nests with large, irregular nuclei, 0 to 1.
        tubules: share of nests that form lumens, 0 to 1.
        nest: typical width of a nest, microns.
        lymphocytes: 0 to 1, from almost none to dense infiltrates.
        in_situ, comedo: number of in-situ ducts; share of them with central necrosis.
        necrosis: share of the nests' interior that is necrotic.
        lobules, vessels: number of them.
        mitoses: share of tumour nuclei in division.
    """

    width: int
    height: int
    form: str
    extent: float
    tumour: float
    fat: float
    grade: float
    tubules: float
    nest: float
    lymphocytes: float
    in_situ: int
    comedo: float
    necrosis: float
    lobules: int
    vessels: int
    mitoses: float


@dataclass(frozen=True)
class CellGroup:
    """Nuclei of one kind: where, and which variant of their stamp; parallel arrays."""

    kind: Nucleus
    points: Field
    variant: NDArray[np.uint16]


@dataclass
class Cells:
    """Nuclei to be stamped, in the order in which they were added."""

    groups: list[CellGroup] = field(default_factory=list)

    def add(self, random: Random, kind: Nucleus, points: Real, angles: Real | None = None) -> None:
        """Adds nuclei at ``points`` (n, 2) in microns, along ``angles`` where given."""
        if angles is None:
            angles = random.uniform(0, np.pi, len(points))
        variant = variants_at(kind, angles, random).astype(np.uint16)
        self.groups.append(CellGroup(kind, points.astype(np.float32), variant))

    def keep_out_of(self, covered: Callable[[Field], Mask]) -> None:
        """Takes away the nuclei at points for which ``covered`` is true."""
        kept = [(group, ~covered(group.points)) for group in self.groups]
        self.groups = [CellGroup(g.kind, g.points[k], g.variant[k]) for g, k in kept]

    def arrays(self) -> tuple[Field, Field, NDArray[np.uint8], NDArray[np.uint16]]:
        """x, y, kind and variant of all nuclei."""
        points = np.concatenate([np.zeros((0, 2), np.float32), *(g.points for g in self.groups)])
        kinds = [np.full(len(g.points), int(g.kind), np.uint8) for g in self.groups]
        kind = np.concatenate([np.zeros(0, np.uint8), *kinds])
        variant = np.concatenate([np.zeros(0, np.uint16), *(g.variant for g in self.groups)])
        return points[:, 0], points[:, 1], kind, variant


class Section:
    """The canvas that anatomy is drawn on.

    Attributes:
        eosin, haematoxylin: stain amounts, 0 to about 1, one pixel a micron.
        kind: :class:`Tissue`, one pixel every :data:`COARSE` microns.
        taken: where no further structure may go.
        flow: unit vectors along the collagen, at the coarse raster.
    """

    def __init__(self, morphology: Morphology) -> None:
        self.morphology = morphology
        self.fine = (morphology.height, morphology.width)
        self.coarse = (morphology.height // COARSE, morphology.width // COARSE)
        self.eosin: Field = np.zeros(self.fine, np.float32)
        self.haematoxylin: Field = np.zeros(self.fine, np.float32)
        self.kind: NDArray[np.uint8] = np.zeros(self.coarse, np.uint8)
        self.taken: Mask = np.zeros(self.coarse, bool)
        self.flow: tuple[Field, Field] = (
            np.ones(self.coarse, np.float32),
            np.zeros(self.coarse, np.float32),
        )
        self.cells = Cells()

    def refine(self, field_: Field) -> Field:
        """A coarse field at one pixel a micron."""
        return enlarge(field_, self.fine)

    def at(self, raster: NDArray[Scalar], points: Real) -> NDArray[Scalar]:
        """Values of a coarse raster at points (n, 2) in microns."""
        row = np.clip(points[:, 1].astype(np.intp) // COARSE, 0, self.coarse[0] - 1)
        column = np.clip(points[:, 0].astype(np.intp) // COARSE, 0, self.coarse[1] - 1)
        return raster[row, column]

    def lay(
        self, cover: Real, eosin: Real | float, haematoxylin: Real | float, window: Window
    ) -> None:
        """Covers the window with stain amounts, as opaquely as ``cover`` (0 to 1) says."""
        for raster, amount in ((self.eosin, eosin), (self.haematoxylin, haematoxylin)):
            part = raster[window.rows, window.columns]
            part += cover * (amount - part)

    def whole(self) -> Window:
        return Window(slice(0, self.fine[0]), slice(0, self.fine[1]))

    def scatter(
        self, random: Random, spacing: float, jitter: float, window: Window | None = None
    ) -> NDArray[np.float32]:
        """Points (n, 2) on a jittered hexagonal grid over the window, in microns."""
        window = window or self.whole()
        top, left = window.rows.start, window.columns.start
        height, width = window.rows.stop - top, window.columns.stop - left
        step = spacing * np.sqrt(3) / 2
        rows, columns = int(height / step) + 2, int(width / spacing) + 2
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
        x = (x + 0.5 * (y % 2)) * spacing + left
        y = y * step + top
        points = np.stack([x.ravel(), y.ravel()], axis=1)
        points += random.normal(0, jitter * spacing, points.shape)
        inside = (
            (points[:, 0] > left)
            & (points[:, 0] < left + width)
            & (points[:, 1] > top)
            & (points[:, 1] < top + height)
        )
        return np.asarray(points[inside], np.float32)


@dataclass(frozen=True)
class Window:
    """Rows and columns of the fine raster."""

    rows: slice
    columns: slice

    def at(self, raster: Field, points: Real) -> Field:
        """Values at points (n, 2), in microns, of a raster that covers the window."""
        row = np.clip(points[:, 1].astype(np.intp) - self.rows.start, 0, raster.shape[0] - 1)
        column = np.clip(points[:, 0].astype(np.intp) - self.columns.start, 0, raster.shape[1] - 1)
        return np.asarray(raster[row, column])

    @property
    def coarse(self) -> tuple[slice, slice]:
        """The same window of a coarse raster (its bounds are multiples of :data:`COARSE`)."""
        return (
            slice(self.rows.start // COARSE, self.rows.stop // COARSE),
            slice(self.columns.start // COARSE, self.columns.stop // COARSE),
        )
