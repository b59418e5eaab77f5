"""A teacher on expression: how likely each training case is positive, as its own expression says.

A variant beyond the paper. In *generalised distillation* (Lopez-Paz et al. 2016, arXiv:1511.03643) a
model that sees privileged information, here expression, says soft labels, and the student, here
histology, learns from these: a case that is called positive but looks half negative to the teacher is
taught as such. The teacher is a regularised logistic regression. It is cross-fitted, that is, it never
saw the case that it speaks of: a teacher of more genes than cases would otherwise repeat the label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from momkd_core.errors import ExpressionError
from momkd_core.expression import ExpressionTable, fit_transform
from momkd_core.ledger import Ledger

_FOLDS = 5  # fewer where there are fewer patients
# Of scikit-learn's LogisticRegression, on scaled genes: hundreds of cases, hundreds of genes.
_INVERSE_REGULARISATION = 1e-3


def teach(
    table: ExpressionTable,
    labels: dict[str, int],
    groups: dict[str, str],
    *,
    top_genes: int,
    clip: float,
    seed: int,
    ledger: Ledger | None = None,
) -> dict[str, float]:
    """What expression says of training cases.

    Args:
        table: expression of cases, of training cases among others.
        labels: 0 or 1 of the training cases, by case id.
        groups: by case id, the patient whose cases the teacher sees or does not see together.
        top_genes, clip: as of :func:`momkd_core.expression.fit_transform`; genes are chosen and scaled
            without the cases that the teacher is asked about.
        seed: of the teacher's folds.
        ledger: told which cases the teacher learned from.

    Returns:
        By case id, the probability of the positive class, with both classes counting alike; cases
        without expression, or without any gene that a teacher chose, are left out.

    Raises:
        ExpressionError: too few cases with expression to hold any out.
        LeakageError: of the ledger.
    """
    ids = list(labels)
    absent = np.asarray(np.isnan(table.rows(ids)).all(axis=1))
    known = [case for case, missing in zip(ids, absent, strict=True) if not missing]
    if ledger is not None:
        ledger.note("teacher", known)
    y = np.asarray([labels[case] for case in known])
    of_group = np.asarray([groups[case] for case in known])
    fewest = min((len(set(of_group[y == label])) for label in (0, 1)), default=0)
    if fewest < 2:
        raise ExpressionError(
            "The teacher on expression speaks of patients that it did not learn from, and needs two of "
            f"either label with expression, but there are {fewest} of one",
            "Add expression of such cases, or train with --set teacher_weight=0",
        )
    said: dict[str, float] = {}
    splits = StratifiedGroupKFold(min(_FOLDS, fewest), shuffle=True, random_state=seed)
    for seen, asked in splits.split(known, y, of_group):
        cases, pupils = [known[i] for i in seen], [known[i] for i in asked]
        said |= _answers(table, cases, y[seen], pupils, top_genes, clip)
    return said


def _answers(
    table: ExpressionTable,
    seen: list[str],
    labels: NDArray[np.int64],
    asked: list[str],
    top_genes: int,
    clip: float,
) -> dict[str, float]:
    """Probabilities of cases that have some of the chosen genes, by a teacher of other cases."""
    transform = fit_transform(table, seen, labels.tolist(), top_genes=top_genes, clip=clip)
    lessons, questions = transform(table, seen), transform(table, asked)
    learned = np.asarray(~np.isnan(lessons).all(axis=1))
    answered = np.asarray(~np.isnan(questions).all(axis=1))
    if len(set(labels[learned])) < 2:
        raise ExpressionError(
            "Of the genes that tell the labels apart, all cases of one label lack each",
            "Fill the gaps of the table, or train with --set teacher_weight=0",
        )
    if not answered.any():
        return {}
    teacher = LogisticRegression(
        C=_INVERSE_REGULARISATION, class_weight="balanced", max_iter=1000
    ).fit(lessons[learned], labels[learned])
    pupils = [case for case, has in zip(asked, answered, strict=True) if has]
    return dict(zip(pupils, teacher.predict_proba(questions[answered])[:, 1].tolist(), strict=True))
