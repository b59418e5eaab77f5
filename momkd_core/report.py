"""A report: what a model says of one case and why, as pages for a meeting.

It says what an evidence bundle says, without its data: A4, research use only on every page, and no
names of people, case or slide unless they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from momkd_core.component_names import component_names
from momkd_core.errors import OutputError
from momkd_core.evidence import Evidence, pseudonyms_of, record_of
from momkd_core.evidence_page import number, words
from momkd_core.evidence_record import NOTICE, BundleRecord, ResultRecord
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.report_caveats import caveats
from momkd_core.report_certainty import certainty
from momkd_core.report_components import components, patch_width, verdicts
from momkd_core.report_layout import (
    WIDTH,
    Flowable,
    document,
    facts,
    heading,
    named,
    notice,
    room,
    side_by_side,
    small,
    strong,
    text,
    title,
    view_of_slide,
    warning,
)
from momkd_core.storage import write_bytes

_HIGHEST = 300.0  # points of a picture of the slide
_LONGEST_FOOTER = 60
# Shown elsewhere, long, or of the training alone.
_OF_ONE_FOLD = ("fold", "threshold", "metrics", "familiarity_limit", "familiarity_cases")
_NOT_SHOWN = ("note", "genes", "profiles", "training", "model", "muted", "curation", "versions")


def check_path(path: Path) -> None:
    """Raises :class:`OutputError` where a report may not be written."""
    if path.suffix.lower() != ".pdf":
        raise OutputError(f"{path} does not end in .pdf", "Give the report a name that does")


def write_report(
    path: Path,
    evidence: Evidence,
    *,
    written: datetime | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> int:
    """Writes a report atomically; how many pages it has.

    Args:
        evidence: of :func:`momkd_core.evidence_gathering.gather`, with verdicts where there are any.
        written: UTC, as stated in it; None for now.

    Raises:
        OutputError: the path does not end in .pdf, or it cannot be written.
        Cancelled: on request; nothing is written then.
    """
    check_path(path)
    report(0, 0, "writing the report")
    names = pseudonyms_of(evidence)
    record = record_of(evidence, names)
    now = (written or datetime.now(UTC)).replace(microsecond=0)
    record = record.model_copy(update={"written": now})
    parts = [
        *_answer(record),
        *view_of_slide(evidence.views[0], WIDTH, _HIGHEST, _microns_across(record)),
        heading("Caveats"),
        *(named(one.words, one.reason) for one in caveats(evidence, record, names)),
        *_numbers(record, names.text(evidence.result.background_focus_reason)),
        *_views(evidence, record),
        *components(evidence, record),
        *verdicts(record),
        *_model(record),
    ]
    if cancel is not None:
        cancel.raise_if_cancelled()
    about = f"{record.case}, {record.model.card['task']}"
    short = about if len(about) <= _LONGEST_FOOTER else f"{about[:_LONGEST_FOOTER]}…"
    content, pages = document(parts, f"Report: {about}", short, now)
    if cancel is not None:
        cancel.raise_if_cancelled()
    write_bytes(path, content)
    return pages


def _answer(record: BundleRecord) -> Iterator[Flowable]:
    result, card = record.result, record.model.card
    yield title(f"{record.case}: {card['task']}")
    patient = f", patient {record.patient}" if record.patient else ""
    yield small(
        f"{record.slide.name}{patient}, written {record.written:%Y-%m-%d %H:%M} UTC by MoMKD Viewer "
        f"{record.program}"
    )
    yield notice(NOTICE)
    if result.outside:
        yield warning(
            "This slide is outside what the model knows (strangeness "
            f"{number(result.strangeness, '.2f')}, above 1): do not trust the prediction."
        )
    yield strong(
        f"{result.predicted}, probability of {card['positive']} {number(result.probability)} "
        f"(threshold {number(result.threshold)})"
    )
    for sentence in certainty(record):
        yield text(sentence)


def _views(evidence: Evidence, record: BundleRecord) -> Iterator[Flowable]:
    cells = [
        view_of_slide(view, WIDTH / 2 - 9, _HIGHEST, _microns_across(record))
        for view in evidence.views[1:]
    ]
    if not cells:  # a model without affinity and attention: the slide alone is above
        return
    yield room(200)
    yield heading("Attention, and the slide alone" if len(cells) > 1 else "The slide alone")
    yield side_by_side(cells, 2)


def _microns_across(record: BundleRecord) -> float | None:
    slide = record.slide
    return None if slide.mpp is None else slide.mpp[0] * slide.fingerprint.width


def _numbers(record: BundleRecord, focus_reason: str) -> Iterator[Flowable]:
    result, slide = record.result, record.slide
    rows = [*_muting(record)]
    if len(result.fold_probabilities) > 1:
        folds = zip(result.fold_probabilities, result.fold_thresholds, strict=True)
        rows.append(("Folds", ", ".join(f"{p:.3f} (threshold {t:.3f})" for p, t in folds)))
    focus = result.background_focus
    width = patch_width(record)
    rows += [
        (
            "Background focus",
            f"unknown: {focus_reason}"
            if focus is None
            else f"{focus:.1%} of attention on empty glass",
        ),
        (
            "Strangeness",
            f"{number(result.strangeness, '.2f')} (above 1 the slide is outside what the model knows)",
        ),
        (
            "Patches",
            f"{result.patches}, of {result.size_level0} × {result.size_level0} px"
            f"{f' ({width})' if width else ''}{_spread(result)}",
        ),
        ("Encoder", result.encoder or "unknown"),
        (
            "Slide",
            f"{slide.fingerprint.width} × {slide.fingerprint.height} px, {_resolution(record)}",
        ),
        ("Content hash", slide.fingerprint.quickhash or "none in this format"),
    ]
    yield heading("In numbers")
    yield facts(rows)


def _spread(result: ResultRecord) -> str:
    if result.effective_patches is None:
        return ""
    return f"; attention is spread over {result.effective_patches:.1f} of them (1 / Σ α²)"


def _muting(record: BundleRecord) -> Iterator[tuple[str, str]]:
    result, before = record.result, record.result.unmuted
    if result.muted:
        names = component_names(result.muted)
        yield "Muted", f"{names}, left out of the answer without retraining"
    if before is not None:
        yield (
            "Without muting",
            f"{before.predicted}, probability {before.probability:.3f}, background focus "
            f"{number(before.background_focus)}",
        )


def _resolution(record: BundleRecord) -> str:
    slide = record.slide
    if slide.mpp is None:
        return "resolution unknown"
    source = "the file says" if slide.mpp_from == "file" else "a user stated"
    return f"{slide.mpp[0]:.4g} × {slide.mpp[1]:.4g} µm/px, as {source}"


def _model(record: BundleRecord) -> Iterator[Flowable]:
    card = record.model.card
    of_run = len(record.model.cards) > 1
    hidden = (*_NOT_SHOWN, *_OF_ONE_FOLD) if of_run else _NOT_SHOWN
    rows = [("SHA-256", record.model.sha256), ("Source", record.model.source)]
    rows += [
        (name.replace("_", " "), words(value)) for name, value in card.items() if name not in hidden
    ]
    rows.append(("genes", str(len(card["genes"]))))
    rows.append(("muted by the file", component_names(card["muted"]) or "none"))
    rows += [
        (
            "curation",
            f"{step['when'][:10]}, {step['who']}: without {component_names(step['muted'])}. "
            f"{step['why']}",
        )
        for step in card["curation"]
    ]
    yield heading("The model")
    yield facts(rows)
