"""The patch graph as a table: every patch's neighbours in one row.

A graph in which every patch gathers from equally many others needs no list of edges. As a table it
makes the softmax over neighbours an ordinary one along a row, and its reverse, which says where each
patch is a neighbour, lets the backward pass gather too: nothing is added up in whatever order threads
arrive, so the bits are the same each time.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Neighbourhood:
    """Rows of a fixed-degree graph; I patches that each gather from K, themselves included.

    Attributes:
        sources: (I, K) int64; the last column is the patch itself.
    """

    sources: Tensor

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def nbytes(self) -> int:
        """Bytes held once a backward pass has asked for :attr:`places`."""
        return 3 * self.sources.nbytes

    @cached_property
    def places(self) -> Tensor:
        """(I, M) int64: where each patch occurs in ``sources.flatten()``, filled up with I·K."""
        flat = self.sources.flatten()
        count = torch.bincount(flat, minlength=len(self))
        order = torch.argsort(flat, stable=True)
        column = torch.arange(len(flat)) - (count.cumsum(0) - count)[flat[order]]
        places = torch.full((len(self), int(count.max())), len(flat), dtype=torch.int64)
        places[flat[order], column] = order
        return places

    def edges(self) -> Tensor:
        """(2, I (K - 1)) edges without the self-loops, as torch-geometric takes them."""
        others = self.sources[:, :-1]
        own = torch.arange(len(self)).repeat_interleave(others.shape[1])
        return torch.stack([others.flatten(), own])


def as_neighbourhood(edges: Tensor, patches: int) -> Neighbourhood | None:
    """The table of (2, E) edges, or None where patches gather from unequally many, or unsorted.

    Args:
        edges: row 0 the sources, row 1 the patches that gather, without self-loops.
        patches: I.
    """
    if edges.device.type != "cpu" or patches == 0 or edges.shape[1] % patches:
        return None
    degree = edges.shape[1] // patches
    own = torch.arange(patches)
    if not torch.equal(edges[1], own.repeat_interleave(degree)):
        return None
    table = edges[0].view(patches, degree)
    if (table == own[:, None]).any():
        return None
    return Neighbourhood(torch.cat([table, own[:, None]], dim=1))


def patch_graph(edges: Tensor, patches: int) -> Tensor | Neighbourhood:
    """The graph in the form that is quickest for it: a table where there is one, else its edges."""
    return as_neighbourhood(edges, patches) or edges


def side_by_side(
    graphs: Sequence[Tensor | Neighbourhood], patches: Sequence[int]
) -> Tensor | Neighbourhood:
    """Several graphs as one, block by block, without edges between them.

    Args:
        patches: how many each has.
    """
    tables = [graph for graph in graphs if isinstance(graph, Neighbourhood)]
    starts = [0, *itertools.accumulate(patches)]
    if len(tables) == len(graphs) and len({t.sources.shape[1] for t in tables}) == 1:
        return Neighbourhood(
            torch.cat([t.sources + start for t, start in zip(tables, starts, strict=False)])
        )
    listed = [graph.edges() if isinstance(graph, Neighbourhood) else graph for graph in graphs]
    return torch.cat([edges + start for edges, start in zip(listed, starts, strict=False)], dim=1)
