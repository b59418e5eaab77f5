"""The engine's scale bar, for widgets, which know nothing of the engine."""

from __future__ import annotations

from momkd_core.scale_bar import ScaleBar as ScaleBar
from momkd_core.scale_bar import scale_bar as scale_bar
