"""Which cases the demo cohort has: their true biomarkers, how that shows, and planted trouble."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from momkd_core.demo.camera import SITES
from momkd_core.demo.fields import Random
from momkd_core.demo.section import Morphology
from momkd_core.errors import SettingsError

FEWEST_CASES = 4
#: Widest and highest that slides are, in microns, by form.
SIZES = {"section": (3072, 2432), "fragments": (3072, 2432), "cores": (3584, 1792)}
_PATCH = 128  # microns: slides end where a patch of 256 px at 0.5 µm/px ends


class Trouble(StrEnum):
    """What was planted in a case or a slide, for triage to find."""

    WRONG_HER2 = "wrong her2 label"
    WRONG_PR = "wrong pr label"
    NO_EXPRESSION = "no expression"
    MUCH_GLASS = "much glass"
    PEN_COVERED = "covered with pen"
    PEN = "pen mark"
    FOLD = "fold"
    TWO_SLIDES = "two slides"
    SECOND_CASE = "second case of a patient"


@dataclass(frozen=True)
class SlidePlan:
    """One slide to draw; ``number`` seeds it."""

    stem: str
    number: int
    site: int
    morphology: Morphology
    trouble: tuple[Trouble, ...]


@dataclass(frozen=True)
class CasePlan:
    """One case: ``her2`` and ``pr`` are the truth, labels may be planted wrong."""

    case_id: str
    patient_id: str
    site: int
    her2: bool
    pr: bool
    activity: float
    trouble: tuple[Trouble, ...]
    slides: tuple[SlidePlan, ...]

    @property
    def recorded_her2(self) -> bool:
        return self.her2 != (Trouble.WRONG_HER2 in self.trouble)

    @property
    def recorded_pr(self) -> bool:
        return self.pr != (Trouble.WRONG_PR in self.trouble)

    @property
    def all_trouble(self) -> tuple[Trouble, ...]:
        """Of the case and of its slides."""
        return (*self.trouble, *(t for slide in self.slides for t in slide.trouble))


def plan_cohort(cases: int, seed: int) -> list[CasePlan]:
    """Plans a cohort; the same arguments give the same plan.

    Raises:
        SettingsError: fewer than :data:`FEWEST_CASES` cases, or a negative seed.
    """
    if cases < FEWEST_CASES:
        raise SettingsError(
            f"A demo cohort of {cases} cases cannot hold both classes",
            f"Ask for at least {FEWEST_CASES}; training over five folds needs 10 or more",
        )
    if seed < 0:
        raise SettingsError(f"The seed {seed} is negative", "Use 0 or more")
    random = np.random.default_rng([seed, 1])
    her2 = _shuffled(random, cases, 0.45)
    pr = _shuffled(random, cases, 0.5)
    trouble = _plant(random, cases)
    plans: list[CasePlan] = []
    number = 0
    for index in range(cases):
        planted = trouble[index]
        site = int(random.integers(len(SITES)))
        activity = float(np.clip(0.55 - 0.25 * pr[index] + random.normal(0, 0.15), 0, 1))
        case_id = f"demo-{index + 1:03d}"
        slides = []
        for copy in range(2 if Trouble.TWO_SLIDES in planted else 1):
            stem = case_id + ("" if Trouble.TWO_SLIDES not in planted else "ab"[copy])
            on_slide = tuple(t for t in planted if t in _ON_SLIDE) if copy == 0 else ()
            form = _form(random, on_slide)
            if number == 0:
                form = "section"  # the slide that a newcomer sees first
            slides.append(
                SlidePlan(
                    stem,
                    number,
                    site,
                    _morphology(random, form, bool(her2[index]), bool(pr[index]), activity),
                    on_slide,
                )
            )
            number += 1
        patient = f"P{index + 1:03d}"
        if Trouble.SECOND_CASE in planted and plans:
            patient = plans[-1].patient_id
        plans.append(
            CasePlan(
                case_id,
                patient,
                site,
                bool(her2[index]),
                bool(pr[index]),
                activity,
                tuple(t for t in planted if t not in _ON_SLIDE),
                tuple(slides),
            )
        )
    return plans


_ON_SLIDE = (Trouble.MUCH_GLASS, Trouble.PEN_COVERED, Trouble.PEN, Trouble.FOLD)


def _shuffled(random: Random, cases: int, share: float) -> np.ndarray:
    positive = np.arange(cases) < max(1, round(share * cases))
    return random.permutation(positive)


def _plant(random: Random, cases: int) -> list[tuple[Trouble, ...]]:
    """Spreads the trouble over cases, one kind each but for what goes together anyway."""
    wanted = {
        Trouble.WRONG_HER2: max(1, round(0.05 * cases)),
        Trouble.MUCH_GLASS: max(1, round(0.08 * cases)),
        Trouble.WRONG_PR: max(1, round(0.05 * cases)),
        Trouble.PEN_COVERED: 1,
        Trouble.NO_EXPRESSION: max(1, round(0.06 * cases)),
        Trouble.TWO_SLIDES: max(1, round(0.08 * cases)),
        Trouble.FOLD: max(1, round(0.08 * cases)),
        Trouble.PEN: max(1, round(0.06 * cases)),
        Trouble.SECOND_CASE: max(1, round(0.04 * cases)),
    }
    planted: list[tuple[Trouble, ...]] = [()] * cases
    # The first case stays clean: it is the one that a newcomer sees first.
    free = list(1 + random.permutation(cases - 1))
    for kind, count in wanted.items():
        for _ in range(count):
            if len(free) > cases // 3:
                planted[free.pop()] = (kind,)
    return planted


def _form(random: Random, trouble: tuple[Trouble, ...]) -> str:
    if Trouble.MUCH_GLASS in trouble:
        return "fragments"
    return "cores" if random.random() < 0.25 else "section"


def _morphology(random: Random, form: str, her2: bool, pr: bool, activity: float) -> Morphology:
    """How biomarkers show in the tissue: on average, never for certain."""

    def about(base: float, effect: float, spread: float) -> float:
        return float(np.clip(base + effect + random.normal(0, spread), 0.02, 0.98))

    grade = about(0.22, 0.46 * her2, 0.20)
    wide, high = SIZES[form]
    width = _PATCH * round(wide * random.uniform(0.88, 1.0) / _PATCH)
    height = _PATCH * round(high * random.uniform(0.88, 1.0) / _PATCH)
    return Morphology(
        width=width,
        height=height,
        form=form,
        extent=float(
            random.uniform(0.55, 0.7) if form == "fragments" else random.uniform(0.78, 0.9)
        ),
        tumour=about(0.42, 0.0, 0.10),
        fat=about(0.16, 0.0, 0.09),
        grade=grade,
        tubules=about(0.12, 0.45 * pr, 0.20),
        nest=float(random.uniform(48, 95)),
        lymphocytes=about(0.42, -0.26 * pr, 0.14),
        in_situ=int(random.integers(1, 6)),
        comedo=about(0.20, 0.45 * her2, 0.25),
        necrosis=max(0.0, about(0.05, 0.05 * (not pr), 0.05) - 0.02),
        lobules=int(random.integers(1, 5)),
        vessels=int(random.integers(8, 16)),
        mitoses=0.003 + 0.02 * activity * grade,
    )
