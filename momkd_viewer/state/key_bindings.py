"""Which keys run which action: the table's, and what the user bound instead.

Keys are written as Qt writes them portably (``Ctrl+Shift+D``); modifiers may come in any order.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence

from momkd_core.errors import MomkdError

log = logging.getLogger(__name__)

_MODIFIERS = ("Ctrl", "Meta", "Alt", "Shift")


class KeyConflictError(MomkdError):
    """A key is taken already.

    Attributes:
        holder: name of the action that has it; None where the canvas itself takes the key.
    """

    def __init__(self, cause: str, cure: str, holder: str | None) -> None:
        super().__init__(cause, cure)
        self.holder = holder


def normalised(key: str) -> str:
    """A key with its modifiers in one order: ``shift+CTRL+d`` becomes ``Ctrl+Shift+D``."""
    text = key.strip()
    # The plus key is written last, so "Ctrl++" ends with it.
    head, last = (text[:-1], "+") if text.endswith("+") else text.rpartition("+")[::2]
    held = {part.strip().capitalize() for part in head.split("+") if part.strip()}
    unknown = held - set(_MODIFIERS)
    if not last or unknown:
        raise ValueError(f"{key!r} is no key")
    last = last.upper() if len(last) == 1 else last[0].upper() + last[1:]
    return "+".join([*(m for m in _MODIFIERS if m in held), last])


class KeyBindings:
    """Keys by action.

    Args:
        defaults: action -> keys, the first of which is shown.
        titles: action -> what a message calls it.
        reserved: key -> what the canvas does with it; no action may have it.
    """

    def __init__(
        self,
        defaults: Mapping[str, Sequence[str]],
        titles: Mapping[str, str],
        reserved: Mapping[str, str],
    ) -> None:
        self._defaults = {
            name: tuple(normalised(key) for key in keys) for name, keys in defaults.items()
        }
        self._titles = dict(titles)
        self._reserved = {normalised(key): use for key, use in reserved.items()}
        self._changed: dict[str, tuple[str, ...]] = {}

    # -- questions -------------------------------------------------------------------------------

    def keys_of(self, name: str) -> tuple[str, ...]:
        """An action's keys now: the user's, or the table's without those given away."""
        if name in self._changed:
            return self._changed[name]
        given = {key for keys in self._changed.values() for key in keys}
        return tuple(key for key in self._defaults[name] if key not in given)

    def is_changed(self, name: str) -> bool:
        return self.keys_of(name) != self._defaults[name]

    def holder(self, key: str) -> str | None:
        """The action that a key runs."""
        wanted = normalised(key)
        return next((name for name in self._defaults if wanted in self.keys_of(name)), None)

    # -- changes ---------------------------------------------------------------------------------

    def change(self, name: str, keys: Sequence[str], *, take: bool = False) -> None:
        """Binds an action to keys, in place of all it had; none leaves it without.

        Args:
            take: takes a key from the action that has it.

        Raises:
            KeyConflictError: a key is taken, by an action (without ``take``) or by the canvas.
        """
        wanted = tuple(dict.fromkeys(normalised(key) for key in keys))
        for key in wanted:
            self._check(name, key, take)
        for key in wanted:
            holder = self.holder(key)
            if holder not in (None, name) and holder is not None:
                self._set(holder, tuple(k for k in self.keys_of(holder) if k != key))
        self._set(name, wanted)

    def _check(self, name: str, key: str, take: bool) -> None:
        if key in self._reserved:
            raise KeyConflictError(
                f"{key} is kept for {self._reserved[key]}", "Choose another key", None
            )
        holder = self.holder(key)
        if holder is not None and holder != name and not take:
            raise KeyConflictError(
                f"{key} runs “{self._titles[holder]}”",
                "Choose another key, or take it from there",
                holder,
            )

    def _set(self, name: str, keys: tuple[str, ...]) -> None:
        if keys == self._defaults[name]:
            self._changed.pop(name, None)
        else:
            self._changed[name] = keys

    def reset(self, name: str) -> tuple[str, ...]:
        """Gives an action its own keys back; returns those that stay with another action."""
        self._changed.pop(name, None)
        return tuple(key for key in self._defaults[name] if key not in self.keys_of(name))

    def reset_all(self) -> None:
        self._changed.clear()

    # -- kept ------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """The user's changes alone: what the table says may change with the program."""
        return json.dumps({name: list(keys) for name, keys in sorted(self._changed.items())})

    def load_json(self, text: str) -> None:
        """Takes changes over that :meth:`to_json` gave; what is not usable is logged and left out."""
        self._changed.clear()
        try:
            kept = json.loads(text or "{}")
            for name, keys in kept.items():
                if name in self._defaults:
                    self._load(name, [normalised(key) for key in keys])
        except (ValueError, AttributeError, TypeError) as error:
            log.warning("Key bindings are not usable and left out: %s", error)

    def _load(self, name: str, keys: list[str]) -> None:
        taken = {key for others in self._changed.values() for key in others} | set(self._reserved)
        self._set(name, tuple(dict.fromkeys(key for key in keys if key not in taken)))
