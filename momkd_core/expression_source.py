"""Expression from wherever it lies: a table, a folder of vectors, or a download of the GDC."""

from __future__ import annotations

from pathlib import Path

from momkd_core.errors import ExpressionError
from momkd_core.expression import ExpressionTable, read_expression
from momkd_core.expression_folder import read_vectors, vector_files
from momkd_core.progress import Report, silent
from momkd_core.star_counts import StarChoices, StarTable, read_star_counts, star_files


def open_expression(path: Path) -> ExpressionTable:
    """Reads a table, or a folder where nothing has to be chosen.

    Raises:
        ExpressionError: as :func:`read_source`.
    """
    source = read_source(path)
    return source.table if isinstance(source, StarTable) else source


def read_source(
    path: Path,
    choices: StarChoices | None = None,
    *,
    sheet: Path | None = None,
    report: Report = silent,
) -> ExpressionTable | StarTable:
    """Reads a source of any kind; ``choices`` and ``sheet`` are for a download of the GDC alone.

    Raises:
        ExpressionError: it holds no expression, or cannot be used; names the file.
    """
    if not path.exists():
        raise ExpressionError(f"{path} does not exist", "Check the path")
    is_folder = path.is_dir()
    vectors, counts = (vector_files(path), star_files(path)) if is_folder else ([], {})
    if counts and not vectors:
        return read_star_counts(path, choices, sheet=sheet, report=report)
    if choices is not None or sheet is not None:
        raise ExpressionError(
            f"{path.name} holds no STAR counts of the GDC, which the options are about",
            "Leave them out, or name the folder that holds a folder for each file",
        )
    if not is_folder:
        return read_expression(path)
    if counts or not vectors:
        raise ExpressionError(
            f"{path} holds {'both' if counts else 'neither'} .npy vectors {'and' if counts else 'nor'} "
            "STAR counts",
            "Name a table, a folder with one .npy a case, or a download of the GDC",
        )
    return read_vectors(path)
