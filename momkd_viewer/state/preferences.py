"""What the user prefers, with limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from momkd_core.errors import MomkdError, ReviewError
from momkd_core.verdicts import reviewer_name
from momkd_viewer.state.theme import THEME_CHOICES

#: Limits of the tile cache in MiB: below, a large screen does not fit; above, other programs starve.
CACHE_MIB = (64, 8192)
READERS = (0, 32)


class PreferenceError(MomkdError):
    """A preference has an impossible value."""


@dataclass(frozen=True)
class Preferences:
    """Preferences of one user.

    Attributes:
        cache_mib: memory for tiles, MiB.
        theme: dark, light or system.
        colour_managed: whether slides' colour profiles are applied.
        readers: threads that read tiles of a slide; 0 for one a processor core.
        reviewer: who signs verdicts; '' until the first.
        review: file or ``postgresql://`` URL where verdicts are kept; '' for the user's own file.
    """

    cache_mib: int = 256
    theme: str = "dark"
    colour_managed: bool = True
    readers: int = 0
    reviewer: str = ""
    review: str = ""

    def __post_init__(self) -> None:
        _check("Memory for tiles", self.cache_mib, CACHE_MIB, "MiB")
        _check("The number of readers", self.readers, READERS, "threads")
        if self.reviewer:
            object.__setattr__(self, "reviewer", _signature(self.reviewer))
        check_review(self.review)
        if self.theme not in THEME_CHOICES:
            raise PreferenceError(
                f"There is no theme {self.theme!r}", f"Choose one of: {', '.join(THEME_CHOICES)}"
            )

    @classmethod
    def from_kept(cls, kept: Mapping[str, object]) -> Preferences:
        """From strings as settings files hold them; a value that is not usable takes its default."""
        values: dict[str, object] = {}
        for field in fields(cls):
            raw = kept.get(field.name)
            if raw is None:
                continue
            try:
                value = _converted(raw, field.default)
                cls(**{field.name: value})  # type: ignore[arg-type]  # checks it alone
            except (ValueError, KeyError, PreferenceError):
                continue
            values[field.name] = value
        return cls(**values)  # type: ignore[arg-type]


def _converted(raw: object, default: object) -> object:
    text = str(raw).strip()
    if isinstance(default, bool):
        return {"true": True, "false": False}[text.lower()] if text else default
    return int(text) if isinstance(default, int) else text


def _check(what: str, value: int, limits: tuple[int, int], unit: str) -> None:
    low, high = limits
    if not low <= value <= high:
        raise PreferenceError(f"{what} cannot be {value} {unit}", f"Choose {low} to {high}")


def _signature(text: str) -> str:
    try:
        return reviewer_name(text)
    except ReviewError as error:
        raise PreferenceError(error.cause, error.cure) from error


def check_review(where: str) -> None:
    """Refuses a place for verdicts that is no file or PostgreSQL, or that holds a password.

    A settings file is no place for passwords, and a dialog would show it.

    Raises:
        PreferenceError
    """
    scheme, separator, rest = where.partition("://")
    if not separator:
        return
    if scheme not in ("postgresql", "postgres"):
        raise PreferenceError(
            "Verdicts are kept in a file or in PostgreSQL",
            "Give the path of a file, or postgresql://user@host/database",
        )
    user = rest.partition("/")[0].rpartition("@")[0]
    if ":" in user or "password" in rest.partition("?")[2].lower():
        raise PreferenceError(
            "The address of the review holds a password, which would be kept where others may read it",
            "Leave it out, and put it into ~/.pgpass, or into the address in MOMKD_REVIEW",
        )
