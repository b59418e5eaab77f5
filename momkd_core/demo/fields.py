"""Smooth random fields and rasters: the raw material of drawn tissue.

Everything is a float32 raster of ``(rows, columns)``; a wavelength is in pixels of that raster.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Field = NDArray[np.float32]
#: What a function takes where the precision does not matter.
Real = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Random = np.random.Generator

_CHUNK = 32768  # points that are followed at once: their arrays stay in the processor's cache


def enlarge(field: Field, shape: tuple[int, int]) -> Field:
    """The field at another size, interpolated."""
    image = Image.fromarray(np.ascontiguousarray(field))
    return np.array(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def noise(random: Random, shape: tuple[int, int], wavelength: float, octaves: int = 1) -> Field:
    """Smooth noise of mean 0 and standard deviation 1; each octave halves length and strength."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        step = wavelength / 2**octave
        rows, columns = math.ceil(shape[0] / step) + 3, math.ceil(shape[1] / step) + 3
        grid = random.standard_normal((rows, columns)).astype(np.float32)
        whole = enlarge(grid, (math.ceil(rows * step), math.ceil(columns * step)))
        top, left = (int(v * step) for v in random.random(2) + 0.5)
        total += whole[top : top + shape[0], left : left + shape[1]] / np.float32(2**octave)
    total -= total.mean()
    return np.asarray(total / (total.std() + 1e-6), np.float32)


def signed_distance(mask: Mask, pixel: float) -> Field:
    """Distance to the border of a mask in the units of ``pixel``, positive inside."""
    inside = ndimage.distance_transform_edt(mask)
    outside = ndimage.distance_transform_edt(~mask)
    # The mask's staircase would show as soon as the distance is enlarged.
    smooth = ndimage.gaussian_filter((inside - outside).astype(np.float32), 1.3)
    return np.asarray(smooth * pixel, np.float32)


def smoothstep(field: Real, low: float, high: float) -> Field:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((field - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def smear(texture: Field, flow: tuple[Field, Field], where: Mask, reach: float) -> Field:
    """A texture drawn out along a flow, where ``where`` is set (line integral convolution).

    Args:
        flow: unit vectors (x, y) at the texture's size or a whole fraction of it.
        reach: how far along the flow, in pixels, in either direction.

    Source: Cabral and Leedom, "Imaging vector fields using line integral convolution", 1993.
    """
    rows, columns = texture.shape
    coarse = rows // flow[0].shape[0]
    along_x, along_y = (np.ascontiguousarray(part).ravel() for part in flow)
    flow_rows, flow_columns = flow[0].shape
    start_y, start_x = (v.astype(np.float32) for v in np.nonzero(where))
    flat = texture.ravel()
    total = np.zeros(len(start_x), np.float32)
    step = 1.5
    steps = max(1, round(reach / step))
    for low in range(0, len(total), _CHUNK):
        part = slice(low, low + _CHUNK)
        for sign in (-1.0, 1.0):
            x, y = start_x[part].copy(), start_y[part].copy()
            heading_x, heading_y = np.float32(sign), np.float32(0)
            for _ in range(steps):
                at = np.minimum(y.astype(np.int32) // coarse, flow_rows - 1) * flow_columns
                at += np.minimum(x.astype(np.int32) // coarse, flow_columns - 1)
                go_x, go_y = along_x[at], along_y[at]
                # A fibre's direction has no sign: go on, never back.
                turn = np.copysign(np.float32(step), go_x * heading_x + go_y * heading_y)
                heading_x, heading_y = go_x * turn, go_y * turn
                x += heading_x
                y += heading_y
                np.clip(x, 0, columns - 1, out=x)
                np.clip(y, 0, rows - 1, out=y)
                total[part] += flat[y.astype(np.int32) * columns + x.astype(np.int32)]
    result = np.zeros(texture.shape, np.float32)
    if len(total):
        result[where] = (total - total.mean()) / (total.std() + 1e-6)
    return result
