"""EfficientNet-Lite0 as a patch encoder: 1280 features from an RGB patch.

Architecture: Tan & Le, "EfficientNet" (ICML 2019), in the *Lite* variant that TensorFlow published
in 2020: no squeeze-and-excitation, ReLU6 instead of swish, stem and head of fixed width.
Convolutions pad as TensorFlow's ``SAME`` does, which is asymmetric for stride 2.

Two forms of the same function live here. :class:`EfficientNetLite0` is the plain network, whose
parameter names are those of the published weights; :func:`fold` gives an equivalent network with
batch normalisation folded into the convolutions, which is what runs in production.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

FEATURES = 1280
_BATCH_NORM_EPS = 1e-3  # of the TensorFlow original; PyTorch's own default is 1e-5

# (repeats, kernel, stride, expansion, channels out), from the paper's Table 1 with Lite's widths.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConv2d(nn.Conv2d):
    """Convolution padded like TensorFlow's ``SAME`` for inputs whose side is even.

    For stride 2 the padding is one larger at the bottom and right, so it is added before the
    convolution; for stride 1 it is symmetric and the convolution does it itself.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        total = kernel - stride
        symmetric = total % 2 == 0
        super().__init__(
            inputs,
            outputs,
            kernel,
            stride,
            padding=total // 2 if symmetric else 0,
            groups=groups,
            bias=False,
        )
        low, high = total // 2, total - total // 2
        self.asymmetric = None if symmetric else (low, high, low, high)

    def forward(self, input: Tensor) -> Tensor:
        if self.asymmetric is not None:
            input = F.pad(input, self.asymmetric)
        output: Tensor = self._conv_forward(input, self.weight, self.bias)
        return output


class _Block(nn.Module):
    """Inverted residual: expand (1x1), filter each channel (k x k), project (1x1)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        width = inputs * expansion
        self._expand_conv: nn.Module | None = None
        if expansion != 1:
            self._expand_conv = SameConv2d(inputs, width, 1)
            self._bn0: nn.Module = nn.BatchNorm2d(width, eps=_BATCH_NORM_EPS)
        self._depthwise_conv: nn.Module = SameConv2d(width, width, kernel, stride, groups=width)
        self._bn1: nn.Module = nn.BatchNorm2d(width, eps=_BATCH_NORM_EPS)
        self._project_conv: nn.Module = SameConv2d(width, outputs, 1)
        self._bn2: nn.Module = nn.BatchNorm2d(outputs, eps=_BATCH_NORM_EPS)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x
        if self._expand_conv is not None:
            y = F.relu6(self._bn0(self._expand_conv(y)))
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        result: Tensor = x + y if self.residual else y
        return result


class EfficientNetLite0(nn.Module):
    """Patches (B, 3, H, W), normalised, H and W multiples of 32 -> features (B, 1280)."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem: nn.Module = SameConv2d(3, 32, 3, stride=2)
        self._bn0: nn.Module = nn.BatchNorm2d(32, eps=_BATCH_NORM_EPS)
        blocks: list[nn.Module] = []
        inputs = 32
        for repeats, kernel, stride, expansion, outputs in _STAGES:
            for index in range(repeats):
                blocks.append(
                    _Block(inputs, outputs, kernel, stride if index == 0 else 1, expansion)
                )
                inputs = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head: nn.Module = SameConv2d(inputs, FEATURES, 1)
        self._bn1: nn.Module = nn.BatchNorm2d(FEATURES, eps=_BATCH_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        features: Tensor = x.mean(dim=(2, 3))
        return features


def fold(network: EfficientNetLite0) -> EfficientNetLite0:
    """Fold every batch normalisation into the convolution before it, in place.

    The result computes the same function in evaluation mode with a third of the memory traffic.
    """
    network.eval()
    _fold_pair(network, "_conv_stem", "_bn0")
    _fold_pair(network, "_conv_head", "_bn1")
    for block in network._blocks:
        if block._expand_conv is not None:
            _fold_pair(block, "_expand_conv", "_bn0")
        _fold_pair(block, "_depthwise_conv", "_bn1")
        _fold_pair(block, "_project_conv", "_bn2")
    return network


def _fold_pair(owner: nn.Module, convolution: str, normalisation: str) -> None:
    fused = fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, normalisation))
    setattr(owner, convolution, fused)
    setattr(owner, normalisation, nn.Identity())
