"""What is kept of a cohort's workspace from one day to the next, as text.

It is kept by the table's place and its cases: another table at the same place has a memory of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from momkd_core.errors import MomkdError
from momkd_viewer.state.case_marks import Reviewed
from momkd_viewer.state.workspace_views import View

_VERSION = 1


class WorkspaceMemoryError(MomkdError):
    """What was kept of a workspace cannot be read."""


@dataclass(frozen=True)
class WorkspaceMemory:
    """Attributes:
    reviewed: by case id.
    saved: views that the user named.
    chosen: id of the selected case; '' for none.
    models: files or run folders of the open models.
    """

    reviewed: Mapping[str, Reviewed] = field(default_factory=dict)
    view: View = field(default_factory=View)
    saved: tuple[View, ...] = ()
    chosen: str = ""
    models: tuple[str, ...] = ()


def memory_name(table: Path, case_ids: Iterable[str]) -> str:
    """A file name that tells nothing of the cohort."""
    told = "\n".join((str(table.absolute()), *sorted(case_ids)))
    return f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.json"


def to_json(memory: WorkspaceMemory) -> str:
    """The text of a file."""
    kept = {
        "version": _VERSION,
        "reviewed": {
            case: {"who": mark.who, "when": mark.when.isoformat(timespec="seconds")}
            for case, mark in memory.reviewed.items()
        },
        "view": memory.view.as_json(),
        "saved": [view.as_json() for view in memory.saved],
        "chosen": memory.chosen,
        "models": list(memory.models),
    }
    return json.dumps(kept, ensure_ascii=False, indent=1)


def from_json(text: str, where: str) -> WorkspaceMemory:
    """From the text of a file.

    Raises:
        WorkspaceMemoryError: it is no such file, or of a newer version: it is not to be overwritten.
    """
    try:
        kept = json.loads(text)
        if kept["version"] != _VERSION:
            raise ValueError(f"version {kept['version']}")
        return WorkspaceMemory(
            {
                str(case): Reviewed(str(mark["who"]), datetime.fromisoformat(mark["when"]))
                for case, mark in kept["reviewed"].items()
            },
            View.from_json(kept["view"]),
            tuple(View.from_json(view) for view in kept["saved"]),
            str(kept["chosen"]),
            tuple(map(str, kept["models"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkspaceMemoryError(
            f"What was kept of this cohort's workspace is not usable ({where}: {error})",
            "Move that file away to start anew; until then nothing is kept",
        ) from error
