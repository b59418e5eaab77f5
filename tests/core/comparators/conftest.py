from __future__ import annotations

import pytest
from comparing import small_bags

from momkd_core.comparators.comparator import TrainingSlide


@pytest.fixture
def bags() -> list[TrainingSlide]:
    return small_bags()
