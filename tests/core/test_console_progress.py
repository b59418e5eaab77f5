"""The bar of long work on a terminal."""

from __future__ import annotations

from momkd_core.cli.console import Progress


def test_a_resumed_bar_begins_at_what_is_done() -> None:
    """Otherwise the epochs of an earlier call count as done in no time, and the time left is wrong."""
    with Progress() as progress:
        progress._terminal = True
        progress(30, 40, "fold 1: training | loss 0.5")
        bar = progress._bar
        assert bar is not None and (bar.initial, bar.n, bar.total) == (30, 30, 40)
        progress(31, 40, "fold 1: training | loss 0.4")
        assert progress._bar is bar and (bar.initial, bar.n) == (30, 31)
