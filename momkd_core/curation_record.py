"""Who left which components of a model out, and why: the part of a model card that curation writes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CurationStep(BaseModel):
    """One curation of a model, as its file keeps it.

    Attributes:
        who: the person's name, as given.
        why: the reason, as given.
        when: UTC, ISO 8601, to the second.
        muted: components left out from then on, by memory; not what this step added.
        from_sha256: of the model file that was curated.
    """

    model_config = ConfigDict(frozen=True)

    who: str = Field(min_length=1)
    why: str = Field(min_length=1)
    when: str
    muted: dict[str, tuple[int, ...]]
    from_sha256: str
