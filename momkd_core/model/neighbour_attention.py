"""GATv2 over a fixed-degree graph: the numbers of torch-geometric's layer, at the cost of its matrices.

torch-geometric's ``GATv2Conv`` is the layer of record. It writes a vector of the full width for every
edge several times, forward and backward. Here a patch gathers its K neighbours' vectors while they are
in the cache, and nothing of the size of the edges is kept: the backward pass computes it again.

The kernels are plain PyTorch. Taken a few rows at a time they run from the cache (:data:`EAGER`);
where a C++ compiler is found, torch.compile makes each a single loop (:func:`compiled_kernels`).

Symbols: I patches, K neighbours, H heads of C channels, M places (see
:class:`~momkd_core.model.neighbourhood.Neighbourhood`). GATv2: Brody, Alon & Yahav (arXiv:2105.14491).
"""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from momkd_core.model.dropout import kept
from momkd_core.model.neighbourhood import Neighbourhood
from momkd_core.processor import compiler_found

if TYPE_CHECKING:
    from torch_geometric.nn import GATv2Conv

log = logging.getLogger(__name__)

_ROWS = 64  # of 9 neighbours and 512 channels: about 1 MB, half of a current core's cache
_SLOPE = 0.2  # of the leaky ReLU: GATv2Conv's default
_PADDING = 4  # a reverse table wider than this many times K is mostly padding


class Kernels(NamedTuple):
    """The loops over neighbours.

    Attributes:
        attend: forward.
        own_gradient, source_gradient: backward, where ``rows`` is None.
        rows: patches taken at a time, or None for all at once.
    """

    attend: Callable[..., tuple[Tensor, Tensor]]
    own_gradient: Callable[..., tuple[Tensor, Tensor, Tensor]]
    source_gradient: Callable[..., Tensor]
    rows: int | None


