"""The expression table, and the transformation that training fits on its own cases.

Nothing here is needed to predict: expression teaches, histology answers.
"""

from __future__ import annotations

import csv
import gzip
import logging
import warnings
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.feature_selection import f_classif

from momkd_core.errors import ExpressionError
from momkd_core.ledger import Ledger
from momkd_core.storage import atomic_path

log = logging.getLogger(__name__)

# A column without negative values whose largest exceeds this was not logged yet: log2 of the
# largest known TPM or count (about 10^7) is 23.
_LARGEST_LOGGED = 30.0
# From this share of such columns on, the others are raw too: genes of low expression. In tables of
# raw values it is 25 to 60 %, in logged ones 0.
_SHARE_OF_RAW = 0.1
LOGGED_UNITS = ("counts", "TPM")

_PYARROW = "Install the extra: pip install momkd-viewer[parquet]"

_TELLING = 0.99  # AUC of one gene
_FEWEST_TO_TELL = 10  # cases of either label


@dataclass(frozen=True)
class ExpressionTable:
    """Expression of cases.

    Attributes:
        case_ids: row names.
        genes: column names, unique.
        values: (cases, genes) float64; NaN where not measured.
    """

    case_ids: tuple[str, ...]
    genes: tuple[str, ...]
    values: NDArray[np.float64]

    def rows(self, case_ids: list[str]) -> NDArray[np.float64]:
        """Rows of cases, (len(case_ids), genes); all NaN where a case has no expression."""
        index = {case: row for row, case in enumerate(self.case_ids)}
        result = np.full((len(case_ids), len(self.genes)), np.nan)
        for row, case in enumerate(case_ids):
            if case in index:
                result[row] = self.values[index[case]]
        return result


