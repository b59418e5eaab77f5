"""One name for each encoder, whatever another tool calls it."""

from __future__ import annotations

UNI2 = "uni2-h"
TIMM_PREFIX = "timm:"

# TRIDENT writes its own names into feature files (trident/patch_encoder_models/load.py).
_ELSEWHERE = {"uni_v2": UNI2}


def encoder_name(name: str) -> str:
    """Our name of an encoder that TRIDENT calls differently; any other name as it is."""
    return _ELSEWHERE.get(name, name)
