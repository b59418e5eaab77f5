"""Encoders by name: the bundled one, timm's, exported programs, those of other packages.

A name is looked up in this order: bundled, registered by the user (``momkd encoders --add``), offered
by an installed package. Nothing is downloaded unless the weights are asked for as ``hub``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from momkd_core import bundled_encoder
from momkd_core.bundled_encoder import BUNDLED
from momkd_core.encoder_names import TIMM_PREFIX, UNI2, encoder_name
from momkd_core.encoder_plugins import plugin_entry, plugin_names
from momkd_core.encoder_records import all_records, find_record
from momkd_core.errors import EncoderError, MomkdError
from momkd_core.exported_encoders import SUFFIXES, exported_entry
from momkd_core.patch_encoder import EncoderEntry, EncoderIdentity, PatchEncoder, Precision
from momkd_core.processor import best_device
from momkd_core.timm_encoders import Recipe, timm_entry, timm_recipe

DEFAULT_ENCODER = bundled_encoder.NAME


def encoder_identity(name: str) -> EncoderIdentity:
    """The identity of an encoder that is at hand, without loading its network.

    Raises:
        EncoderError: see :func:`find_encoder`; or its file changed.
    """
    return find_encoder(name).identity()


def load_encoder(
    name: str = DEFAULT_ENCODER,
    *,
    device: str | None = None,
    precision: Precision = "float32",
) -> PatchEncoder:
    """Loads an encoder; ``device`` None takes CUDA, then MPS, then the processor.

    Raises:
        EncoderError: see :func:`find_encoder`; or it cannot be loaded.
        SettingsError: the device lacks the precision.
    """
    return find_encoder(name).load(device or best_device(), precision)


def find_encoder(name: str, weights: str | None = None) -> EncoderEntry:
    """The encoder of a name, or of the JSON file of an exported program.

    Args:
        weights: for this once, of an encoder whose architecture timm has: a path, ``hub`` or
            ``hub:OWNER/REPO``.

    Raises:
        EncoderError: no encoder of that name, or its weights are not at hand.
    """
    name = encoder_name(name)
    recipe = timm_recipe(name)
    if weights is not None:
        if recipe is None:
            known = find_encoder(name)  # or it says that there is none
            raise EncoderError(
                f"Encoder {known.name} brings its own weights", "Leave the weights file out"
            )
        return timm_entry(recipe, weights)
    if Path(name).suffix.lower() in SUFFIXES:
        return _own_name(exported_entry(Path(name)))
    if name == BUNDLED.name:
        return BUNDLED
    record = find_record(name)
    if record is not None:
        return record.entry
    if recipe is not None:
        raise EncoderError(f"The weights of {name} are not registered here", _how_to_get(recipe))
    found = plugin_entry(name)
    if found is None:
        raise EncoderError(
            f"There is no encoder {name!r}",
            f"Choose one of: {', '.join(_names())}; or {TIMM_PREFIX}NAME, or the JSON file of an "
            "exported program (momkd encoders lists what is here)",
        )
    return found


def registrable(name: str, weights: str | None = None) -> EncoderEntry:
    """An encoder of a file that :func:`~momkd_core.encoder_records.register` can record.

    Raises:
        EncoderError: see :func:`find_encoder`; or it needs no registering.
    """
    if weights is None and Path(name).suffix.lower() not in SUFFIXES:
        recipe = timm_recipe(encoder_name(name))
        cure = _how_to_get(recipe) if recipe else "Name its JSON file, or use it as it is"
        raise EncoderError(f"{name} names no file to register", cure)
    return find_encoder(name, weights)


@dataclass(frozen=True)
class ListedEncoder:
    """A line of ``momkd encoders``.

    Attributes:
        width: None where it is not known before the encoder is loaded.
        at_hand: whether a slide could be encoded now.
        place: where it comes from; how to get it where it is not at hand.
    """

    name: str
    width: int | None
    licence: str
    at_hand: bool
    place: str
    note: str
    weights_sha256: str | None = None


def list_encoders() -> list[ListedEncoder]:
    """What is there, and what could be. Raises EncoderError for a damaged record."""
    records = {record.identity.name: record for record in all_records()}
    listed = [_listed(BUNDLED)]
    uni2 = timm_recipe(UNI2)
    if uni2 is not None and UNI2 not in records:
        how = _how_to_get(uni2)
        listed.append(ListedEncoder(UNI2, uni2.width, uni2.licence, False, how, uni2.note))
    listed += [_listed(record.entry) for record in records.values()]
    return listed + list(_plugins(taken={one.name for one in listed}))


def _plugins(taken: set[str]) -> Iterator[ListedEncoder]:
    for name in plugin_names():
        if name in taken:
            why = "an installed package offers it, too, and is not asked: the name is taken"
            yield ListedEncoder(name, None, "", False, why, "")
            continue
        try:
            entry = plugin_entry(name)
        except EncoderError as error:
            yield ListedEncoder(name, None, "", False, str(error), "")
            continue
        if entry is not None:
            yield _listed(entry)


def _listed(entry: EncoderEntry) -> ListedEncoder:
    try:
        found = entry.identity()
    except MomkdError as error:
        return ListedEncoder(entry.name, None, entry.licence, False, str(error), entry.note)
    return ListedEncoder(
        entry.name,
        found.width,
        entry.licence,
        True,
        entry.place,
        entry.note,
        found.weights_sha256,
    )


def _names() -> list[str]:
    registered = [record.identity.name for record in all_records()]
    return sorted({BUNDLED.name, UNI2, *registered, *plugin_names()})


def _own_name(entry: EncoderEntry) -> EncoderEntry:
    """Refuses an exported program that calls itself what another encoder is called."""
    name = encoder_name(entry.name)
    if name == BUNDLED.name or timm_recipe(name) is not None or name in plugin_names():
        raise EncoderError(
            f"{Path(entry.place).name} calls its encoder {entry.name}, as another one is called",
            "Give it a name of its own",
        )
    return entry


def _how_to_get(recipe: Recipe) -> str:
    how = recipe.how_to_get[0].upper() + recipe.how_to_get[1:]
    return f"{how}, then: momkd encoders --add {recipe.name} --weights FILE"
