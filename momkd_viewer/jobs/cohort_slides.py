"""The listed cohort's slides after the graph encoder, shared by whoever reads the cohort."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from momkd_core.encoded_cases import EncodedCases


class CohortSlides:
    """Keeps them between jobs, so that one muting encodes nothing that another reading has.

    The engine is imported by the first job that asks: torch takes seconds.
    """

    @cached_property
    def encoded(self) -> EncodedCases:
        """For jobs."""
        from momkd_core.encoded_cases import EncodedCases

        return EncodedCases()

    def clear(self) -> None:
        """For another cohort."""
        if "encoded" in self.__dict__:
            self.encoded.clear()
