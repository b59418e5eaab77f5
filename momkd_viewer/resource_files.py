"""Finds icons and styles: inside the installed package, or in the checkout's ``resources``.

A top-level folder is not part of an editable install, hence the second place.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """Path of a resource such as ``styles/window.qss``."""
    for folder in (_PACKAGE / "resources", _PACKAGE.parent / "resources"):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"the resource {name} is not installed")