def _attend(
    source: Tensor, own: Tensor, weight: Tensor, sources: Tensor, keep: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Attention (i, K, H) of a block's patches over their neighbours, and the outcome (i, H, C).

    Args:
        source: (I, H, C) of all patches; own: (i, H, C) of the block's.
        weight: (H, C); sources: (i, K); keep: dropout's mask (i, K, H).
    """
    neighbours = source[sources]
    joined = F.leaky_relu(neighbours + own[:, None], _SLOPE)
    attention = torch.softmax((joined * weight).sum(-1), dim=1)
    kept_attention = attention if keep is None else attention * keep
    return attention, (kept_attention[..., None] * neighbours).sum(1)


def _through_slope(logit_gradient: Tensor, joined: Tensor) -> Tensor:
    """(i, k, H) spread over channels, times the leaky ReLU's slope at ``joined`` (i, k, H, C)."""
    if torch.compiler.is_compiling():
        return torch.where(joined > 0, 1.0, _SLOPE) * logit_gradient[..., None]
    # PyTorch's own backward of the leaky ReLU: one pass over the block, where comparing and choosing
    # take ten times as long.
    spread = logit_gradient[..., None].expand_as(joined)
    return cast(Tensor, torch.ops.aten.leaky_relu_backward(spread, joined, _SLOPE, False))


def _of_logit(
    neighbours: Tensor, attention: Tensor, keep: Tensor | None, gradient: Tensor
) -> Tensor:
    """Gradient (i, K, H) of the logits below the softmax, from the outcome's (i, H, C)."""
    of_attention = (gradient[:, None] * neighbours).sum(-1)
    if keep is not None:
        of_attention = of_attention * keep
    return attention * (of_attention - (attention * of_attention).sum(1, keepdim=True))


def _own_gradient(
    source: Tensor,
    own: Tensor,
    weight: Tensor,
    sources: Tensor,
    keep: Tensor | None,
    attention: Tensor,
    gradient: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits' (i, K, H), ``own``'s (i, H, C), and, patch by patch, (i, H, C) of the weight's."""
    neighbours = source[sources]
    of_logit = _of_logit(neighbours, attention, keep, gradient)
    joined = neighbours + own[:, None]
    inner = _through_slope(of_logit, joined)
    return of_logit, inner.sum(1) * weight, (inner * joined).sum(1)


def _source_gradient(
    source: Tensor,
    own: Tensor,
    weight: Tensor,
    gatherers: Tensor,
    attention: Tensor,
    logit_gradient: Tensor,
    gradient: Tensor,
) -> Tensor:
    """Of ``source`` (i, H, C): what the M patches that gather from each hand back.

    Args:
        source: (i, H, C) of the block; ``own`` and ``gradient`` are everyone's.
        gatherers: (i, M); attention and logit_gradient: (i, M, H), 0 for padding.
    """
    joined = source[:, None] + own[gatherers]
    through_logit = _through_slope(logit_gradient, joined).sum(1) * weight
    return (attention[..., None] * gradient[gatherers]).sum(1) + through_logit


EAGER = Kernels(_attend, _own_gradient, _source_gradient, rows=_ROWS)


@functools.cache
def compiled_kernels() -> Kernels:
    """The kernels compiled for this processor, or :data:`EAGER` where that cannot be done.

    Compiling takes half a minute once; PyTorch keeps the outcome on disk.
    """
    if not compiler_found():
        log.info("No C++ compiler: the patch graph runs without compiled kernels")
        return EAGER
    compiled = Kernels(
        _compiled(_attend), _compiled(_own_gradient), _compiled(_source_gradient), rows=None
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _try(compiled)
    except Exception as error:  # noqa: BLE001
        # Whatever breaks in a user's toolchain, the plain kernels are right and at hand.
        log.warning("The patch graph runs without compiled kernels: %s", error)
        return EAGER
    return compiled


def _compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(kernel, dynamic=True, fullgraph=True)


def _try(kernels: Kernels) -> None:
    """Runs every kernel once, so that a compiler that does not work shows here."""
    sources = torch.tensor([[1, 2, 0], [0, 2, 1], [0, 1, 2], [1, 2, 3], [0, 3, 4]])
    source, own, weight = torch.randn(5, 2, 8), torch.randn(5, 2, 8), torch.randn(2, 8)
    for keep in (None, torch.ones(5, 3, 2)):
        attention, out = kernels.attend(source, own, weight, sources, keep)
        kernels.own_gradient(source, own, weight, sources, keep, attention, out)
    kernels.source_gradient(source, own, weight, sources, attention, attention, out)


def _of(mask: Tensor | None, block: slice) -> Tensor | None:
    return None if mask is None else mask[block]


def _joined(blocks: list[Tensor]) -> Tensor:
    return blocks[0] if len(blocks) == 1 else torch.cat(blocks)


def _blocks(total: int, rows: int | None) -> list[slice]:
    step = rows or total
    return [slice(start, start + step) for start in range(0, total, step)]


class _Attention(torch.autograd.Function):
    """source (I, H, C), own (I, H, C), weight (H, C) to (I, H, C); keeps nothing per edge's channel."""

    @staticmethod
    def forward(
        ctx: Any,
        source: Tensor,
        own: Tensor,
        weight: Tensor,
        keep: Tensor | None,
        graph: Neighbourhood,
        kernels: Kernels,
    ) -> Tensor:
        # Compiled code is made anew for tensors that ask for gradients; here none are to be traced.
        source, own, weight = source.detach(), own.detach(), weight.detach()
        attention, out = [], []
        for block in _blocks(len(graph), kernels.rows):
            part = kernels.attend(
                source, own[block], weight, graph.sources[block], _of(keep, block)
            )
            attention.append(part[0])
            out.append(part[1])
        ctx.graph, ctx.kernels = graph, kernels
        ctx.save_for_backward(source, own, weight, keep, _joined(attention))
        return _joined(out)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        source, own, weight, keep, attention = ctx.saved_tensors
        saved = _Saved(ctx.graph, source, own, weight, keep, attention, gradients[0].contiguous())
        if ctx.kernels.rows is not None or _mostly_padding(ctx.graph):
            found = _backward_in_blocks(saved, ctx.kernels.rows or _ROWS)
        else:
            found = _backward_by_gathering(saved, ctx.kernels)
        return *found, None, None, None


def _mostly_padding(graph: Neighbourhood) -> bool:
    """Whether some patch is the neighbour of so many that the reverse table is wide for all."""
    return graph.places.shape[1] > _PADDING * graph.sources.shape[1]


class _Saved(NamedTuple):
    """What the backward pass starts from; shapes as in :func:`_attend`, of all patches."""

    graph: Neighbourhood
    source: Tensor
    own: Tensor
    weight: Tensor
    keep: Tensor | None
    attention: Tensor
    gradient: Tensor


def _backward_in_blocks(s: _Saved, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of source, own and weight, block by block; what belongs to a source is added up in the
    order of the patches that gathered it."""
    of_source, of_weight, of_own = torch.zeros_like(s.source), torch.zeros_like(s.weight), []
    for block in _blocks(len(s.graph), rows):
        sources, attention, keep = s.graph.sources[block], s.attention[block], _of(s.keep, block)
        neighbours = s.source[sources]
        of_logit = _of_logit(neighbours, attention, keep, s.gradient[block])
        joined = neighbours + s.own[block, None]
        inner = _through_slope(of_logit, joined)
        of_weight += (inner * joined).sum((0, 1))
        inner = inner * s.weight
        of_own.append(inner.sum(1))
        used = attention if keep is None else attention * keep
        inner.addcmul_(used[..., None], s.gradient[block, None])
        of_source.index_add_(0, sources.flatten(), inner.flatten(0, 1))
    return of_source, torch.cat(of_own), of_weight


def _backward_by_gathering(s: _Saved, kernels: Kernels) -> tuple[Tensor, Tensor, Tensor]:
    """The same without adding in place: each source gathers from where it was gathered."""
    of_logit, of_own, of_weight = kernels.own_gradient(
        s.source, s.own, s.weight, s.graph.sources, s.keep, s.attention, s.gradient
    )
    used = s.attention if s.keep is None else s.attention * s.keep
    # One more row, of zeros, for the padding of `places`.
    padded = [F.pad(each.flatten(0, 1), (0, 0, 0, 1)) for each in (used, of_logit)]
    places, degree = s.graph.places, s.graph.sources.shape[1]
    gatherers = (places // degree).clamp_max(len(s.graph) - 1)
    of_source = kernels.source_gradient(
        s.source, s.own, s.weight, gatherers, padded[0][places], padded[1][places], s.gradient
    )
    return of_source, of_own, of_weight.sum(0)


class _Undrawn(nn.Linear):
    """Draws no first values: its owner does.

    ``to_empty`` after ``device="meta"`` comes to the same and imports SymPy, a second for every start.
    """

    def reset_parameters(self) -> None:
        pass


class NeighbourAttention(nn.Module):
    """A ``GATv2Conv`` that takes a :class:`Neighbourhood` the quick way, and edges as ever.

    It has that layer's parameters, by name and, from the same seed, by value.

    Attributes:
        kernels: :data:`EAGER`, or :func:`compiled_kernels`.
    """

    def __init__(self, inputs: int, channels: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.inputs, self.channels, self.heads, self.dropout = inputs, channels, heads, dropout
        self.lin_l = _Undrawn(inputs, heads * channels)
        self.lin_r = _Undrawn(inputs, heads * channels)
        self.att = nn.Parameter(torch.empty(1, heads, channels))
        self.bias = nn.Parameter(torch.zeros(heads * channels))
        self.kernels = EAGER
        # Twice, as torch-geometric does it: the random numbers that follow are the same.
        for linear in 2 * (self.lin_l, self.lin_r):
            _glorot(linear.weight)
            nn.init.uniform_(linear.bias, -(inputs**-0.5), inputs**-0.5)
        _glorot(self.att)

    @functools.cached_property
    def _of_record(self) -> GATv2Conv:
        """torch-geometric's layer with this one's parameters; nothing that a model file knows of."""
        # Imported here: it takes as long as torch itself, and no graph of fixed degree needs it.
        from torch_geometric.nn import GATv2Conv

        with torch.device("meta"):
            layer = GATv2Conv(self.inputs, self.channels, heads=self.heads, dropout=self.dropout)
        layer.lin_l, layer.lin_r = self.lin_l, self.lin_r
        layer.att, layer.bias = self.att, self.bias
        return layer

    def forward(self, x: Tensor, graph: Tensor | Neighbourhood) -> Tensor:
        """(I, inputs) to (I, heads · channels)."""
        if not isinstance(graph, Neighbourhood):
            return cast(Tensor, self._of_record.train(self.training)(x, graph))
        shape = (len(x), self.heads, self.channels)
        source, own = self.lin_l(x).view(shape), self.lin_r(x).view(shape)
        keep = None
        if self.training and self.dropout > 0:
            keep = kept((*graph.sources.shape, self.heads), self.dropout)
        out = _Attention.apply(  # type: ignore[no-untyped-call]
            source.to(self.att.dtype),
            own.to(self.att.dtype),
            self.att[0],
            keep,
            graph,
            self.kernels,
        )
        return cast(Tensor, out.flatten(1) + self.bias)


def _glorot(parameter: Tensor) -> None:
    """As torch-geometric's: by the last two axes, which for (1, H, C) is not what PyTorch's does."""
    bound = (6.0 / (parameter.size(-2) + parameter.size(-1))) ** 0.5
    nn.init.uniform_(parameter, -bound, bound)
