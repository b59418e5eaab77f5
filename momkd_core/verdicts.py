"""A verdict: an expert's signed judgement on a component, a case, or a component in one case."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from momkd_core.component_names import MEMORIES
from momkd_core.errors import ReviewError

Credible = Literal["yes", "no", "unsure"]
CREDIBLE: tuple[Credible, ...] = ("yes", "no", "unsure")

# What patches mostly show; a review adds terms of its own.
TERMS = (
    "tumour",
    "in-situ",
    "stroma",
    "lymphocytes",
    "fat",
    "necrosis",
    "normal duct",
    "vessel",
    "background",
    "pen/artefact",
    "mixed",
)
LONGEST_NAME = 100
LONGEST_TERM = 40
LONGEST_NOTE = 10_000
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Subject:
    """What a verdict is on: a component, a case, or a component in one case.

    Attributes:
        memory: ``positive`` or ``negative``; None for a case as a whole.
        index: number of the component in its memory; None for a case as a whole.
        case_id: the case; None for a component over all cases.

    Raises:
        ReviewError: neither a component nor a case, or half a component.
    """

    memory: str | None = None
    index: int | None = None
    case_id: str | None = None

    def __post_init__(self) -> None:
        component = self.memory in MEMORIES and (self.index or 0) >= 0
        case_alone = self.memory is None and self.case_id is not None
        if not (component if self.index is not None else case_alone):
            raise ReviewError(
                f"{self.memory} {self.index} is no component",
                "Give a memory (positive or negative) and a number from 0 on, or a case alone",
            )
        if self.case_id is not None:
            storable(self.case_id, "A case", None)
            if not self.case_id:
                raise ReviewError("The case of a verdict has no name", "Give its case_id")

    def __str__(self) -> str:
        component = "" if self.memory is None else f"{self.memory} {self.index}"
        case = "" if self.case_id is None else f"case {self.case_id}"
        return " in ".join(part for part in (component, case) if part)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One row of a review; a later row of the same reviewer, model and subject takes its place.

    Attributes:
        subject: what is judged.
        term: what tissue it is, one of the review's terms; None where that is left open.
        credible: whether the model may rely on it; None where that is left open.
        note: free text, ``""`` where there is none.
        reviewer: who judges.
        model_sha256: the model whose component or case this is.
        time: when, with a time zone; kept in UTC.
        blinded: given while polarity, genes and others' verdicts were hidden.
        withdrawn: the reviewer takes the judgement back; it counts no more.
        number: order in the database, from 1; 0 until it is recorded.
        undoes: number of the row that an undo took back; None for a row that is no undo.

    Raises:
        ReviewError: without reviewer, model, time zone or content, or with text that cannot be kept.
    """

    subject: Subject
    reviewer: str
    model_sha256: str
    term: str | None = None
    credible: Credible | None = None
    note: str = ""
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    blinded: bool = False
    withdrawn: bool = False
    number: int = 0
    undoes: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "reviewer", reviewer_name(self.reviewer))
        storable(self.note, "A note", LONGEST_NOTE)
        if not _SHA256.fullmatch(self.model_sha256):
            raise ReviewError(
                f"{self.model_sha256!r} is not a model's SHA-256", "Take it from the loaded model"
            )
        if self.credible not in (None, *CREDIBLE):
            raise ReviewError(
                f"{self.credible!r} is no answer to whether it is credible",
                f"Answer {', '.join(CREDIBLE)}, or leave it open",
            )
        if self.time.tzinfo is None:
            raise ReviewError("The time of a verdict has no time zone", "Give it in UTC")
        object.__setattr__(self, "time", self.time.astimezone(UTC))
        if not (self.withdrawn or self.term or self.credible or self.note.strip()):
            raise ReviewError(
                f"The verdict on {self.subject} says nothing",
                "Choose a term, say whether it is credible, or write a note",
            )

    def as_json(self) -> dict[str, Any]:
        """One flat object, as ``momkd verdicts --json`` and ``--csv`` write it."""
        return {
            "number": self.number,
            "model_sha256": self.model_sha256,
            "memory": self.subject.memory,
            "index": self.subject.index,
            "case_id": self.subject.case_id,
            "term": self.term,
            "credible": self.credible,
            "note": self.note,
            "reviewer": self.reviewer,
            "time": self.time.isoformat(timespec="seconds"),
            "blinded": self.blinded,
            "withdrawn": self.withdrawn,
            "undoes": self.undoes,
        }


@lru_cache
def reviewer_name(text: str) -> str:
    """A name with single spaces and composed accents, so that one person is not counted as two.

    Raises:
        ReviewError: empty, too long, or not storable.
    """
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not name:
        raise ReviewError("The verdict has no reviewer", "Say who you are")
    return storable(name, "A reviewer's name", LONGEST_NAME)


def storable(text: str, what: str, longest: int | None) -> str:
    """The text, if either database keeps it as it is. Raises :class:`ReviewError`."""
    if longest is not None and len(text) > longest:
        raise ReviewError(
            f"{what} of {len(text):,} characters is too long", f"Keep it to {longest:,} characters"
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        sound = False
    else:
        sound = "\x00" not in text
    if not sound:
        raise ReviewError(f"{what} holds characters that are no text", "Type it again")
    return text
