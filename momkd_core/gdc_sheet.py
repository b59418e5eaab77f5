"""Which sample a downloaded GDC file is of: the sample sheet, or the metadata of the cart.

The portal writes both beside a cart (https://docs.gdc.cancer.gov/Data_Portal/Users_Guide/getting_started/):
``gdc_sample_sheet.<date>.tsv`` with the columns File ID, File Name, Case ID, Sample ID and others, and
``metadata.cart.<date>.json``, a list of files with ``associated_entities``, which name the aliquot.
The sample's type is taken from its barcode: newer sheets have no column Sample Type any more.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from momkd_core.barcode import Barcode, parse_barcode
from momkd_core.errors import ExpressionError

_COLUMNS = ("File ID", "File Name", "Sample ID")
_PATTERNS = ("metadata.*.json", "gdc_sample_sheet.*.tsv")


@dataclass(frozen=True)
class GdcFile:
    """A file of a download.

    Attributes:
        file_id: UUID, and name of the folder that it lies in.
        name: of the file.
        sample: barcode of its sample or aliquot, as the sheet has it.
        barcode: the same in parts.
    """

    file_id: str
    name: str
    sample: str
    barcode: Barcode


def find_sheet(folder: Path) -> Path:
    """The sheet in a download; of both kinds the cart's metadata, since it knows aliquots.

    Raises:
        ExpressionError: there is none, or several of one kind.
    """
    for pattern in _PATTERNS:
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            raise ExpressionError(
                f"{folder.name} holds {len(found)} sheets ({', '.join(one.name for one in found)})",
                "Name the right one: momkd expression … --sheet FILE",
            )
        if found:
            return found[0]
    raise ExpressionError(
        f"{folder.name} holds neither gdc_sample_sheet.*.tsv nor metadata.*.json, so nobody knows "
        "whose its files are",
        "Download the sample sheet of the same cart from the GDC portal, or name it with --sheet",
    )


def read_sheet(path: Path, ending: str) -> list[GdcFile]:
    """The files of TCGA samples that a sheet lists, in its order.

    Args:
        ending: of the names of files that matter. A cart may hold others, of patients instead of
            samples (clinical files, for instance).

    Raises:
        ExpressionError: unreadable, without these columns, or a row of no TCGA sample; names the row.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _of_json(text) if path.suffix == ".json" else _of_table(path, text)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExpressionError(
            f"{path.name} cannot be read as a sheet of the GDC ({type(error).__name__}: {error})",
            "Download it again from the GDC portal",
        ) from error
    files = []
    for number, (file_id, name, sample) in enumerate(rows, start=1):
        if not name.endswith(ending):
            continue
        barcode = parse_barcode(sample)
        if barcode is None or barcode.sample is None:
            raise ExpressionError(
                f"{path.name}, file {number} ({name}): {sample!r} is no barcode of a TCGA sample",
                "Keep files of TCGA in the sheet; others can be made a table by other means",
            )
        files.append(GdcFile(file_id, name, sample, barcode))
    return files


def _of_table(path: Path, text: str) -> list[tuple[str, str, str]]:
    reader = csv.DictReader(text.splitlines(), delimiter="\t")
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or [])]
    if missing:
        raise ExpressionError(
            f"{path.name} has no column {missing[0]!r}", "Name a sample sheet of the GDC portal"
        )
    return [(row["File ID"], row["File Name"] or "", row["Sample ID"] or "") for row in reader]


def _of_json(text: str) -> list[tuple[str, str, str]]:
    content: list[dict[str, Any]] = json.loads(text)
    rows = []
    for one in content:
        entities = one["associated_entities"]
        sample = " and ".join(entity["entity_submitter_id"] for entity in entities)
        rows.append((one["file_id"], one["file_name"], sample))
    return rows
