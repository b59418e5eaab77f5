"""Failures that a user can act on: every one says the cause, then the cure.

A :class:`MomkdError` reaches the user as ``error: cause. cure.`` (command line) or as a message
with both sentences (window). Anything else that escapes is a bug.
"""

from __future__ import annotations


class MomkdError(Exception):
    """A named failure.

    Args:
        cause: what went wrong, naming the file, row or value concerned.
        cure: what the user can do about it.
    """

    def __init__(self, cause: str, cure: str) -> None:
        self.cause = cause.rstrip(". ")
        self.cure = cure.rstrip(". ")
        super().__init__(f"{self.cause}. {self.cure}.")

    def __reduce__(self) -> tuple[type[MomkdError], tuple[str, str]]:
        # The default would replay ``args`` (one joined sentence) into a two-argument constructor,
        # so an error raised in a worker process would arrive as a TypeError.
        return type(self), (self.cause, self.cure)


class SlideError(MomkdError):
    """A slide cannot be opened, read, or lacks a fact that the work needs."""


class TissueError(MomkdError):
    """A slide holds no tissue, or too few patches for a graph."""


class FeatureError(MomkdError):
    """A feature file is unreadable, inconsistent, or made by another encoder."""


class EncoderError(MomkdError):
    """An encoder is unknown, lacks its weights or its package, or answers what it must not."""


class CohortError(MomkdError):
    """A cohort table has a row or a column that cannot be used."""


class ExpressionError(MomkdError):
    """An expression table cannot be used."""


class SettingsError(MomkdError):
    """A setting has an impossible value or an unknown name."""


class ModelFileError(MomkdError):
    """A model file or run folder cannot be read, or does not fit the input."""


class TrainingError(MomkdError):
    """Training cannot start or go on."""


class AtlasError(MomkdError):
    """A file of an atlas, or of the patches that it was made from, cannot be read."""


class AnnotationError(MomkdError):
    """A file of annotations cannot be read, or lacks the area that was asked for."""


class ReviewError(MomkdError):
    """Verdicts cannot be read or recorded, or one cannot be meant as it is."""


class LeakageError(MomkdError):
    """Something would be fitted on cases that are held out for the test, or parts share a group."""


class BundleError(MomkdError):
    """An evidence bundle cannot be read or made."""


class ClusterError(MomkdError):
    """Work cannot run where it was asked to, or its process ended."""


class ShareError(MomkdError):
    """A disk or network share did not answer, several times over."""


class OutputError(MomkdError):
    """A result cannot be written."""


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """The work was stopped on request, between two steps."""
