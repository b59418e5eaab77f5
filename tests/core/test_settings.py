"""Presets, assignments, ablations."""

from __future__ import annotations

import pytest

from momkd_core.errors import SettingsError
from momkd_core.settings import ABLATED_WEIGHTS, TrainingSettings, choose


@pytest.mark.parametrize("ablation", sorted(ABLATED_WEIGHTS))
@pytest.mark.parametrize("preset", ["paper", "reference"])
def test_an_ablation_leaves_out_what_it_says(ablation: str, preset: str) -> None:
    _, full = choose(preset, [])  # type: ignore[arg-type]
    _, settings = choose(preset, [f"ablation={ablation}"])  # type: ignore[arg-type]
    gone = set(ABLATED_WEIGHTS[settings.ablation])
    for name, value in full.model_dump().items():
        if name != "ablation":
            assert getattr(settings, name) == (0 if name in gone else value), name


def test_contradictions_are_refused() -> None:
    with pytest.raises(SettingsError, match="leaves align_slide_weight out"):
        choose("paper", ["ablation=wsi-only", "align_slide_weight=0.5"])
    with pytest.raises(SettingsError, match="ablation"):
        TrainingSettings(ablation="wsi-only")
    with pytest.raises(SettingsError, match="ablation"):
        choose("paper", ["ablation=none"])
