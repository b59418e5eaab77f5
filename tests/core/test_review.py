"""Verdicts in SQLite and on a real PostgreSQL server: kept, undone, shared by several at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from reviewing import C3, MODEL, verdict
from sqlalchemy.exc import DBAPIError

from momkd_core.errors import ReviewError
from momkd_core.review import ReviewStore, Subject, open_review


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a review that does not exist yet."""
    if request.param == "sqlite":
        return str(tmp_path / "review.sqlite")
    return request.getfixturevalue("server").new_database()


@pytest.fixture
def review(where: str) -> Iterator[ReviewStore]:
    with open_review(where) as opened:
        yield opened


def start(where: str, script: str) -> subprocess.Popen[str]:
    """Another process with an open ``review``, as another person's computer would be."""
    opening = (
        "import sys, time\n"
        "from momkd_core.review import Subject, Verdict, open_review\n"
        f"C3, MODEL = Subject('positive', 3), {MODEL!r}\n"
        "review = open_review(sys.argv[1])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", opening + script, where], stdout=subprocess.PIPE, text=True
    )


def test_a_change_keeps_what_was_said_before_and_undo_goes_back_step_by_step(
    where: str, review: ReviewStore
) -> None:
    first = review.record(verdict(term="stroma", blinded=True))
    second = review.record(verdict(term="fat", credible="no", note="only fat"))
    assert [first.number, second.number] == [1, 2]
    assert review.current() == [second]

    restored = review.undo("Anna", MODEL, C3)
    assert restored is not None
    assert (restored.term, restored.blinded, restored.undoes) == ("stroma", True, 2)
    assert review.current() == [restored]

    withdrawal = review.undo("Anna", MODEL, C3)
    assert withdrawal is not None and withdrawal.withdrawn and withdrawal.undoes == 1
    assert review.current() == []
    assert review.undo("Anna", MODEL, C3) is None

    third = review.record(verdict(term="vessel"))
    review.record(verdict(withdrawn=True))
    assert review.current() == []
    back = review.undo("Anna", MODEL, C3)
    assert back is not None and back.term == "vessel" and not back.withdrawn
    with open_review(where) as again:
        rows = again.history()
    assert rows[:5] == [first, second, restored, withdrawal, third]
    assert [row.number for row in rows] == list(range(1, 8))
    assert [row.undoes for row in rows] == [None, None, 2, 1, None, None, 6]


def test_what_counts_is_asked_by_model_subject_and_reviewer(review: ReviewStore) -> None:
    in_case, case = Subject("positive", 3, "A-01"), Subject(case_id="A-01")
    component = review.record(verdict())
    review.record(verdict(in_case, term="fat"))
    of_bob = review.record(verdict(reviewer="Bob", term="fat"))
    whole_case = review.record(verdict(case, credible="unsure"))
    other_model = review.record(verdict(model="b" * 64))
    later = review.record(verdict(in_case, term="mixed"))

    assert review.current(MODEL) == [component, of_bob, whole_case, later]
    assert review.current(MODEL, C3) == [component, of_bob]
    assert review.current(MODEL, case) == [whole_case]
    assert review.current(subject=C3, reviewer=" Anna ") == [component, other_model]
    assert [row.number for row in review.history(MODEL, since=3)] == [4, 6]
    # Bob's undo is of what Bob said.
    assert review.undo("Bob", MODEL, in_case) is None


def test_text_and_time_come_back_as_they_were_given(review: ReviewStore) -> None:
    noon = datetime(2026, 7, 1, 12, 0, 0, 123456, timezone(timedelta(hours=2)))
    note = '  l\'été — "5 µm"; DROP TABLE;\n%s 100 % 😀 '
    review.record(verdict(Subject(case_id="Ä/1; '"), "Zoë  O'Brien", note=note, time=noon))
    found = review.current()[0]
    assert (found.note, found.reviewer, found.subject.case_id) == (note, "Zoë O'Brien", "Ä/1; '")
    assert found.time == noon and found.time.tzinfo is UTC and found.time.hour == 10


def test_terms_are_a_list_that_reviewers_extend(where: str, review: ReviewStore) -> None:
    with pytest.raises(ReviewError, match=r"'calcification' is not a term.*add it"):
        review.record(verdict(term="calcification"))
    assert review.add_term(" calcification ", "Anna") == "calcification"
    with open_review(where) as another:
        assert another.add_term("Calcification", "Bob") == "calcification"
        assert another.add_term("STROMA", "Bob") == "stroma"
        assert another.terms()[-2:] == ("mixed", "calcification")
    assert review.record(verdict(term="calcification")).number == 1


