"""Gated attention over patches, the pooling that several comparison systems share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GatedAttention(nn.Module):
    """Ilse et al. 2018, eq. 9: w·(tanh(V h) ⊙ sigmoid(U h)), softmax over the patches."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.tanh = nn.Linear(width, hidden)
        self.gate = nn.Linear(width, hidden)
        self.logit = nn.Linear(hidden, 1)

    def forward(self, patches: Tensor) -> Tensor:
        """(N, D) → (N,) attention that sums to 1."""
        gated = torch.tanh(self.tanh(patches)) * torch.sigmoid(self.gate(patches))
        logits: Tensor = self.logit(gated)
        return torch.softmax(logits[:, 0], dim=0)
