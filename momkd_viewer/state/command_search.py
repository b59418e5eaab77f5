"""Finds commands by what is typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """An entry of the command palette.

    Attributes:
        name: of the action.
        title: menu and text, as it is shown.
        key: as it is shown; may be empty.
        tip: what it does.
        enabled: whether it can be run now.
    """

    name: str
    title: str
    key: str = ""
    tip: str = ""
    enabled: bool = True


def found(typed: str, commands: Sequence[Command]) -> list[Command]:
    """Commands that hold every typed word, the best first; all of them, in order, for no word.

    A word at the start of a word of the title counts most, then inside one, then in the tip.
    """
    words = typed.casefold().split()
    ranked = []
    for position, command in enumerate(commands):
        ranks = [_rank(word, command) for word in words]
        if None not in ranks:
            ranked.append((sum(rank for rank in ranks if rank is not None), position, command))
    return [command for _, _, command in sorted(ranked, key=lambda entry: entry[:2])]


def _rank(word: str, command: Command) -> int | None:
    title = command.title.casefold()
    if any(part.startswith(word) for part in title.replace("▸", " ").split()):
        return 0
    if word in title:
        return 1
    if word in command.tip.casefold() or word == command.key.casefold():
        return 2
    return None
