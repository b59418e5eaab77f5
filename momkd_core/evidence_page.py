"""``index.html`` of an evidence bundle: the record for people, without the program."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from momkd_core.evidence_record import NOTICE, BundleRecord, ComponentRecord, VerdictRecord
from momkd_core.result import no_components

_UNKNOWN = "unknown"


def page(record: BundleRecord) -> str:
    """The page: no script, nothing from elsewhere; pictures lie beside it in the bundle."""
    return _template().render(
        record=record,
        notice=NOTICE,
        memories=[
            (memory, title, _by_attention(record, memory))
            for memory, title in (
                ("positive", f"Positive memory C⁺ ({record.model.card['positive']})"),
                ("negative", f"Negative memory C⁻ ({record.model.card['negative']})"),
            )
        ],
        no_components=no_components(record.model.card["method"]),
        verdicts_of=_by_component(record),
        muted=[component for component in record.components if component.muted],
    )


def _by_attention(record: BundleRecord, memory: str) -> list[ComponentRecord]:
    """Components of one memory, those with most attention first, muted ones before all."""
    found = [component for component in record.components if component.memory == memory]
    return sorted(found, key=lambda one: (not one.muted, -one.attention, one.index))


def _by_component(record: BundleRecord) -> dict[tuple[str, int], list[VerdictRecord]]:
    found: dict[tuple[str, int], list[VerdictRecord]] = defaultdict(list)
    for verdict in record.verdicts:
        if verdict.memory is not None and verdict.index is not None and not verdict.withdrawn:
            found[verdict.memory, verdict.index].append(verdict)
    return dict(found)


def number(value: float | None, form: str = ".3f") -> str:
    """A number for people; ``unknown`` for None."""
    return _UNKNOWN if value is None else format(value, form).replace("-", "−")


def _percent(value: float) -> str:
    return f"{value:.1%}"


def words(value: Any) -> str:
    """A value of the model card in one line."""
    if value is None or value == "" or value == [] or value == {}:
        return "—"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {words(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        shown = ", ".join(words(item) for item in value[:12])
        return shown if len(value) <= 12 else f"{shown}, … ({len(value)} in all)"
    return str(value)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("momkd_core"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, percent=_percent, words=words)
    return environment.get_template("evidence.html")
