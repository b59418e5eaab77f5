"""What follows from the rows of a review, and what a blinded reader may know, without a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter

import pytest
from reviewing import C3, MODEL, verdict

from momkd_core.component_names import component_names
from momkd_core.review import Subject, Verdict
from momkd_viewer.state.blinding import component_texts, meet_components, set_blinded
from momkd_viewer.state.components import Arrangement, ComponentView, VerdictMark, ordered, sorts
from momkd_viewer.state.overlay_values import ComponentName, kinds
from momkd_viewer.state.preferences import PreferenceError, Preferences
from momkd_viewer.state.review import Answer, ReviewRows

NAME = ComponentName("positive", 3)


@pytest.fixture
def blind() -> Iterator[None]:
    set_blinded(True)
    meet_components(MODEL, 4)
    yield
    set_blinded(False)


def rows(*verdicts: Verdict) -> ReviewRows:
    found = ReviewRows(MODEL)
    found.take(replace(one, number=number) for number, one in enumerate(verdicts, 1))
    return found


def test_the_chip_says_one_s_own_verdict_first_then_that_of_this_case_then_another_s() -> None:
    here = Subject("positive", 3, "case 1")
    said = [
        verdict(reviewer="Ben", term="fat"),
        verdict(here, "Anna", term="vessel"),
        verdict(Subject("positive", 3, "case 2"), "Anna", term="mixed"),
    ]
    assert rows(*said).marks("Anna", "case 1", blinded=False) == {
        NAME: VerdictMark("vessel · in this case")
    }
    assert rows(*said).marks("Anna", None, blinded=False) == {NAME: VerdictMark("fat · Ben")}
    assert rows(*said).marks("Anna", None, blinded=True) == {}
    both = rows(*said, verdict(term="stroma", credible="no"))
    assert both.marks("Anna", "case 1", blinded=False) == {NAME: VerdictMark("stroma", "no")}


def test_what_is_not_saved_yet_is_shown_and_says_so() -> None:
    review = rows(verdict(term="fat"))
    review.waiting = [verdict(term="stroma", credible="yes")]
    view = review.view(C3, "Anna", blinded=False, kappa="")
    assert view.answer == Answer("stroma", "yes") and "not saved yet" in view.signed
    review.waiting = [verdict(withdrawn=True)]
    assert review.view(C3, "Anna", blinded=False, kappa="").answer == Answer()
    assert review.marks("Anna", None, blinded=False) == {}


def test_a_blinded_reader_sees_no_verdict_of_others() -> None:
    review = rows(
        verdict(reviewer="Ben", term="fat"),
        verdict(reviewer="Cleo", term="fat", note="obvious"),
        verdict(term="stroma"),
    )
    open_ = review.view(C3, "Anna", blinded=False, kappa="kappa 0.40 over 5 components")
    assert open_.others == ("Ben: fat", "Cleo: fat, “obvious”")
    assert open_.agreement == "2 of 3 reviewers agree on fat; kappa 0.40 over 5 components"
    assert len(open_.history) == 3 and open_.can_undo
    blind = review.view(C3, "Anna", blinded=True, kappa="kappa 0.40 over 5 components")
    assert (blind.others, blind.agreement, len(blind.history)) == ((), "", 1)


def test_undo_is_offered_while_something_is_left_to_undo() -> None:
    first = verdict(term="fat")
    undo = verdict(withdrawn=True, undoes=1)
    view = rows(first, undo).view(C3, "Anna", blinded=False, kappa="")
    assert not view.can_undo and view.answer == Answer()
    assert "taken back" in view.history[0] and "fat" in view.history[1]


def test_rows_that_were_read_before_are_not_taken_twice() -> None:
    review = rows(verdict(term="fat"))
    again = replace(verdict(term="fat"), number=1, time=datetime.now(UTC))
    assert not review.take([again]) and review.last == 1


def test_a_teams_review_of_a_cohort_keeps_no_panel_waiting() -> None:
    subjects = [
        Subject(memory, index, f"case {case}")
        for case in range(60)
        for memory in ("positive", "negative")
        for index in range(16)
    ]
    review = rows(*(verdict(one, who, term="fat") for who in "ABCDE" for one in subjects))
    started = perf_counter()
    for subject in subjects[:20]:
        assert len(review.view(subject, "A", blinded=False, kappa="").others) == 4
        assert len(review.marks("A", "case 7", blinded=False)) == 32
    assert perf_counter() - started < 0.5, "each looks at every row"


def test_neutral_names_mix_both_memories_and_are_others_for_another_model(blind: None) -> None:
    every = [ComponentName(m, i) for m in ("positive", "negative") for i in range(4)]
    names = {name.text: name for name in every}
    assert set(names) == {f"A{number}" for number in range(1, 9)}
    by_name = [name.memory for name in sorted(every, key=lambda name: name.order)]
    assert by_name not in ([*"pn"], sorted(by_name), sorted(by_name, reverse=True))
    before = {name: name.text for name in every}
    meet_components("b" * 64, 4)
    assert {name: name.text for name in every} != before
    meet_components(MODEL, 4)
    assert {name: name.text for name in every} == before


def test_no_order_filter_or_overlay_tells_the_memory(blind: None) -> None:
    unused = [
        ComponentView(m, i, 0.0, 0.1 * (m == "positive"), (), ())
        for m in ("positive", "negative")
        for i in range(4)
    ]
    for sort, _ in sorts():
        assert ordered(unused, sort) == sorted((v.component for v in unused), key=lambda n: n.order)
    assert "attention" not in dict(sorts()) and "attention" not in unused[0].facts
    assert not any(Arrangement(text="positive").shows(view) for view in unused)
    assert [kind for kind, _ in kinds()] == ["similarity", "tissue", "none"]


@pytest.mark.parametrize(
    "where",
    [
        "postgresql://anna:secret@db/review",
        "postgresql://db/review?user=anna&password=secret",
        "mysql://db/review",
    ],
)
def test_preferences_take_no_password_and_no_other_database(where: str) -> None:
    with pytest.raises(PreferenceError) as raised:
        Preferences(review=where)
    assert "secret" not in str(raised.value)
    assert Preferences.from_kept({"review": where, "reviewer": " Anna "}).reviewer == "Anna"
    kept = Preferences(review="postgresql://anna@db:5432/review")
    assert Preferences.from_kept({"review": kept.review}) == kept


def test_a_list_of_muted_components_tells_no_memory_while_blinded(blind: None) -> None:
    muted = {"positive": [3, 0, 1], "negative": [2, 0]}
    names = component_texts(muted).split(", ")
    assert len(names) == 5 and names == sorted(names)  # by their neutral names, A1 to A8
    set_blinded(False)
    assert component_texts(muted) == component_names(muted) == "C⁺0, C⁺1, C⁺3, C⁻0, C⁻2"
