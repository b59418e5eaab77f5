"""Encoders of other packages: entry points of the group ``momkd.encoders``.

An entry point's name is the encoder's, and it leads to a callable without arguments that returns an
:class:`~momkd_core.patch_encoder.EncoderEntry`. The package is imported when its encoder is asked for.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from momkd_core.errors import EncoderError
from momkd_core.patch_encoder import EncoderEntry

GROUP = "momkd.encoders"


def plugin_names() -> list[str]:
    """Names that installed packages offer; nothing is imported."""
    return sorted(entry_points(group=GROUP).names)


def plugin_entry(name: str) -> EncoderEntry | None:
    """The encoder of that name, or None where no package offers it.

    Raises:
        EncoderError: the package fails, or gives something else.
    """
    for point in entry_points(group=GROUP, name=name):
        return _entry(point)
    return None


def _entry(point: EntryPoint) -> EncoderEntry:
    package = point.dist.name if point.dist else point.value
    try:
        entry = point.load()()
    # It is another package's code: whatever breaks there is said with its name.
    except Exception as error:
        raise EncoderError(
            f"Encoder {point.name} of the package {package} fails "
            f"({type(error).__name__}: {error})",
            f"Update or uninstall {package}",
        ) from error
    if not isinstance(entry, EncoderEntry) or entry.name != point.name:
        raise EncoderError(
            f"{point.value} of the package {package} gives no EncoderEntry named {point.name}",
            f"Update or uninstall {package}",
        )
    return entry
