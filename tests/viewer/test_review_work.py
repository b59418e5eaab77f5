"""Saving in a review again, where it is not known whether it was saved."""

from __future__ import annotations

from pathlib import Path

from reviewing import C3, MODEL, verdict

from momkd_core.review import open_review
from momkd_viewer.jobs.review_work import ReviewAccess
from momkd_viewer.state.review import Undo


def test_a_change_whose_answer_was_lost_is_saved_once(tmp_path: Path) -> None:
    access = ReviewAccess(str(tmp_path / "review.sqlite"))
    first, second, undo = verdict(term="fat"), verdict(term="stroma"), Undo("Anna", MODEL, C3)
    for change in (first, first, second, second, undo, undo):
        access.save(change)  # each a second time, as after a connection that broke
    access.save(Undo("Anna", MODEL, C3))
    with open_review(access.where) as store:
        rows = store.history()
    assert [(row.term, row.undoes, row.withdrawn) for row in rows] == [
        ("fat", None, False),
        ("stroma", None, False),
        ("fat", 2, False),
        (None, 1, True),
    ]
    access.close()


def test_a_term_that_differs_in_case_is_the_one_there_is(tmp_path: Path) -> None:
    access = ReviewAccess(str(tmp_path / "review.sqlite"))
    access.save(verdict(term="Tumour"))
    access.save(verdict(term="Apocrine"))
    news = access.read(MODEL, 0)
    assert [row.term for row in news.rows] == ["tumour", "Apocrine"]
    assert news.terms[-1] == "Apocrine" and "Tumour" not in news.terms
    access.close()
