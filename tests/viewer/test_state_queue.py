"""The work list and its queue without a window: what is left, what failed, how long it takes."""

from __future__ import annotations

import time
from pathlib import Path

from momkd_core.slide_summary import SlideSummary
from momkd_viewer.state.analysis import Asked, CaseEntry
from momkd_viewer.state.queue_progress import Phase, QueueProgress, duration
from momkd_viewer.state.source import Source
from momkd_viewer.state.work_list import CaseFinding, Shown, WorkList

HER2: Asked = ("her2", frozenset())
PR: Asked = ("pr", frozenset())
BOTH = {HER2: "HER2", PR: "PR"}
BROKEN = CaseFinding(failure="It is broken. Scan it again.")


def path(number: int) -> Path:
    return Path(f"slide-{number}.tif")


def entries(count: int) -> list[CaseEntry]:
    found = (CaseEntry(f"case-{i}", Source(path(i)), {"her2": "positive"}) for i in range(count))
    return list(found)


def finding(probability: float = 0.7) -> CaseFinding:
    summary = SlideSummary("s", probability, None, "", None, 3.0, 9, None, None, None)
    return CaseFinding("positive" if probability >= 0.5 else "negative", summary)


def test_a_slide_is_left_until_every_model_has_read_it() -> None:
    work = WorkList(entries(3), {path(2)})
    work.want(BOTH)
    outcomes = work.outcomes(PR)
    assert list(work.left) == [path(0), path(1)]
    work.add(HER2, path(0), finding())
    assert list(work.left) == [path(0), path(1)] and work.lacking(path(0)) == [PR]
    work.add(PR, path(0), BROKEN)
    assert list(work.left) == [path(1)] and work.failed == {path(0)}
    work.make_ready(path(2))
    assert list(work.left) == [path(1), path(2)]
    work.forget_failures()
    assert list(work.left) == [path(0), path(1), path(2)] and not work.failed
    work.add(PR, path(0), finding(0.2))
    assert outcomes[path(0)].predicted == "negative"  # a live view, whatever was forgotten
    work.want({HER2: "HER2"})
    assert list(work.left) == [path(1), path(2)]
    work.state_resolution(path(0), 0.25)
    assert path(0) in work.left and work.entries[0].source.mpp == 0.25


def test_only_changed_rows_are_worded_anew() -> None:
    work = WorkList(entries(3))
    work.want(BOTH)
    shown = Shown(HER2, "her2", ("positive", "negative"))
    assert [row.finding for row in work.rows(shown)] == [None] * 3
    work.add(HER2, path(1), finding(0.2))
    changed = work.changed_rows(shown)
    assert list(changed) == [1] and changed[1].wrong and not changed[1].trouble
    work.add(HER2, path(1), finding(0.2))  # the same again
    assert not work.changed_rows(shown)
    # Another model's failure is told where the chosen one has none, with its name.
    work.add(PR, path(1), BROKEN)
    assert work.changed_rows(shown)[1].trouble == "PR: It is broken. Scan it again."
    work.add(HER2, path(1), BROKEN)
    assert work.changed_rows(shown)[1].trouble == "It is broken. Scan it again."
    work.want({PR: "PR"})
    work.want({})
    assert work.changed_rows(shown)[1].trouble == ""


def test_ten_thousand_cases_cost_no_more_a_finding() -> None:
    """A limit far above what it takes (a tenth of a second): counting each time took minutes."""
    work = WorkList(entries(10_000))
    work.want(BOTH)
    started = time.perf_counter()
    while work.left:
        found = next(iter(work.left))
        for asked in work.lacking(found):
            work.add(asked, found, finding())
        assert len(work.changed_rows(Shown(HER2))) == 1
    assert time.perf_counter() - started < 20


def test_the_queue_in_words() -> None:
    progress = QueueProgress()
    assert progress.view(Phase.IDLE, 120, 120, 0, 0).text == "0 of 120 analysed"
    progress.record(3.0)
    assert progress.view(Phase.RUNNING, 120, 119, 0, 0).text == "Analysing 2 of 120"
    for seconds in (3.0, None, 3.0, 60.0, None):  # known ones and a slow one set no pace
        progress.record(seconds)
    view = progress.view(Phase.RUNNING, 120, 84, 0, 2)
    assert view.text == "Analysing 37 of 120 · 2 failed · about 4 min left"
    assert (view.done, view.total, view.turn, view.working) == (36, 120, "Pause", True)
    assert not view.can_retry
    paused = progress.view(Phase.PAUSED, 120, 84, 0, 2)
    assert paused.text == "Paused, 36 of 120 done · 2 failed" and paused.turn == "Resume"
    ended = progress.view(Phase.RUNNING, 120, 0, 0, 2)
    assert ended.text == "118 of 120 analysed · 2 failed"
    assert ended.can_retry and not ended.working and ended.turn == ""
    assert progress.view(Phase.RUNNING, 120, 0, 0, 0).text == "All 120 analysed"
    assert progress.view(Phase.IDLE, 24, 0, 4, 0).text == "20 of 24 analysed"


def test_times_are_said_as_roughly_as_they_are_known() -> None:
    said = [duration(s) for s in (1, 42, 57, 250, 3500, 7800, 7200)]
    assert said == ["5 s", "40 s", "1 min", "4 min", "58 min", "2 h 10 min", "2 h"]
