"""The G-encoder of Fig. 2: two layers of GATv2 over the patch graph.

GATv2: Brody, Alon & Yahav, "How Attentive are Graph Attention Networks?" (arXiv:2105.14491).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from momkd_core.model.dropout import dropout
from momkd_core.model.neighbour_attention import NeighbourAttention
from momkd_core.model.neighbourhood import Neighbourhood
from momkd_core.settings import ModelSettings


class GraphEncoder(nn.Module):
    """Patch features (I, feature_width) and their graph to encoded patches (I, hidden_width).

    Each layer: GATv2, layer norm, ELU, residual. The output is the element-wise maximum of both
    layers (jumping knowledge). The layers let a patch gather from itself too.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        inputs, width, heads = settings.feature_width, settings.hidden_width, settings.heads
        self.layer1 = NeighbourAttention(
            inputs, width // heads, heads=heads, dropout=settings.dropout
        )
        self.layer2 = NeighbourAttention(
            width, width // heads, heads=heads, dropout=settings.dropout
        )
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.residual = nn.Linear(inputs, width) if inputs != width else nn.Identity()
        self.dropout = settings.dropout

    def forward(self, features: Tensor, graph: Tensor | Neighbourhood) -> Tensor:
        first = F.elu(self.norm1(self.layer1(features, graph)))
        first = dropout(first, self.dropout, self.training) + self.residual(features)
        # The second layer is `first` plus its activation, so the maximum of both is `first` plus the
        # activation where that is positive; and where it is, ELU is the identity.
        second = F.relu(self.norm2(self.layer2(first, graph)))
        out: Tensor = first + dropout(second, self.dropout, self.training)
        return out
