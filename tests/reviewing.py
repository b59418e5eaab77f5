"""Verdicts for tests."""

from __future__ import annotations

from momkd_core.review import Subject, Verdict

MODEL = "a" * 64
C3 = Subject("positive", 3)


def verdict(subject: Subject = C3, reviewer: str = "Anna", model: str = MODEL, **said) -> Verdict:  # type: ignore[no-untyped-def]
    said = said or {"term": "tumour"}
    return Verdict(subject=subject, reviewer=reviewer, model_sha256=model, **said)
