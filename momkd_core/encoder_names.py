"""One name for each encoder, whatever another tool calls it."""

from __future__ import annotations

UNI2 = "uni2-h"
TIMM_PREFIX = "timm:"

# Names that other tools write into feature files: TRIDENT (trident/patch_encoder_models/load.py) and
# STAMP (src/stamp/preprocessing/config.py).
_OF_TRIDENT = {"uni_v2": UNI2}
_OF_STAMP = {"mahmood-uni2": UNI2}
_ELSEWHERE = {**_OF_TRIDENT, **_OF_STAMP}


def encoder_name(name: str) -> str:
    """Our name of an encoder that TRIDENT or STAMP calls differently; any other name as it is."""
    return _ELSEWHERE.get(name, name)


def trident_name(name: str) -> str:
    """TRIDENT's name of an encoder; ours where it knows none."""
    return {ours: theirs for theirs, ours in _OF_TRIDENT.items()}.get(name, name)
