"""The engine of MoMKD Viewer: train and run Momentum Memory Knowledge Distillation.

The names below are the public Python interface; everything loads on first use, so that importing
the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from momkd_core.checkpoint import load_model as load_model
    from momkd_core.errors import MomkdError as MomkdError
    from momkd_core.features import read_features as read_features
    from momkd_core.prediction import predict as predict

_PUBLIC = {
    "load_model": "momkd_core.checkpoint",
    "predict": "momkd_core.prediction",
    "read_features": "momkd_core.features",
    "MomkdError": "momkd_core.errors",
}

__all__ = ["MomkdError", "__version__", "load_model", "predict", "read_features"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
