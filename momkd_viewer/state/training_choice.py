"""What a training from the window is asked for, checked beforehand; it becomes ``momkd train``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from momkd_core.cli.train import METHODS as METHODS
from momkd_core.cohort import Cohort
from momkd_core.errors import ExpressionError, FeatureError, SettingsError, TrainingError
from momkd_core.feature_folder import FeatureFolder
from momkd_core.settings import Preset, choose, describe

PRESETS: tuple[Preset, ...] = get_args(Preset)

#: In the run folder: the command that trains it, so that any window goes on with it.
COMMAND_FILE = "command.json"

_MOST_VALUES = 50  # a column with more is no label


@dataclass(frozen=True)
class LabelColumn:
    """A column that can be a label: how many cases have each of its values."""

    name: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class CohortLook:
    """What a cohort offers for training.

    Attributes:
        expression, features, out: proposals, from what lies beside the table; None where nothing does.
        rows_have_features: whether every row names its features.
    """

    path: Path
    cases: int
    columns: tuple[LabelColumn, ...]
    expression: Path | None
    features: Path | None
    out: Path
    rows_have_features: bool


@dataclass(frozen=True)
class TrainingChoice:
    """One training. Paths are absolute; '' and None leave an option out.

    Attributes:
        negative: '' takes the only other value.
        settings: further ``key=value``s.
    """

    cohort: Path
    expression: Path
    label: str
    positive: str
    out: Path
    negative: str = ""
    features: Path | None = None
    method: str = METHODS[0]
    preset: Preset = "paper"
    folds: int = 5
    epochs: int = 50
    seed: int = 0
    settings: tuple[str, ...] = ()
    group: str = ""
    organ: str = ""
    stain: str = ""
    note: str = ""
    refit: bool = True

    def arguments(self) -> list[str]:
        """Of ``momkd``, the verb first."""
        found = ["train", str(self.cohort)]
        for option, value in (
            ("--expression", self.expression),
            ("--features", self.features or ""),
            ("--label", self.label),
            ("--positive", self.positive),
            ("--negative", self.negative),
            ("--group", self.group),
            ("--method", self.method),
            ("--preset", self.preset),
            ("--folds", self.folds),
            ("--epochs", self.epochs),
            ("--seed", self.seed),
            *(("--set", setting) for setting in self.settings),
            ("--organ", self.organ),
            ("--stain", self.stain),
            ("--note", self.note),
            ("--out", self.out),
        ):
            if str(value):
                # In one word: a value may begin with a dash.
                found.append(f"{option}={value}")
        return [*found, "--refit"] if self.refit else found

    def check(self, cohort: Cohort) -> None:
        """Finds what is quickly found; the training itself checks the rest before it begins.

        Args:
            cohort: the table at :attr:`cohort`.

        Raises:
            MomkdError: the first thing wrong.
        """
        choose(self.preset, list(self.settings), epochs=self.epochs, seed=self.seed)
        if not self.label:
            raise SettingsError("No label is chosen", "Choose the column to predict")
        if not self.positive:
            raise SettingsError(
                "No positive value is chosen", "Choose the value that the probability is of"
            )
        cohort.labelled(self.label, self.positive, self.negative or None)
        if self.group:
            cohort.require_column(self.group)
        if not self.expression.is_file():
            raise ExpressionError(
                "There is no expression table" + _at(self.expression), "Choose its file"
            )
        folder = FeatureFolder.of(self.features)
        files = [
            cohort.feature_path(slide, folder)
            for case in cohort.cases
            if case.values[self.label]
            for slide in case.slides
        ]
        missing = [file for file in files if not file.is_file()]
        if missing:
            raise FeatureError(
                f"{len(missing)} of {len(files)} feature files are missing, the first is {missing[0]}",
                "Run momkd extract on the cohort, and choose its folder",
            )
        if self.out == Path():
            raise SettingsError("No run folder is chosen", "Say where the run is to be written")
        if any((self.out / name).exists() for name in ("run.json", COMMAND_FILE, "folds")):
            raise TrainingError(
                f"{self.out} holds a run already",
                "Choose another run folder, or add this one to the list and resume it",
            )


def look_at(cohort: Cohort) -> CohortLook:
    """What a cohort offers; looks at what lies beside its table, so it belongs into a job."""
    columns = []
    for name in cohort.columns:
        values = [case.values[name] for case in cohort.cases if case.values[name]]
        counts = {value: values.count(value) for value in sorted(set(values))}
        if name != "patient_id" and 2 <= len(counts) <= _MOST_VALUES:
            columns.append(LabelColumn(name, tuple(counts.items())))
    folder = cohort.path.parent
    tables = ("expression.csv.gz", "expression.csv", "expression.parquet")
    return CohortLook(
        path=cohort.path,
        cases=len(cohort),
        columns=tuple(columns),
        expression=next((folder / t for t in tables if (folder / t).is_file()), None),
        features=next(
            (f for f in (folder / "features", folder.parent / "features") if f.is_dir()), None
        ),
        out=folder / "runs",
        rows_have_features=all(s.features for case in cohort.cases for s in case.slides),
    )


def fresh_folder(runs: Path, label: str) -> Path:
    """A folder below ``runs`` that is not there yet, named after the label."""
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in label) or "run"
    folder, number = runs / name, 2
    while folder.exists():
        folder, number = runs / f"{name}-{number}", number + 1
    return folder


def settings_offered() -> list[tuple[str, str, str]]:
    """(key, default, meaning) of what can be added as ``key=value``, which has no field of its own."""
    return [row for row in describe() if row[0] not in ("epochs", "seed")]


def kept_command(folder: Path) -> list[str] | None:
    """The command that a window trained a folder with; None where none is kept or it is damaged."""
    try:
        content = json.loads((folder / COMMAND_FILE).read_text(encoding="utf-8"))
        return [str(argument) for argument in content["arguments"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _at(path: Path) -> str:
    return "" if path == Path() else f" at {path}"
