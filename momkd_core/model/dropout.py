"""Dropout whose random numbers do not take longer than the matrices it is applied between.

PyTorch draws one number after the other for every element on the processor: for 4,000 patches of 512
channels longer than any other operation of the encoder. Here one 64-bit draw serves four elements.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_STEPS = 1 << 16


def kept(shape: tuple[int, ...], rate: float) -> Tensor:
    """A mask of ``shape``: 0 with probability ``rate``, else 1 / (1 - rate); float32.

    The rate is rounded to 1/65536, and the factor is that of the rounded rate, so the mean is 1.
    """
    count = 1
    for length in shape:
        count *= length
    drawn = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    dropped = round(rate * _STEPS)
    stays = drawn.view(torch.int16)[:count].view(shape) >= dropped - _STEPS // 2
    return stays.to(torch.float32).mul_(_STEPS / (_STEPS - dropped))


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """``torch.nn.functional.dropout``, drawn as above on the processor."""
    if not training or rate == 0.0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, rate)
    return x * kept(tuple(x.shape), rate)
