"""A slide of a cohort, read by all open models."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from momkd_core.errors import Cancelled, MomkdError
from momkd_core.feature_folder import FEATURE_SUFFIXES
from momkd_core.progress import CancelToken, Report
from momkd_core.slide_summary import SlideSummary
from momkd_viewer.jobs.kept_results import find_kept, keep
from momkd_viewer.jobs.runner import Work, named
from momkd_viewer.jobs.slide_work import load_features
from momkd_viewer.state.analysis import Asked, Reader
from momkd_viewer.state.source import Source
from momkd_viewer.state.work_list import CaseFinding

if TYPE_CHECKING:
    from momkd_core.features import FeatureBag


@dataclass(frozen=True)
class SlideFindings:
    """What models said of a slide.

    Attributes:
        seconds: that analysing took; None where all of it was known.
    """

    findings: dict[Asked, CaseFinding]
    seconds: float | None


def find_all(source: Source, readers: Sequence[Reader]) -> Work:
    """What models say of a slide, each kept as soon as it is known; a failure is a finding, too.

    Features are loaded once for models that take the same ones.
    """

    def work(report: Report, cancel: CancelToken) -> SlideFindings:
        report(0, 0, f"analysing {source.path.name}")
        started = time.monotonic()
        kept = {reader.asked: find_kept(source, reader) for reader in readers}
        findings = {asked: finding for asked, finding in kept.items() if finding is not None}
        missing = [reader for reader in readers if reader.asked not in findings]
        features = _FeaturesOnce(source, report, cancel)
        for reader in missing:
            findings[reader.asked] = _read(source, reader, features)
            cancel.raise_if_cancelled()
        return SlideFindings(findings, time.monotonic() - started if missing else None)

    return work


def _read(source: Source, reader: Reader, features: _FeaturesOnce) -> CaseFinding:
    from momkd_core.prediction import EncodedSlide

    try:
        bag = features.of(reader)
        encoded = EncodedSlide(reader.model, bag, source.path.stem)
        result = encoded.result(reader.muted_by_memory)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001 - of this model and slide: the others are read
        return CaseFinding(failure=str(named(error)))
    summary = SlideSummary.of(result)
    keep(source, reader.model, reader.muted_by_memory, summary)
    return CaseFinding(result.predicted, summary)


class _FeaturesOnce:
    """A slide's features, loaded once for each way in which models want them made."""

    def __init__(self, source: Source, report: Report, cancel: CancelToken) -> None:
        self._source, self._report, self._cancel = source, report, cancel
        self._known: list[tuple[object, FeatureBag | MomkdError]] = []

    def of(self, reader: Reader) -> FeatureBag:
        """Raises as :func:`load_features`; what failed once is not tried again."""
        in_file = self._source.analysed.suffix.lower() in FEATURE_SUFFIXES
        way = None if in_file else reader.model.card.extraction
        known = next((bag for of, bag in self._known if of == way), None)
        bag = known if known is not None else self._load(reader)
        if known is None:
            self._known.append((way, bag))
        if isinstance(bag, MomkdError):
            raise bag
        return bag

    def _load(self, reader: Reader) -> FeatureBag | MomkdError:
        try:
            return load_features(self._source, reader.model, self._report, self._cancel)
        except MomkdError as error:
            self._cancel.raise_if_cancelled()
            return error
