"""Verdicts in the window: given, signed, saved, taken back, shared with others, never lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import LIMIT_MS, another_window, dialog, open_all, settle
from postgresql import PASSWORD, Server
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QLineEdit, QTableWidget
from pytestqt.qtbot import QtBot
from telling import every_text

from momkd_core.evidence import read_bundle
from momkd_core.review import Subject, Verdict, open_review
from momkd_viewer.jobs.evidence_work import EvidenceChoice
from momkd_viewer.jobs.report_work import ReportChoice
from momkd_viewer.main_window import MainWindow
from momkd_viewer.resource_files import resource
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.widgets.component_card import ComponentCard
from momkd_viewer.widgets.verdict_panel import VerdictPanel

MODEL = resource("demo/her2.safetensors")  # at hand without training
ONE = ComponentName("positive", 1)
SUBJECT = Subject("positive", 1)


@pytest.fixture
def review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's verdicts are kept."""
    monkeypatch.setenv("MOMKD_REVIEW", str(tmp_path / "review.sqlite"))
    return tmp_path / "review.sqlite"


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> str:
    """A review on a server that does not answer."""
    where = f"postgresql://anna:{PASSWORD}@127.0.0.1:1/review"
    monkeypatch.setenv("MOMKD_REVIEW", where)
    return where


