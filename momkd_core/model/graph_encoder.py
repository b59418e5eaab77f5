"""The G-encoder of Fig. 2: two layers of GATv2 over the patch graph.

GATv2: Brody, Alon & Yahav, "How Attentive are Graph Attention Networks?" (arXiv:2105.14491).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import GATv2Conv

from momkd_core.settings import ModelSettings


class GraphEncoder(nn.Module):
    """Patch features (I, feature_width) and edges (2, E) to encoded patches (I, hidden_width).

    Each layer: GATv2, layer norm, ELU, residual. The output is the element-wise maximum of both
    layers (jumping knowledge). Self-loops are added by the layers.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        inputs, width, heads = settings.feature_width, settings.hidden_width, settings.heads
        self.layer1 = GATv2Conv(inputs, width // heads, heads=heads, dropout=settings.dropout)
        self.layer2 = GATv2Conv(width, width // heads, heads=heads, dropout=settings.dropout)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.residual = nn.Linear(inputs, width) if inputs != width else nn.Identity()
        self.dropout = settings.dropout

    def forward(self, features: Tensor, edges: Tensor) -> Tensor:
        first = self._activate(self.norm1(self.layer1(features, edges))) + self.residual(features)
        second = self._activate(self.norm2(self.layer2(first, edges))) + first
        return torch.maximum(first, second)

    def _activate(self, x: Tensor) -> Tensor:
        return F.dropout(F.elu(x), self.dropout, self.training)
