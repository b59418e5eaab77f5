"""Features of many slides from one layout to another: one that fails is named, the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from momkd_core.cohort import Cohort
from momkd_core.encoder_names import encoder_name
from momkd_core.errors import FeatureError, MomkdError, OutputError
from momkd_core.feature_bag import FeatureBag
from momkd_core.feature_export import LAYOUTS
from momkd_core.feature_folder import feature_files
from momkd_core.features import StoredType, read_features
from momkd_core.progress import CancelToken, Report, silent


@dataclass(frozen=True)
class SlideFeatures:
    """A slide's feature file.

    Attributes:
        name: of the slide, which names the new file.
        slide, mpp: the slide and its stated resolution, for corners in microns; None where not known.
    """

    name: str
    file: Path
    slide: Path | None = None
    mpp: float | None = None


@dataclass(frozen=True)
class StatedFacts:
    """What the user states of features that do not say it themselves; None: nothing."""

    encoder: str | None = None
    target_mpp: float | None = None
    patch_size: int | None = None

    def complete(self, name: str, bag: FeatureBag) -> FeatureBag:
        """The bag with what it lacks. Raises :class:`FeatureError` where it says something else."""
        stated: dict[str, Any] = {
            "encoder": None if self.encoder is None else encoder_name(self.encoder),
            "target_mpp": self.target_mpp,
            "patch_size": self.patch_size,
        }
        for fact, value in stated.items():
            found = getattr(bag, fact)
            if value is not None and found is not None and found != value:
                option = "--" + fact.replace("_", "-")
                raise FeatureError(
                    f"{name} says {fact.replace('_', ' ')} {found}, not {value}",
                    f"Leave {option} out: it is for features that do not say it",
                )
        return replace(bag, **{key: value for key, value in stated.items() if value is not None})


@dataclass
class Converted:
    """How many slides were converted and failed, and the files that were written."""

    files: list[Path]
    failed: int = 0


def features_of_cohort(cohort: Cohort, folder: Path | None) -> list[SlideFeatures]:
    """Those of a cohort's rows, in a folder or where the rows say. Raises CohortError, FeatureError."""
    cohort.check_distinct(folder)
    return [
        SlideFeatures(slide.stem, cohort.feature_path(slide, folder), slide.slide, slide.mpp)
        for case in cohort.cases
        for slide in case.slides
    ]


def features_of_path(path: Path) -> list[SlideFeatures]:
    """A feature file, or those of a folder. Raises :class:`FeatureError` where there is none."""
    files = feature_files(path) if path.is_dir() else [path]
    return [SlideFeatures(file.stem, file) for file in files]


def convert(
    slides: Sequence[SlideFeatures],
    layout: str,
    out: Path,
    *,
    dtype: StoredType = "float32",
    stated: StatedFacts | None = None,
    overwrite: bool = False,
    failed: Callable[[str, MomkdError], None],
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> Converted:
    """Reads features of any layout and writes them in another.

    Args:
        layout: of :data:`~momkd_core.feature_export.LAYOUTS`.
        stated: of features that do not say it.
        failed: told of each slide that cannot be converted.

    Raises:
        FeatureError: two slides have one name.
        OutputError: ``out`` cannot be written, which fails every slide alike.
        Cancelled: on request; what is finished stays.
    """
    cancel, stated = cancel or CancelToken(), stated or StatedFacts()
    _check_names(slides)
    count = Converted([])
    for done, slide in enumerate(slides):
        cancel.raise_if_cancelled()
        report(done, len(slides), f"converting {slide.name}")
        try:
            bag = read_features(slide.file, slide=slide.slide, mpp=slide.mpp)
            bag = stated.complete(slide.file.name, bag)
            count.files.append(_write(bag, slide.name, layout, out, dtype, overwrite))
        except OutputError:
            raise
        except MomkdError as error:
            count.failed += 1
            failed(slide.name, error)
    return count


def _write(
    bag: FeatureBag, name: str, layout: str, out: Path, dtype: StoredType, overwrite: bool
) -> Path:
    """The file of a slide in a layout, written. Raises FeatureError where it is there, OutputError."""
    place, write = LAYOUTS[layout]
    target = place(out, name, bag)
    if target.exists() and not overwrite:
        raise FeatureError(f"{target} exists", "Choose another --out folder, or pass --overwrite")
    return write(out, name, bag, dtype)


def _check_names(slides: Sequence[SlideFeatures]) -> None:
    seen: dict[str, Path] = {}
    for slide in slides:
        if slide.name in seen:
            raise FeatureError(
                f"{seen[slide.name]} and {slide.file} are both of a slide {slide.name!r}: one would "
                "overwrite the other",
                "Convert them into folders of their own",
            )
        seen[slide.name] = slide.file
