"""Expression: reading, fitting on training cases alone, refusing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from momkd_core.errors import ExpressionError
from momkd_core.expression import (
    ExpressionTable,
    fit_transform,
    read_expression,
    recognise_units,
    telling_gene,
)

TCGA = Path(__file__).parents[3] / "shared/data" / "tcga_brca_hif" / "expression.csv.gz"
RANDOM = np.random.default_rng(2)
CASES = tuple(f"c{i}" for i in range(20))
LABELS = [i % 2 for i in range(20)]


def counts() -> np.ndarray:
    values = RANDOM.poisson(60, (20, 8)).astype(float)
    values[1::2, 3] *= 10  # the gene that knows the label
    values[:, 5] = 7  # constant
    return values


def table(values: np.ndarray) -> ExpressionTable:
    return ExpressionTable(CASES, tuple(f"g{i}" for i in range(values.shape[1])), values)


def test_genes_and_scale_come_from_training_cases_alone() -> None:
    values = counts()
    train = list(CASES[:12])
    fitted = fit_transform(table(values), train, LABELS[:12], top_genes=3, clip=6.0)
    changed = values.copy()
    changed[12:] *= 1000
    again = fit_transform(table(changed), train, LABELS[:12], top_genes=3, clip=6.0)
    assert fitted.genes == again.genes and "g3" in fitted.genes and "g5" not in fitted.genes
    np.testing.assert_array_equal(fitted.mean, again.mean)
    scaled = fitted(table(values), train)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-5)


def test_counts_are_logged_and_scores_are_not() -> None:
    mixed = np.concatenate([counts()[:, :4], RANDOM.normal(size=(20, 3))], axis=1)
    fitted = fit_transform(table(mixed), list(CASES), LABELS, top_genes=7, clip=6.0)
    assert fitted.logged.tolist() == [True] * 4 + [False] * 3


def test_missing_cases_and_genes() -> None:
    values = counts()
    values[2] = np.nan
    values[4, 3] = np.nan
    fitted = fit_transform(table(values), list(CASES), LABELS, top_genes=2, clip=6.0)
    scaled = fitted(table(values), ["c2", "c4", "unknown"])
    assert np.isnan(scaled[0]).all() and np.isnan(scaled[2]).all()
    assert scaled[1][fitted.genes.index("g3")] == 0


def test_scaled_values_are_clipped() -> None:
    values = counts()
    fitted = fit_transform(table(values), list(CASES[:18]), LABELS[:18], top_genes=8, clip=2.0)
    values[19] = 1e9
    assert fitted(table(values), ["c19"]).max() == 2.0


def test_no_training_case_has_expression() -> None:
    with pytest.raises(ExpressionError, match="Only 0 of 2 training cases"):
        fit_transform(table(counts()), ["x", "y"], [0, 1], top_genes=3, clip=6.0)


def test_files(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sample": ["a", "b"], "G1": [1, 2], "G2": [0.5, np.nan]})
    frame.to_csv(tmp_path / "e.csv.gz", index=False)
    frame.to_parquet(tmp_path / "e.parquet")
    for name in ("e.csv.gz", "e.parquet"):
        found = read_expression(tmp_path / name)
        assert (found.case_ids, found.genes) == (("a", "b"), ("G1", "G2"))
        np.testing.assert_array_equal(found.values, [[1, 0.5], [2, np.nan]])


def test_case_ids_are_text_and_semicolons_separate(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("id;g\n001;2\n")
    found = read_expression(tmp_path / "e.csv")
    assert found.case_ids == ("001",) and found.values.tolist() == [[2.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,g\na,1\na,2\n", "names the case 'a' twice"),
        ("id,g,g\na,1,2\n", "names the gene 'g' twice"),
        ("id,g\na,high\n", "Column 'g' of e.csv holds text"),
        ("id,g\na,inf\n", "infinite value for 'g'"),
        ("id,g\n", "is empty"),
        ("", "cannot be read as a table"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(ExpressionError, match=message):
        read_expression(tmp_path / "e.csv")


def test_a_table_of_mixed_units_is_judged_column_by_column() -> None:
    """Mostly logged, with a column of TPM and one of counts, as some portals merge them."""
    tpm, z = RANDOM.lognormal(3, 2, 20), RANDOM.normal(0, 1, 20)
    logged = RANDOM.uniform(0, 15, (20, 30))
    mixed = np.column_stack([tpm, z, counts()[:, 0], np.full(20, np.nan), logged])
    mixed[0, 0] = 80.5
    expected = ["TPM", "z-scores", "counts", "empty", *["logged"] * 30]
    assert list(recognise_units(mixed)) == expected
    assert set(recognise_units(counts())) == {"counts"}  # also the column of sevens
    fitted = fit_transform(table(mixed), list(CASES), LABELS, top_genes=99, clip=6.0)
    logs = dict(zip(fitted.genes, fitted.logged, strict=True))
    assert [gene for gene, log in logs.items() if log] == ["g0", "g2"] and len(logs) == 33


@pytest.mark.parametrize("kind", ["TPM", "expected counts", "logged", "counts"])
def test_units_of_a_table_do_not_depend_on_the_cases(kind: str) -> None:
    """Most genes of a raw table are low: each alone looks logged, or not, as its cases fall."""
    random = np.random.default_rng(3)
    rate = random.lognormal(0.5, 2.2, 3000)
    values = rate * random.lognormal(0, 0.7, (200, 3000))
    if kind == "TPM":
        values *= 5e4 / values.sum(axis=1, keepdims=True)  # as a twentieth of a genome
    elif kind != "logged":
        values = random.poisson(values).astype(float)
        if kind == "expected counts":  # RSEM divides reads between isoforms
            values[:, ::3] += random.choice([0.0, 0.37], (200, 1000))
    else:
        values = np.log2(1 + values)
    low = (values.max(axis=0) <= 30).mean()
    assert low == 1 if kind == "logged" else 0.4 < low < 0.9
    expected = {"expected counts": "TPM"}.get(kind, kind)
    for _ in range(5):
        subset = random.permutation(200)[:140]
        assert set(recognise_units(values[subset])) == {expected}


@pytest.mark.skipif(not TCGA.is_file(), reason=f"{TCGA} is not here")
def test_units_of_tcga() -> None:
    """Z-scores beside a panel of logged genes, in every fold's cases."""
    found = read_expression(TCGA)
    for start in range(3):
        units = list(recognise_units(found.values[start::3]))
        assert (units.count("z-scores"), units.count("logged")) == (1558, 50)


def test_a_gene_that_gives_the_label_away_is_named() -> None:
    values = counts()
    found = telling_gene(table(values), list(CASES), LABELS)
    assert found is not None and found[0] == "g3" and found[1] == 1.0
    assert telling_gene(table(values[:, :3]), list(CASES), LABELS) is None
