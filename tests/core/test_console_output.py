"""What the command line shows: the bar of long work, warnings."""

from __future__ import annotations

import logging

import pytest

from momkd_core.cli.console import Progress, set_up_logging
from momkd_core.storage import log_file


def test_a_resumed_bar_begins_at_what_is_done() -> None:
    """Otherwise the epochs of an earlier call count as done in no time, and the time left is wrong."""
    with Progress() as progress:
        progress._terminal = True
        progress(30, 40, "fold 1: training | loss 0.5")
        bar = progress._bar
        assert bar is not None and (bar.initial, bar.n, bar.total) == (30, 30, 40)
        progress(31, 40, "fold 1: training | loss 0.4")
        assert progress._bar is bar and (bar.initial, bar.n) == (30, 31)


def test_verbs_of_one_process_say_a_warning_once(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        set_up_logging(debug=False)
    logging.getLogger("momkd_core.features").warning("said by the test of the console")
    assert capsys.readouterr().err.count("warning: said by the test of the console") == 1
    assert log_file().read_text(encoding="utf-8").count("said by the test of the console") == 1
