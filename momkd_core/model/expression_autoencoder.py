"""The expression branch (the paper's omics encoder): a two-layer encoder and its mirror,
trained to reconstruct expression."""

from __future__ import annotations

from torch import Tensor, nn

from momkd_core.settings import ModelSettings

_HIDDEN = 512  # of the authors' public model; the paper says "a lightweight MLP"


class ExpressionAutoencoder(nn.Module):
    """Expression (G,) to its embedding F_omics (D,) and back."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        genes, width, dropout = settings.genes, settings.hidden_width, settings.dropout
        self.encoder = _mlp(genes, width, dropout)
        self.decoder = _mlp(width, genes, dropout)

    def forward(self, expression: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (D,) and reconstruction (G,)."""
        embedding = self.encoder(expression)
        return embedding, self.decoder(embedding)


def _mlp(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, _HIDDEN),
        nn.LayerNorm(_HIDDEN),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(_HIDDEN, outputs),
    )