def read_expression(path: str | Path) -> ExpressionTable:
    """Reads cases x genes from CSV (``.gz`` too) or Parquet; the first column is the case id.

    Raises:
        ExpressionError: unreadable, repeated cases or genes, or cells that are not numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise ExpressionError(f"{path} does not exist", "Check the path given with --expression")
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
            if isinstance(frame.index, pd.RangeIndex):
                frame = frame.set_index(frame.columns[0])
        else:
            frame = _read_csv(path)
    except ImportError as error:
        raise ExpressionError("Reading Parquet needs pyarrow", _PYARROW) from error
    except (OSError, ValueError, EOFError, zlib.error, csv.Error) as error:
        raise ExpressionError(
            f"{path.name} cannot be read as a table ({(str(error).splitlines() or [''])[0]})",
            "Save it as CSV (or CSV.GZ, or Parquet): cases in rows, genes in columns",
        ) from error
    cases = [str(case).strip() for case in frame.index]
    genes = [str(gene).strip() for gene in frame.columns]
    text = [g for g, kind in zip(genes, frame.dtypes, strict=True) if not _numeric(kind)]
    if text and len(cases):
        raise ExpressionError(
            f"Column {text[0]!r} of {path.name} holds text", "Keep only numbers beside the case id"
        )
    return checked_table(path.name, cases, genes, frame.to_numpy(dtype=np.float64))


def checked_table(
    name: str, cases: list[str], genes: list[str], values: NDArray[np.float64]
) -> ExpressionTable:
    """A table of which nothing is named twice or infinite; ``name`` is what errors call it.

    Args:
        values: (cases, genes); NaN where not measured.

    Raises:
        ExpressionError: it is empty, names a case or gene twice, or holds an infinite value.
    """
    for names, what in ((cases, "case"), (genes, "gene")):
        repeated = [one for one, count in Counter(names).items() if count > 1]
        if repeated:
            raise ExpressionError(
                f"{name} names the {what} {repeated[0]!r} twice", "Keep one of them"
            )
    if not len(cases) or not len(genes):
        raise ExpressionError(f"{name} is empty", "Give it cases in rows, genes in columns")
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        row, column = infinite[0]
        raise ExpressionError(
            f"{name}: case {cases[row]!r} has an infinite value for {genes[column]!r}",
            "Replace it, or leave the cell empty",
        )
    return ExpressionTable(tuple(cases), tuple(genes), values)


def check_ending(path: Path) -> None:
    """Refuses a path that :func:`write_expression` cannot write, before anything is read for it.

    Raises:
        ExpressionError: another ending than those of a table.
    """
    if not path.name.endswith((".csv", ".csv.gz", ".parquet")):
        raise ExpressionError(
            f"{path.name} has no ending of a table", "Write .csv, .csv.gz or .parquet"
        )


def write_expression(path: Path, table: ExpressionTable) -> None:
    """Writes cases x genes as CSV (``.csv``, ``.csv.gz``) or Parquet, by the path's ending, atomically.

    Raises:
        ExpressionError: another ending, or Parquet without pyarrow.
        OutputError: the folder cannot be written, or the disk is full.
    """
    check_ending(path)
    frame = pd.DataFrame(table.values, columns=list(table.genes), copy=False)
    frame.insert(0, "case_id", list(table.case_ids))
    with atomic_path(path) as temporary:
        if path.suffix == ".parquet":
            try:
                frame.to_parquet(temporary, index=False)
            except ImportError as error:
                raise ExpressionError("Writing Parquet needs pyarrow", _PYARROW) from error
        else:
            frame.to_csv(temporary, index=False, compression="infer")  # its ending is the path's


def _read_csv(path: Path) -> pd.DataFrame:
    """A CSV with case ids kept as text, so that "001" stays "001".

    pandas renames repeated columns, so the header is read on its own.
    """
    open_text = gzip.open if path.suffix == ".gz" else open
    with open_text(path, "rt", encoding="utf-8-sig") as stream:
        first = str(stream.readline())
    separator = max(",;\t", key=first.count)
    header = next(csv.reader([first], delimiter=separator), [])
    frame = pd.read_csv(
        path,
        sep=separator,
        header=None,
        skiprows=1,
        names=range(len(header)),
        index_col=0,
        dtype={0: str},
        encoding="utf-8-sig",
    )
    frame.columns = pd.Index(header[1:])
    return frame


def _numeric(kind: Any) -> bool:
    return bool(pd.api.types.is_numeric_dtype(kind))


@dataclass(frozen=True)
class ExpressionTransform:
    """From raw expression to the vector that the model reconstructs; fitted on training cases.

    Attributes:
        genes: the selected genes, in order of their column in the table.
        logged: per gene, whether log2(1 + x) comes first.
        mean, deviation: per gene, after the logarithm.
        clip: bound of the scaled values.
    """

    genes: tuple[str, ...]
    logged: NDArray[np.bool_]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    clip: float

    def __call__(self, table: ExpressionTable, case_ids: list[str]) -> NDArray[np.float32]:
        """Scaled expression of cases, (len(case_ids), len(genes)) float32.

        A missing value becomes the training mean, 0. A case without any is all NaN: the caller
        leaves its expression terms out.
        """
        columns = {gene: column for column, gene in enumerate(table.genes)}
        raw = table.rows(case_ids)[:, [columns[gene] for gene in self.genes]]
        absent = np.isnan(raw).all(axis=1)
        scaled = (_log(raw, self.logged) - self.mean) / self.deviation
        scaled = np.clip(np.nan_to_num(scaled, nan=0.0), -self.clip, self.clip)
        scaled[absent] = np.nan
        return scaled.astype(np.float32)


def fit_transform(
    table: ExpressionTable,
    case_ids: list[str],
    labels: list[int],
    *,
    top_genes: int,
    clip: float,
    ledger: Ledger | None = None,
) -> ExpressionTransform:
    """Fits logarithm, scaling and gene selection on training cases only.

    Genes are ranked by the ANOVA F statistic between the two labels (scikit-learn's
    ``f_classif``), which is deterministic and ranks every gene. The ledger is told the cases that have
    expression.

    Raises:
        ExpressionError: no training case has expression, or one label has none.
        LeakageError: of the ledger.
    """
    raw = table.rows(case_ids)
    known = np.asarray(~np.isnan(raw).all(axis=1))
    classes = {label for label, has in zip(labels, known, strict=True) if has}
    if len(classes) < 2:
        raise ExpressionError(
            f"Only {int(known.sum())} of {len(case_ids)} training cases have expression, and not of "
            "both labels",
            "Check that the table's first column holds the cohort's case_id",
        )
    if ledger is not None:
        used = [case for case, has in zip(case_ids, known, strict=True) if has]
        for what in ("gene selection", "expression scaling"):
            ledger.note(what, used)
    raw = raw[known]
    with (
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):  # all-NaN genes and constant genes are dealt with below
        warnings.simplefilter("ignore", RuntimeWarning)
        units = recognise_units(raw)
        logged = np.isin(units, LOGGED_UNITS)
        values = _log(raw, logged)
        mean = np.nanmean(values, axis=0)
        deviation = np.nanstd(values, axis=0)
    usable = np.isfinite(mean) & np.isfinite(deviation) & (deviation > 1e-8)
    if not usable.any():
        raise ExpressionError("Every gene is constant over the training cases", "Check the table")
    filled = np.where(np.isnan(values), mean, values)
    y = np.asarray(labels)[known]
    score = np.full(len(table.genes), -np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        statistic, _ = f_classif(filled[:, usable], y)
    score[usable] = np.nan_to_num(statistic, nan=0.0, posinf=np.finfo(float).max)
    order = np.argsort(-score, kind="stable")[: min(top_genes, int(usable.sum()))]
    chosen = np.sort(order)
    return ExpressionTransform(
        genes=tuple(table.genes[i] for i in chosen),
        logged=logged[chosen],
        mean=mean[chosen],
        deviation=deviation[chosen],
        clip=clip,
    )


def recognise_units(values: NDArray[np.float64]) -> NDArray[np.str_]:
    """What each column of (cases, genes) holds: one of ``counts``, ``TPM``, ``logged``, ``z-scores``.

    A column with negative values is centred already. The others are judged together: where a tenth of
    them has values that no logarithm reaches, all are raw, since a low count or TPM looks like a
    logarithm on its own, and which of them exceed the limit depends on the cases; counts if all their
    values are whole, else TPM (or another raw unit with fractions, as RSEM's expected counts). Where
    fewer exceed it, the table mixes units and each column is judged alone; without any fraction they
    are counts. A column of zeros tells nothing, and one without values is ``empty``.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without values
        lowest, highest = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        whole = (np.isnan(values) | (values == np.floor(values))).all(axis=0)
    positive = lowest >= 0  # False where empty
    raw = positive & (highest > _LARGEST_LOGGED)
    all_whole = bool(whole[positive].all())
    telling = int((positive & (highest > 0)).sum())
    if raw.any() and (all_whole or raw.sum() >= _SHARE_OF_RAW * telling):
        raw, whole = positive, np.full_like(whole, all_whole)
    units = np.full(values.shape[1], "logged", dtype="<U8")
    units[lowest < 0] = "z-scores"
    units[raw] = "TPM"
    units[raw & whole] = "counts"
    units[np.isnan(lowest)] = "empty"
    return units


def describe_units(table: ExpressionTable, case_ids: list[str]) -> dict[str, int]:
    """How many columns of cases hold what; see :func:`recognise_units`."""
    units, counts = np.unique(recognise_units(table.rows(case_ids)), return_counts=True)
    return {str(unit): int(count) for unit, count in zip(units, counts, strict=True)}


def telling_gene(
    table: ExpressionTable, case_ids: list[str], labels: list[int]
) -> tuple[str, float] | None:
    """The gene whose expression alone tells the labels apart almost perfectly, with its AUC, or None.

    Then the label may be derived from expression, and what expression teaches is the label itself.
    """
    values = table.rows(case_ids)
    y = np.asarray(labels) == 1
    known = ~np.isnan(values).all(axis=1)
    if y[known].sum() < _FEWEST_TO_TELL or (~y[known]).sum() < _FEWEST_TO_TELL:
        return None
    filled = np.nan_to_num(values[known], nan=0.0)
    ranks = stats.rankdata(filled, axis=0)
    n1, n0 = int(y[known].sum()), int((~y[known]).sum())
    areas = (ranks[y[known]].sum(axis=0) - n1 * (n1 + 1) / 2) / (n1 * n0)
    areas = np.maximum(areas, 1.0 - areas)
    best = int(areas.argmax())
    return (table.genes[best], float(areas[best])) if areas[best] >= _TELLING else None


def _log(values: NDArray[np.float64], logged: NDArray[np.bool_]) -> NDArray[np.float64]:
    result = values.copy()
    result[:, logged] = np.log2(1.0 + np.maximum(result[:, logged], 0.0))
    return result
