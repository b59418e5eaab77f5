"""Which comparison systems there are: their names here, their code imported when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from momkd_core.comparators.comparator import Comparator

# By name: module and class.
_CLASSES = {
    "abmil": ("abmil", "ABMIL"),
    "dsmil": ("dsmil", "DSMIL"),
    "transmil": ("transmil", "TransMIL"),
    "dtfd": ("dtfd", "DTFD"),
    "wikg": ("wikg", "WiKG"),
    "tdc": ("tdc", "TDC"),
    "mkd": ("mkd", "MKD"),
    "ghanet": ("ghanet", "GHANet"),
}

#: Their names, as ``momkd train --method`` takes them.
COMPARATORS = tuple(_CLASSES)


def comparator(name: str) -> type[Comparator]:
    """The class of a method. Raises :class:`KeyError` where there is none of the name."""
    module, kind = _CLASSES[name]
    found: type[Comparator] = getattr(import_module(f"momkd_core.comparators.{module}"), kind)
    return found