def test_two_processes_that_start_and_write_at_once_lose_nothing(where: str) -> None:
    script = (
        "for i in range(30):\n"
        "    term = review.add_term(f'term {i}', NAME)\n"
        "    print(review.record(Verdict(subject=C3, reviewer=NAME, model_sha256=MODEL,\n"
        "          term=term)).number)\n"
        "for _ in range(10): print(review.undo('Both', MODEL, C3).undoes)\n"
    )
    with open_review(where) as review:
        for _ in range(30):
            review.record(verdict(reviewer="Both"))
    names = ("Anna", "Bob", "Cem")
    writers = [start(where, f"NAME = {name!r}\n{script}") for name in names]
    printed = [[int(line) for line in w.communicate(timeout=120)[0].split()] for w in writers]
    assert [w.returncode for w in writers] == [0, 0, 0]
    with open_review(where) as review:
        rows = review.history()
        for name, numbers in zip(names, printed, strict=True):
            assert [row.number for row in rows if row.reviewer == name] == numbers[:30]
        # Each undo of one reviewer at three computers took back a row of its own.
        assert sorted(n for numbers in printed for n in numbers[30:]) == list(range(1, 31))
        assert len(rows) == 30 + 3 * 30 + 30
        assert len(review.terms()) == 11 + 30
        assert [v.reviewer for v in review.current()] == sorted(
            names, key=lambda name: printed[names.index(name)][29]
        )


def test_programs_that_make_the_same_review_at_once_agree(where: str) -> None:
    script = (
        "new = Verdict(subject=C3, reviewer='A', model_sha256=MODEL, note='x')\n"
        "print(review.record(new).number)"
    )
    writers = [start(where, script) for _ in range(4)]
    numbers = [int(writer.communicate(timeout=120)[0]) for writer in writers]
    assert sorted(numbers) == [1, 2, 3, 4]


def test_a_killed_client_leaves_what_it_recorded_and_no_half_verdict(where: str) -> None:
    script = (
        "while True:\n"
        "    print(review.record(Verdict(subject=C3, reviewer='Anna', model_sha256=MODEL,\n"
        "          term='fat', note='x' * 9000)).number, flush=True)\n"
    )
    client = start(where, script)
    assert client.stdout is not None
    told = [int(client.stdout.readline()) for _ in range(30)]
    client.kill()
    told += [int(line) for line in client.stdout.read().split("\n")[:-1]]
    client.communicate()
    with open_review(where) as review:
        rows = review.history()
        assert {*told} <= {row.number for row in rows} and len(rows) <= len(told) + 1
        assert {len(row.note) for row in rows} == {9000}


def test_a_client_killed_between_writing_and_saving_holds_nobody_up(where: str) -> None:
    script = (
        "from momkd_core.review import _add\n"
        "with review._writing() as connection:\n"
        "    _add(connection, Verdict(subject=C3, reviewer='A', model_sha256=MODEL, note='x'))\n"
        "    print('added', flush=True)\n"
        "    time.sleep(600)\n"
    )
    client = start(where, script)
    assert client.stdout is not None and client.stdout.readline() == "added\n"
    with open_review(where) as review:
        assert review.current() == []  # readers do not wait
        client.kill()
        client.communicate()
        review.record(verdict())
        assert [row.reviewer for row in review.history()] == ["Anna"]


def test_threads_share_a_store(review: ReviewStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda i: review.record(verdict(note=str(i))), range(80)))
    assert sorted(row.number for row in rows) == list(range(1, 81))
    assert {row.note for row in review.history()} == {str(i) for i in range(80)}


def test_the_database_itself_refuses_to_change_a_row(review: ReviewStore) -> None:
    kept = review.record(verdict())
    for change in ("UPDATE review_verdict SET term = 'fat'", "DELETE FROM review_verdict"):
        with (
            pytest.raises(DBAPIError, match="only ever added to"),
            review._engine.begin() as connection,
        ):
            connection.exec_driver_sql(change)
    assert review.history() == [kept]


def test_a_review_of_a_newer_version_is_refused(where: str) -> None:
    with open_review(where) as review, review._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE review_schema SET version = 2")
    with pytest.raises(ReviewError, match=r"newer version.*format 2\)\. Update"):
        open_review(where)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ({"note": " "}, "says nothing"),
        ({"note": "a\x00b"}, "characters that are no text"),
        ({"note": "\udc80"}, "characters that are no text"),
        ({"note": "x" * 10_001}, "10,001 characters is too long"),
        ({"credible": "perhaps"}, "no answer"),
        ({"term": "fat", "reviewer": "  "}, "no reviewer"),
        ({"term": "fat", "model": "abc"}, "not a model's SHA-256"),
        ({"term": "fat", "time": datetime(2026, 1, 1)}, "no time zone"),
    ],
)
def test_a_verdict_that_cannot_be_meant_is_refused(said: dict[str, object], cause: str) -> None:
    with pytest.raises(ReviewError, match=cause):
        verdict(**said)


@pytest.mark.parametrize(
    "parts", [(), ("positive",), ("both", 1), ("positive", -1), (None, 2, "A")]
)
def test_half_a_subject_is_refused(parts: tuple[object, ...]) -> None:
    with pytest.raises(ReviewError, match="no component"):
        Subject(*parts)  # type: ignore[arg-type]
