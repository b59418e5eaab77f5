"""Renews a workspace, and reads and writes what is kept of one, away from the window."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from momkd_core.progress import CancelToken, Report
from momkd_core.storage import data_folder, write_text
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.analysis import CaseEntry
from momkd_viewer.state.work_list import CaseFinding
from momkd_viewer.state.workspace import Question, Workspace, cases_of
from momkd_viewer.state.workspace_memory import (
    WorkspaceMemory,
    WorkspaceMemoryError,
    from_json,
    memory_name,
    to_json,
)

# A cohort whose findings are all known already fills the table in steps that can be seen.
_AT_ONCE = 1500
_MANY = 1000


@dataclass(frozen=True)
class Renewal:
    """What a workspace is to say.

    Attributes:
        entries: rows of another cohort; None where the cases are the same.
        found: what each model said, by file; nobody changes these any more.
    """

    before: Workspace
    entries: Sequence[CaseEntry] | None
    questions: Sequence[Question]
    found: Sequence[Mapping[Path, CaseFinding]]


def renew(asked: Renewal) -> Work:
    """The workspace as it is to be, or a part of the way there: see ``Workspace.complete``."""

    def work(report: Report, cancel: CancelToken) -> Workspace:
        cases = asked.before.cases if asked.entries is None else cases_of(asked.entries)
        many = sum(map(len, asked.found)) - asked.before.findings >= _MANY
        if many:
            gc.freeze()
        workspace = asked.before.renewed(cases, asked.questions, asked.found, _AT_ONCE)
        if many:
            # Python would look for cycles in all of this again and again, for half a second each time
            # with ten thousand cases; there are none. What is let go of is freed as ever.
            gc.freeze()
        return workspace

    return work


def load_memory(table: Path, case_ids: Sequence[str]) -> Work:
    """The file of a cohort's workspace, and what it holds; None where there is none.

    Raises:
        WorkspaceMemoryError: it cannot be read.
    """

    def work(report: Report, cancel: CancelToken) -> tuple[Path, WorkspaceMemory | None]:
        file = data_folder() / "workspaces" / memory_name(table, case_ids)
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return file, None
        except (OSError, UnicodeDecodeError) as error:
            raise WorkspaceMemoryError(
                f"What was kept of this cohort's workspace cannot be read ({error})",
                "Check the data folder; until then nothing is kept",
            ) from error
        return file, from_json(text, str(file))

    return work


def save_memory(file: Path, memory: WorkspaceMemory) -> Work:
    """Writes it; see :func:`save_now`."""

    def work(report: Report, cancel: CancelToken) -> None:
        save_now(file, memory)

    return work


def save_now(file: Path, memory: WorkspaceMemory) -> None:
    """Writes what is kept of a workspace, atomically. Raises OutputError."""
    write_text(file, to_json(memory))
