"""What the result panel says of an open model: its answer, or why there is none yet."""

from __future__ import annotations

from dataclasses import replace

from momkd_core.result import SlideResult
from momkd_viewer.state.analysis import OpenModel, Outcome
from momkd_viewer.state.blinding import HIDDEN, blinded, component_texts
from momkd_viewer.widgets.result_panel import ModelView

_OUTSIDE = "This slide is outside what this model knows."
_EVEN = "Attention is nearly even: the overlay shows small differences."


def worded(entry: OpenModel, *, chosen: bool, running: bool, has_source: bool) -> ModelView:
    """A model as the panel shows it; blinded, without anything that tells the memories apart.

    Args:
        chosen: whether overlay and browser show it.
        running: whether it is being run.
        has_source: whether there is a slide, or features, to run it on.
    """
    view = _blind(entry, chosen) if blinded() else _open(entry, chosen)
    if entry.outcome is not None:
        return view
    if entry.failure is not None:
        return replace(view, message=entry.failure, failed=True)
    waiting = "Waiting its turn." if has_source else "Waiting for a slide."
    return replace(view, message="Analysing…" if running else waiting)


def _open(entry: OpenModel, chosen: bool) -> ModelView:
    card = entry.model.card
    classes = f"{card.positive} against {card.negative}"
    view = ModelView(
        title=card.task,
        subtitle=" · ".join(filter(None, (classes, card.organ, entry.model.source))),
        caution=card.remark,
        positive=card.positive,
        chosen=chosen,
    )
    return view if entry.outcome is None else _with_result(view, entry.outcome)


def _blind(entry: OpenModel, chosen: bool) -> ModelView:
    """Nothing of classes and prediction, nor what the model's maker says of them."""
    card, result = entry.model.card, entry.outcome.result if entry.outcome else None
    view = ModelView(
        title=card.task,
        subtitle=" · ".join(filter(None, (card.organ, entry.model.source))),
        positive="",
        chosen=chosen,
        caution=_OUTSIDE if result is not None and result.outside else "",
    )
    if result is None:
        return view
    return replace(view, message=f"Classes and prediction: {HIDDEN[0].lower()}{HIDDEN[1:]}")


def _with_result(view: ModelView, outcome: Outcome) -> ModelView:
    result = outcome.result
    focus = result.background_focus
    outside = (
        f"This slide is outside what this model knows (strangeness {result.strangeness:.1f}, "
        "limit 1): do not trust the prediction."
        if result.outside
        else ""
    )
    return replace(
        view,
        caution=" ".join(part for part in (outside, view.caution) if part),
        predicted=result.predicted,
        probability=result.probability,
        threshold=result.threshold,
        facts=(
            (
                f"P({view.positive})",
                f"{result.probability:.3f}",
                f"Probability of {view.positive}; from {result.threshold:.3f} on it is predicted",
            ),
            ("threshold", f"{result.threshold:.3f}", "At or above it the prediction is positive"),
            (
                "background focus",
                "unknown" if focus is None else f"{focus:.1%}",
                "Background focus: share of the attention that lies on empty glass, "
                "Σ α (1 − tissue fraction)",
            ),
            (
                "effective patches",
                _spread(result),
                "How many patches the attention is spread over: 1 / Σ α²",
            ),
        ),
        message=" ".join(_remarks(outcome)),
    )


def _spread(result: SlideResult) -> str:
    effective = result.effective_patches
    return "unknown" if effective is None else f"{effective:.0f} of {len(result)}"


def _remarks(outcome: Outcome) -> list[str]:
    result, remarks = outcome.result, []
    if result.region is not None:
        remarks.append(
            f"Inside {result.region} alone: {len(result):,} of {result.patches_of_slide:,} patches. "
            "Analyse (F5) goes back to the whole slide."
        )
    if outcome.unmuted is not None:
        names = component_texts(result.muted)
        remarks.append(f"Muted: {names}; without muting {outcome.unmuted.probability:.3f}.")
    if (result.effective_patches or 0.0) > 0.95 * len(result):
        remarks.append(_EVEN)
    return remarks
