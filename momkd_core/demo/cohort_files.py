"""Writes the demo cohort: slides, tables, and the truth in a folder of its own."""

from __future__ import annotations

import gzip
import io
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pandas as pd

from momkd_core.demo import transcriptome
from momkd_core.demo.anatomy import draw_section
from momkd_core.demo.camera import SITES, Camera, Overlays, draw_dust, draw_fold, draw_pen
from momkd_core.demo.place import VERSION, DemoCohort
from momkd_core.demo.plan import CasePlan, SlidePlan, Trouble, plan_cohort
from momkd_core.demo.slide_file import write_slide
from momkd_core.demo.truth import read_truth, write_truth
from momkd_core.errors import OutputError
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.storage import atomic_path, output_error, write_text

DEFAULT_WORKERS = min(4, os.cpu_count() or 1)

_ABOUT = """A drawn cohort: no patient, no tissue, no measurement.

slides/              pyramidal H&E-like TIFFs, 0.25 µm/px
cohort.csv           cases with their labels, some of them planted wrong
expression.csv.gz    RNA counts, cases x genes; some cases have none
truth/               what was drawn: never train on it
  cases.csv          true biomarkers, subtype, and what was planted in each case
  <slide>.csv        share of each tissue type in each patch (512 px squares at level 0)
  <slide>.png        tissue types at 2 µm a pixel
"""


def write_demo(
    folder: Path,
    *,
    cases: int = 40,
    seed: int = 0,
    workers: int | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    on_slide: Callable[[Path], None] | None = None,
) -> DemoCohort:
    """Draws a cohort; the same ``cases`` and ``seed`` give the same bytes on one machine.

    Another kind of processor rounds differently: there it is the same drawing, a few pixels off by a
    few grey levels. Finished slides are kept: an interrupted call is continued by the same one.

    With several workers a script must call this under ``if __name__ == "__main__":``, as always with
    :mod:`multiprocessing`.

    Args:
        workers: slides drawn at once, in processes of their own of about 0.9 GB each; default one a
            core, four at most.
        on_slide: told each slide that is there to be opened, as soon as it is.

    Raises:
        SettingsError: too few cases.
        OutputError: the folder holds something else, or cannot be written.
        Cancelled: between two slides; finished ones stay.
    """
    plans = plan_cohort(cases, seed)
    cancel = cancel or CancelToken()
    demo = DemoCohort(folder)
    begin_demo(demo, cases, seed)
    slides = [slide for plan in plans for slide in plan.slides]
    tell = on_slide or (lambda path: None)
    for part in (demo.folder / "slides", demo.truth):
        for left in part.glob(".*.part.*"):  # of a process that was killed
            left.unlink(missing_ok=True)
    missing = [slide for slide in slides if not demo.is_drawn(slide.stem)]
    done = len(slides) - len(missing)
    report(done, len(slides), "drawing slides")
    for slide in slides:
        if slide not in missing:
            tell(demo.slide(slide.stem))
    for slide in _drawn(demo, missing, seed, workers or DEFAULT_WORKERS, cancel):
        done += 1
        report(done, len(slides), "drawing slides")
        tell(demo.slide(slide.stem))
    _write_expression(demo, plans, seed)
    return demo


def begin_demo(demo: DemoCohort, cases: int, seed: int) -> None:
    """Makes the folder this cohort's and writes its tables of cases; the slides are still to come.

    Raises:
        SettingsError: too few cases.
        OutputError: the folder holds something else, or cannot be written.
    """
    plans = plan_cohort(cases, seed)
    _claim(demo, cases, seed)
    _write_cases(demo, plans)


def draw_slide(demo: DemoCohort, plan: SlidePlan, seed: int, cancel: CancelToken) -> None:
    """Draws one slide with its truth.

    Raises:
        OutputError: the folder cannot be written.
        Cancelled: between two blocks of pixels.
    """
    random = np.random.default_rng([seed, 2, plan.number])
    section = draw_section(plan.morphology, random, cancel)
    overlays = Overlays(dust=draw_dust(section, random))
    if Trouble.FOLD in plan.trouble:
        overlays.fold = draw_fold(section, random)
    if Trouble.PEN in plan.trouble or Trouble.PEN_COVERED in plan.trouble:
        overlays.pen = draw_pen(section, random, cover=Trouble.PEN_COVERED in plan.trouble)
    site = SITES[plan.site]
    cancel.raise_if_cancelled()
    write_truth(demo.truth, plan.stem, section.kind)
    # The slide comes last: where it is, the truth is.
    write_slide(demo.slide(plan.stem), Camera(section, site, overlays), site.quality, cancel)