@pytest.fixture
def team(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A review on a server that others use too."""
    where = server.new_database()
    monkeypatch.setenv("MOMKD_REVIEW", where)
    return where


def judge(qtbot: QtBot, window: MainWindow, name: ComponentName = ONE) -> VerdictPanel:
    """Opens a component in detail."""
    window.components.open(name)
    settle(qtbot, window)
    return window.components.detail.panes[0].findChild(VerdictPanel)


def sign(window: MainWindow, name: str = "Anna") -> None:
    window.tools.preferences.name_reviewer(name)


def chip(window: MainWindow) -> str:
    cards = window.browser.lists["positive"].findChildren(ComponentCard)
    return next(c._chip.text() for c in cards if c.view is not None and c.view.component == ONE)


def type_into(panel: VerdictPanel, text: str) -> None:
    panel.note.setFocus()
    panel.note.selectAll()
    panel.note.insertPlainText(text)


def saved(review: Path | str) -> list[Verdict]:
    with open_review(review, create=False) as store:
        return store.history()


def test_a_component_is_judged_signed_noted_and_taken_back(
    qtbot: QtBot, review: Path, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, MODEL, slide_path)
    panel = judge(qtbot, window)
    assert not review.exists(), "looking makes no file"
    panel.credible["no"].click()
    (asked,) = window.findChildren(QInputDialog)
    asked.reject()
    settle(qtbot, window)
    assert not panel.credible["no"].isChecked() and not review.exists(), "unsigned is not said"
    panel.credible["no"].click()
    asked = next(d for d in window.findChildren(QInputDialog) if d.isVisible())
    asked.setTextValue("  Anna   Berg ")
    asked.accept()
    settle(qtbot, window)
    (row,) = saved(review)
    assert (row.reviewer, row.credible, row.subject, row.blinded) == (
        "Anna Berg",
        "no",
        SUBJECT,
        False,
    )
    model = window.analysis.analysis.shown
    assert model is not None and row.model_sha256 == model.model.origin_sha256
    line = panel.term.lineEdit()
    assert line is not None
    line.setText("Apocrine  metaplasia")
    line.setModified(True)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    type_into(panel, "much ink")
    qtbot.keyClick(panel.note, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    settle(qtbot, window)
    last = saved(review)[-1]
    assert (last.term, last.credible, last.note) == ("Apocrine metaplasia", "no", "much ink")
    assert panel.term.findText("Apocrine metaplasia") > 0, "a new term is listed for all"
    assert chip(window) == "✗ Apocrine metaplasia"
    assert (
        panel._signed.text().startswith("Anna Berg, ") and "not saved" not in panel._signed.text()
    )

    panel.popover.undo_wanted.emit()
    settle(qtbot, window)
    assert panel.note.toPlainText() == "" and panel.term.currentText() == "Apocrine metaplasia"
    window.actions_by_name["verdict_undo"].trigger()
    window.actions_by_name["verdict_undo"].trigger()
    settle(qtbot, window)
    assert chip(window) == "" and not panel.credible["no"].isChecked()
    assert len(saved(review)) == 6 and len(panel.popover.text.splitlines()) == 6
    panel.credible["yes"].click()
    settle(qtbot, window)
    panel.credible["yes"].click()
    settle(qtbot, window)
    assert saved(review)[-1].withdrawn, "nothing said any more is a withdrawal"

    panel.credible["unsure"].click()
    settle(qtbot, window)
    with another_window(tmp_path / "settings.ini") as again:
        open_all(qtbot, again, MODEL, slide_path)
        assert chip(again) == "? judged"
        find = again.browser.widget(0).findChild(QLineEdit)
        assert find is not None
        again.browser._filters["positive"]._judged["judged"].trigger()
        assert again.browser.lists["positive"]._views == [again.memory.views[1]]


def test_letters_and_digits_judge_while_the_pane_has_the_focus(
    qtbot: QtBot, review: Path, window: MainWindow, slide_path: Path
) -> None:
    sign(window)
    open_all(qtbot, window, MODEL, slide_path)
    panel = judge(qtbot, window)
    pane = window.components.detail.panes[0]
    pane.gallery.setFocus()
    named = window.actions_by_name["annotation_names"]
    with qtbot.assertNotEmitted(named.triggered):
        for key in (Qt.Key.Key_N, Qt.Key.Key_3):
            qtbot.keyClick(pane.gallery, key)
    settle(qtbot, window)
    assert (saved(review)[-1].credible, saved(review)[-1].term) == ("no", "stroma")
    panel.note.setFocus()
    qtbot.keyClicks(panel.note, "yes 3")
    assert panel.note.toPlainText() == "yes 3" and len(saved(review)) == 2
    window.actions_by_name["verdict_yes"].trigger()
    settle(qtbot, window)
    last = saved(review)[-1]
    assert (last.credible, last.note) == ("yes", "yes 3"), "a note goes with what is said next"


def test_a_case_and_a_component_in_a_case_are_judged_too(
    qtbot: QtBot, review: Path, window: MainWindow, slide_path: Path
) -> None:
    sign(window)
    open_all(qtbot, window, MODEL, slide_path)
    panel = judge(qtbot, window)
    type_into(panel, "of all cases")
    panel.here.click()
    panel.credible["yes"].click()
    window.case_verdict._fold.click()
    window.case_verdict.panel.credible["unsure"].click()
    settle(qtbot, window)
    assert [(r.subject, r.note, r.credible) for r in saved(review)] == [
        (SUBJECT, "of all cases", None),
        (Subject("positive", 1, "tissue"), "", "yes"),
        (Subject(case_id="tissue"), "", "unsure"),
    ]
    type_into(panel, "here")
    window.components.open(ComponentName("positive", 2))
    settle(qtbot, window)
    last = saved(review)[-1]
    assert (last.subject, last.note) == (Subject("positive", 1, "tissue"), "here")
    assert panel.note.toPlainText() == ""


def test_of_two_rows_with_one_slide_the_case_that_was_opened_is_judged(
    qtbot: QtBot, review: Path, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    table = tmp_path / "cohort.csv"
    table.write_text(f"case_id,slide\nfirst,{slide_path}\nsecond,{slide_path}\n")
    sign(window)
    open_all(qtbot, window, MODEL, table)
    for row, case in ((1, "second"), (0, "first")):
        window.cases_list.choose(row)
        settle(qtbot, window)
        window.case_verdict.panel.credible["yes"].click()
        settle(qtbot, window)
        assert saved(review)[-1].subject == Subject(case_id=case)
    window.cases_list.choose(1)
    settle(qtbot, window)
    bundle = tmp_path / "second.zip"
    window.evidence.writing.export(bundle, EvidenceChoice(identities=True))
    settle(qtbot, window)
    assert read_bundle(bundle).record.case == "second"
    report = tmp_path / "second.pdf"
    window.evidence.report.save(report, ReportChoice(identities=True))
    settle(qtbot, window)
    assert b"Report: second" in report.read_bytes()  # its title
    window.actions_by_name["try_cures_here"].trigger()
    cures = window.muting.cures.window
    assert cures is not None and "second" in cures.case.text()


def test_nothing_is_lost_when_the_window_closes(
    qtbot: QtBot, review: Path, window: MainWindow, slide_path: Path
) -> None:
    sign(window)
    open_all(qtbot, window, MODEL, slide_path)
    panel = judge(qtbot, window)
    for row in range(6):
        panel.answer_term(row)
    type_into(panel, "written at the last moment")
    window.close()
    terms = [row.term for row in saved(review)]
    assert terms == ["tumour", "in-situ", "stroma", "lymphocytes", "fat", "necrosis", "necrosis"]
    assert saved(review)[-1].note == "written at the last moment"


def test_a_verdict_waits_for_a_server_that_is_away(
    qtbot: QtBot,
    away: str,
    window: MainWindow,
    slide_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign(window)
    open_all(qtbot, window, MODEL, slide_path)
    panel = judge(qtbot, window)
    panel.answer_term(2)
    qtbot.waitUntil(lambda: "kept here" in window.canvas.banner.text, timeout=LIMIT_MS)
    assert "127.0.0.1:1/review" in window.canvas.banner.text
    assert "not saved yet" in panel._signed.text() and chip(window) == "stroma"
    assert PASSWORD not in every_text(window)
    window.close()
    assert window.isVisible() and "close again" in window.canvas.banner.text

    monkeypatch.setenv("MOMKD_REVIEW", str(tmp_path / "own.sqlite"))
    window.tools.preferences.changed.emit()
    settle(qtbot, window)
    assert [row.term for row in saved(tmp_path / "own.sqlite")] == ["stroma"]
    assert "not saved yet" not in panel._signed.text()
    assert window.review.keeper.waiting == 0


def test_two_reviewers_on_a_server_see_each_other(
    qtbot: QtBot, team: str, window: MainWindow, slide_path: Path
) -> None:
    sign(window)
    window.review.keeper.timer.setInterval(50)
    open_all(qtbot, window, MODEL, slide_path)
    panel = judge(qtbot, window)
    panel.answer_term(2)
    shown = window.analysis.analysis.shown
    assert shown is not None
    sha256 = shown.model.origin_sha256
    with open_review(team) as store:
        qtbot.waitUntil(lambda: len(store.current()) == 1, timeout=LIMIT_MS)
        for index, term in ((1, "stroma"), (0, "fat"), (2, "vessel")):
            said = {"reviewer": "Ben", "model_sha256": sha256, "credible": "no"}
            store.record(Verdict(subject=Subject("positive", index), term=term, **said))
        qtbot.waitUntil(lambda: panel._others.text() != "", timeout=LIMIT_MS)
        assert panel._others.text() == "Ben: stroma, not credible"
        store.record(
            Verdict(
                subject=Subject("positive", 0), reviewer="Anna", model_sha256=sha256, term="fat"
            )
        )
        qtbot.waitUntil(lambda: "kappa" in panel._agreement.text(), timeout=LIMIT_MS)
    qtbot.waitUntil(lambda: "1.00 over 2 comp" in panel._agreement.text(), timeout=LIMIT_MS)
    assert panel._agreement.text().startswith("2 of 2 reviewers agree on stroma; kappa 1.00")
    window.actions_by_name["agreement"].trigger()
    told = dialog(window, "AgreementWindow")
    table = told.findChild(QTableWidget)
    assert table is not None
    first = [table.item(0, column).text() for column in range(3)]
    assert first == ["C⁺0", "Ben: fat, Anna: fat", "100%"] or first[0] == "C⁺0"
    assert "Kappa 1.00 over 2 subjects" in every_text(window, shown=True)


def test_preferences_name_the_reviewer_and_the_place_but_keep_no_password(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    window.actions_by_name["preferences"].trigger()
    asked = dialog(window, "PreferencesDialog")
    asked.reviewer.setText("Anna")
    asked.review.setText("postgresql://anna:secret@db/review")
    asked.accept()
    assert asked.isVisible() and ".pgpass" in asked._problem.text()
    asked.review.setText(str(tmp_path / "team.sqlite"))
    asked.accept()
    assert window.tools.preferences.review == str(tmp_path / "team.sqlite")
    with another_window(tmp_path / "settings.ini") as again:
        assert again.tools.preferences.now.reviewer == "Anna"
        assert again.tools.preferences.review == str(tmp_path / "team.sqlite")
    assert "secret" not in (tmp_path / "settings.ini").read_text()
