"""Encoders that the user registered: which file belongs to a name, kept in the data folder.

A model knows its encoder by name and hash. A record is what leads from the name to a file on this
computer, for the command line and the window alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from momkd_core.encoder_names import encoder_name
from momkd_core.errors import EncoderError
from momkd_core.exported_encoders import exported_entry, exported_files
from momkd_core.patch_encoder import EncoderEntry, EncoderIdentity, PatchEncoder, Precision
from momkd_core.storage import data_folder, write_text
from momkd_core.timm_encoders import timm_entry, timm_recipe


class FileState(NamedTuple):
    """A file, its size in bytes and time in nanoseconds."""

    path: Path
    size: int
    mtime_ns: int


class EncoderRecord(BaseModel):
    """One registered encoder.

    Attributes:
        place: the weights file, or the JSON file of an exported program.
        files: all that it is read from, as they were when it was registered.
        identity: as it was then.
    """

    model_config = ConfigDict(frozen=True)

    place: Path
    files: tuple[FileState, ...]
    identity: EncoderIdentity

    @property
    def entry(self) -> EncoderEntry:
        """The encoder; its ``identity`` and ``load`` refuse a file that is gone or another one now."""
        name = self.identity.name

        def identity() -> EncoderIdentity:
            self._check_files()
            return self.identity

        def load(device: str, precision: Precision) -> PatchEncoder:
            self._check_files()
            encoder = self._made().load(device, precision)
            if encoder.identity != self.identity:
                raise self._changed(self.place, "is not what was registered")
            return encoder

        return EncoderEntry(
            name, self.identity.licence, self.identity.note, identity, load, str(self.place)
        )

    def _made(self) -> EncoderEntry:
        recipe = timm_recipe(self.identity.name)
        if recipe is None:
            return exported_entry(self.place)
        return timm_entry(recipe, str(self.place))

    def _check_files(self) -> None:
        for file in self.files:
            try:
                now = _state(file.path)
            except OSError as error:
                raise self._changed(file.path, "is gone") from error
            if now != file:
                raise self._changed(file.path, "changed since it was registered")

    def _changed(self, file: Path, what: str) -> EncoderError:
        name = self.identity.name
        return EncoderError(
            f"A file of encoder {name}, {file}, {what}",
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
    files = (place,) if timm_recipe(identity.name) is not None else exported_files(place)
    record = EncoderRecord(place=place, files=tuple(map(_state, files)), identity=identity)
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


def _state(path: Path) -> FileState:
    stat = path.stat()
    return FileState(path, stat.st_size, stat.st_mtime_ns)


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
