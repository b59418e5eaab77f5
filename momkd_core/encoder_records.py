"""Encoders that the user registered: which file belongs to a name, kept in the data folder.

A model knows its encoder by name and hash. A record is what leads from the name to a file on this
computer, for the command line and the window alike.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from momkd_core.encoder_names import encoder_name
from momkd_core.errors import EncoderError
from momkd_core.exported_encoders import exported_entry
from momkd_core.patch_encoder import EncoderEntry, EncoderIdentity, PatchEncoder, Precision
from momkd_core.storage import data_folder, write_text
from momkd_core.timm_encoders import timm_entry, timm_recipe


class EncoderRecord(BaseModel):
    """One registered encoder.

    Attributes:
        place: the weights file, or the JSON file of an exported program.
        size, mtime_ns: of that file when it was registered.
        identity: as it was then.
    """

    model_config = ConfigDict(frozen=True)

    place: Path
    size: int
    mtime_ns: int
    identity: EncoderIdentity

    @property
    def entry(self) -> EncoderEntry:
        """The encoder; its ``identity`` and ``load`` refuse a file that is gone or another one now."""
        name = self.identity.name

        def identity() -> EncoderIdentity:
            self._check_file()
            return self.identity

        def load(device: str, precision: Precision) -> PatchEncoder:
            self._check_file()
            encoder = self._made().load(device, precision)
            if encoder.identity != self.identity:
                raise self._changed("is not what was registered")
            return encoder

        return EncoderEntry(
            name, self.identity.licence, self.identity.note, identity, load, str(self.place)
        )

    def _made(self) -> EncoderEntry:
        recipe = timm_recipe(self.identity.name)
        if recipe is None:
            return exported_entry(self.place)
        return timm_entry(recipe, str(self.place))

    def _check_file(self) -> None:
        try:
            stat = self.place.stat()
        except OSError as error:
            raise self._changed("is gone") from error
        if (stat.st_size, stat.st_mtime_ns) != (self.size, self.mtime_ns):
            raise self._changed("changed since it was registered")

    def _changed(self, what: str) -> EncoderError:
        name = self.identity.name
        return EncoderError(
            f"The file of encoder {name}, {self.place}, {what}",
            f"Register the right one with momkd encoders --add, or drop it with --forget {name}",
        )


def register(entry: EncoderEntry) -> EncoderIdentity:
    """Loads an encoder of a file, so that what does not fit is refused now, and records it.

    Raises:
        EncoderError: it cannot be loaded.
        OutputError: the data folder cannot be written.
    """
    identity = entry.load("cpu", "float32").identity
    place = Path(entry.place)
    stat = place.stat()
    record = EncoderRecord(
        place=place, size=stat.st_size, mtime_ns=stat.st_mtime_ns, identity=identity
    )
    write_text(_file(identity.name), record.model_dump_json(indent=1) + "\n")
    return identity


def find_record(name: str) -> EncoderRecord | None:
    """What is registered under a name. Raises EncoderError for a damaged record."""
    path = _file(name)
    return _read(path) if path.is_file() else None


def all_records() -> list[EncoderRecord]:
    """Everything registered, by name. Raises EncoderError for a damaged record."""
    return [_read(path) for path in sorted(_folder().glob("*.json"))]


def forget(name: str) -> bool:
    """Drops a record, never the file it leads to; False where there was none."""
    path = _file(encoder_name(name))
    existed = path.is_file()
    path.unlink(missing_ok=True)
    return existed


def _read(path: Path) -> EncoderRecord:
    try:
        return EncoderRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EncoderError(
            f"The record {path} is damaged", "Delete it and register the encoder again"
        ) from error


def _folder() -> Path:
    return data_folder() / "encoders"


def _file(name: str) -> Path:
    return _folder() / f"{quote(name, safe='')}.json"
