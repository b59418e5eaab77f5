"""What a review of 10,240 verdicts costs, against one of 160 in the same run.

    python tests/benchmarks/review_speed.py

Four reviewers judge components in cases. In an SQLite file, and on a PostgreSQL server where one is
installed; that server does not wait for the disk (fsync off), the file does. Medians of 15 rounds.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert

sys.path.insert(0, str(Path(__file__).parents[1]))

from postgresql import running_server, server_programs

from momkd_core.agreement import agreement
from momkd_core.review import ReviewStore, Subject, Verdict, open_review
from momkd_core.review_schema import verdict_table
from momkd_core.verdicts import TERMS

MODEL = "a" * 64
REVIEWERS = ("Anna", "Bob", "Cem", "Dora")
MINE = Subject("positive", 3, "A-0")


def fill(review: ReviewStore, cases: int) -> None:
    """Four reviewers times 64 components (at most) times cases, straight into the table."""
    some = Verdict(subject=MINE, reviewer="Anna", model_sha256=MODEL, note="seen at 20×")
    row = {k: v for k, v in some.as_json().items() if k not in ("number", "index")}
    rows = [
        row
        | {"memory": memory, "component": index, "case_id": f"A-{case}", "time": some.time}
        | {"reviewer": reviewer, "term": TERMS[(index * 7 + case * 3 + (r > 2)) % 11]}
        for r, reviewer in enumerate(REVIEWERS)
        for memory in ("positive", "negative")
        for index in range(32 if cases > 5 else 4)
        for case in range(cases)
    ]
    with review._writing() as connection:
        connection.execute(insert(verdict_table), rows)


def median_ms(act: Callable[[], object]) -> float:
    def once() -> float:
        start = time.perf_counter()
        act()
        return (time.perf_counter() - start) * 1e3

    return statistics.median(once() for _ in range(15))


def measure(review: ReviewStore) -> dict[str, float]:
    mine = Verdict(subject=MINE, reviewer="Anna", model_sha256=MODEL, term="fat")
    all_of_them = review.current(MODEL)
    last = all_of_them[-1].number
    return {
        "record": median_ms(lambda: review.record(mine)),
        "undo": median_ms(lambda: review.undo("Anna", MODEL, MINE)),
        "what counts on one subject": median_ms(lambda: review.current(MODEL, MINE)),
        "what others added": median_ms(lambda: review.history(MODEL, since=last)),
        "all that counts": median_ms(lambda: review.current(MODEL)),
        "agreement": median_ms(lambda: agreement(all_of_them)),
    }


def compare(what: str, few: str, many: str) -> None:
    with open_review(few) as small, open_review(many) as large:
        fill(small, 5)
        fill(large, 40)
        baseline, found = measure(small), measure(large)
    print(what)
    for name, value in found.items():
        print(f"  {name:28} {value:8.1f} ms   {value / baseline[name]:6.1f} times that of 160")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        compare("SQLite", f"{folder}/few.sqlite", f"{folder}/many.sqlite")
    programs = server_programs()
    if programs is None:
        print("PostgreSQL: no server is installed here")
        return
    with running_server(programs) as server:
        compare("PostgreSQL", server.new_database(), server.new_database())


if __name__ == "__main__":
    main()