def _drawn(
    demo: DemoCohort, plans: Sequence[SlidePlan], seed: int, workers: int, cancel: CancelToken
) -> Iterator[SlidePlan]:
    """Draws slides, in processes where there are several, and names each that is done."""
    if min(workers, len(plans)) <= 1:
        for plan in plans:
            draw_slide(demo, plan, seed, cancel)
            yield plan
        return
    # Spawned, not forked: the caller may have threads (a window, torch) that a fork would break.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    count = min(workers, len(plans))
    with ProcessPoolExecutor(count, context, _remember, (stop,)) as pool:
        running: dict[Future[None], SlidePlan] = {}
        try:
            with _deaf_to_interrupts():
                for plan in plans:
                    running[pool.submit(_draw_here, demo, plan, seed)] = plan
            while running:
                finished, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    yield running.pop(future)
                cancel.raise_if_cancelled()
        except (BrokenProcessPool, RuntimeError) as error:
            raise OutputError(
                "The processes that draw slides could not go on: killed, perhaps for want of memory",
                "Start the same command again with fewer --workers: finished slides are kept. In a "
                'script, call it under if __name__ == "__main__":',
            ) from error
        finally:
            stop.set()
            for future in running:
                future.cancel()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started here inherit it: Ctrl-C reaches all, but the caller says when to stop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _SharedToken(CancelToken):
    """The caller's wish to stop, seen from a process of its own."""

    def __init__(self, event: Event) -> None:
        self._event = event  # type: ignore[assignment]  # the same methods, across processes


_token = CancelToken()


def _remember(event: Event) -> None:
    global _token  # noqa: PLW0603 - the one way to hand a worker process something for all its tasks
    _token = _SharedToken(event)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A killed caller must not leave processes behind that wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _draw_here(demo: DemoCohort, plan: SlidePlan, seed: int) -> None:
    draw_slide(demo, plan, seed, _token)


def _claim(demo: DemoCohort, cases: int, seed: int) -> None:
    """Makes the folder this cohort's. Raises :class:`OutputError` where it is another's."""
    mine = {"version": VERSION, "cases": cases, "seed": seed}
    try:
        if demo.manifest.exists():
            found = json.loads(demo.manifest.read_text(encoding="utf-8"))
        else:
            empty = not demo.folder.is_dir() or not any(demo.folder.iterdir())
            found = mine if empty else None
    except ValueError as error:
        raise OutputError(
            f"{demo.manifest} cannot be read", f"Delete {demo.folder}, or choose another folder"
        ) from error
    except OSError as error:
        raise output_error(demo.manifest, error) from error
    if found is None:
        raise OutputError(
            f"{demo.folder} is not empty and holds no demo cohort", "Choose an empty or new folder"
        )
    if found != mine:
        raise OutputError(
            f"{demo.folder} holds another demo cohort ({_words(found)})",
            f"Choose another folder for {_words(mine)}, or delete that one",
        )
    write_text(demo.manifest, json.dumps(mine, indent=1) + "\n")
    write_text(demo.folder / "ABOUT.txt", _ABOUT)


def _words(manifest: object) -> str:
    if not isinstance(manifest, dict):
        return "unknown"
    return ", ".join(f"{key} {value}" for key, value in manifest.items())


def _write_cases(demo: DemoCohort, plans: Sequence[CasePlan]) -> None:
    rows = [
        {
            "case_id": plan.case_id,
            "patient_id": plan.patient_id,
            "slide": f"slides/{slide.stem}.tif",
            "site": SITES[plan.site].name,
            "her2": _word(plan.recorded_her2),
            "pr": _word(plan.recorded_pr),
        }
        for plan in plans
        for slide in plan.slides
    ]
    truth = [
        {
            "case_id": plan.case_id,
            "her2": _word(plan.her2),
            "pr": _word(plan.pr),
            "planted": "; ".join(dict.fromkeys(plan.all_trouble)),
        }
        for plan in plans
    ]
    for target, content in ((demo.truth / "cases.csv", truth), (demo.table, rows)):
        with atomic_path(target) as path:
            pd.DataFrame(content).to_csv(path, index=False, lineterminator="\n")


def _write_expression(demo: DemoCohort, plans: Sequence[CasePlan], seed: int) -> None:
    table = {}
    for number, plan in enumerate(plans):
        if Trouble.NO_EXPRESSION in plan.trouble:
            continue
        random = np.random.default_rng([seed, 3, number])
        kinds = [read_truth(demo.truth / f"{slide.stem}.png") for slide in plan.slides]
        level = transcriptome.levels(
            random,
            transcriptome.tissue_shares(kinds),
            her2=plan.her2,
            pr=plan.pr,
            activity=plan.activity,
        )
        table[plan.case_id] = transcriptome.counts(random, level, plan.site)
    expression = pd.DataFrame.from_dict(
        table, orient="index", columns=list(transcriptome.gene_names())
    )
    text = io.StringIO()
    expression.to_csv(text, index_label="case_id", lineterminator="\n")
    with atomic_path(demo.expression) as path:
        # No time stamp in the header: the same seed gives the same bytes.
        path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def _word(positive: bool) -> str:
    return "positive" if positive else "negative"
