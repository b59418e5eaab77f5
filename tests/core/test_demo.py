"""The demo cohort: deterministic, readable like any other, with a truth that the pixels obey."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from small_demo import CASES, shrink_demo

from momkd_core.cli.main import main
from momkd_core.cohort import read_cohort
from momkd_core.demo import DemoCohort
from momkd_core.demo.cohort_files import draw_slide, write_demo
from momkd_core.demo.plan import SlidePlan, Trouble, plan_cohort
from momkd_core.demo.section import Tissue
from momkd_core.demo.transcriptome import counts, levels, programs
from momkd_core.demo.truth import PATCH, read_truth, tissue_shares
from momkd_core.errors import Cancelled, MomkdError, OutputError, SettingsError
from momkd_core.expression import read_expression
from momkd_core.progress import CancelToken
from momkd_core.slide import Slide
from momkd_core.tissue import find_tissue


def small(number: int = 0, *trouble: Trouble, form: str = "section") -> SlidePlan:
    """A slide of half a millimetre."""
    plan = plan_cohort(4, 0)[0].slides[0]
    tiny = replace(plan.morphology, width=640, height=512, form=form, in_situ=1, lobules=1)
    return SlidePlan("small", number, 1, tiny, trouble)


def draw(folder: Path, plan: SlidePlan) -> DemoCohort:
    demo = DemoCohort(folder)
    draw_slide(demo, plan, 0, CancelToken())
    return demo


@pytest.mark.parametrize("form", ["section", "cores", "fragments"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, form: str) -> None:
    plan = small(0, Trouble.PEN, Trouble.FOLD, form=form)
    once, again = draw(tmp_path / "a", plan), draw(tmp_path / "b", plan)
    other = draw(tmp_path / "c", replace(plan, number=1))
    for name in ("slides/small.tif", "truth/small.png", "truth/small.csv"):
        content = (once.folder / name).read_bytes()
        assert content == (again.folder / name).read_bytes(), name
        assert content != (other.folder / name).read_bytes(), name


def test_pixels_obey_the_truth(tmp_path: Path) -> None:
    demo = draw(tmp_path, small())
    kind = read_truth(demo.truth / "small.png")
    table = pd.read_csv(demo.truth / "small.csv")
    names = [tissue.name.lower() for tissue in Tissue]
    assert np.allclose(table[names].sum(axis=1), 1, atol=1e-3)
    shares = tissue_shares(kind, table[["x", "y"]].to_numpy(), PATCH)
    assert np.allclose(shares, table[names], atol=1e-4)
    with Slide(demo.slide("small")) as slide:
        assert slide.known_mpp is not None and slide.mpp.mean == pytest.approx(0.25)
        assert (slide.width, slide.height) == (2560, 2048)
        # What is drawn as glass is glass to the engine; fat is mostly holes, so it is left out.
        mask = find_tissue(slide)
        found = mask.fractions(table[["x", "y"]].to_numpy(), PATCH)
    solid = table["fat"] < 0.02
    assert np.corrcoef(found[solid], 1 - table["glass"][solid])[0, 1] > 0.97


def test_cohort_reads_like_any_other(demo_folder: Path) -> None:
    demo = DemoCohort(demo_folder)
    cohort = read_cohort(demo.table)
    assert [case.case_id for case in cohort.cases] == [f"demo-00{i}" for i in range(1, CASES + 1)]
    for case in cohort.cases:
        assert {case.values["her2"], case.values["pr"]} <= {"positive", "negative"}
        for slide in case.slides:
            assert slide.slide is not None and slide.slide.is_file()
    expression = read_expression(demo.expression)
    assert len(expression.genes) >= 1000 and {"ERBB2", "ESR1", "MKI67"} <= set(expression.genes)
    frame = pd.read_csv(demo.expression, index_col=0)
    assert (frame.to_numpy() >= 0).all() and frame.dtypes.eq("int64").all()
    # Truth lies apart: nothing that training reads names it.
    assert "truth" not in demo.table.read_text()


def test_planted_trouble_is_recorded() -> None:
    plans = plan_cohort(60, 3)
    planted = [trouble for plan in plans for trouble in plan.all_trouble]
    assert set(planted) == set(Trouble)
    for plan in plans:
        assert (plan.recorded_her2 != plan.her2) == (Trouble.WRONG_HER2 in plan.trouble)
        assert (plan.recorded_pr != plan.pr) == (Trouble.WRONG_PR in plan.trouble)
        assert (len(plan.slides) == 2) == (Trouble.TWO_SLIDES in plan.trouble)
    patients = [plan.patient_id for plan in plans]
    assert len(set(patients)) < len(patients)
    assert not plans[0].all_trouble
    assert plans == plan_cohort(60, 3) and plans != plan_cohort(60, 4)


def test_expression_knows_more_than_the_pixels() -> None:
    """Tissue alike in all cases: what is left is what no slide shows."""
    shares = {Tissue.STROMA: 0.6, Tissue.TUMOUR: 0.3, Tissue.FAT: 0.1}
    rows, truth, grades = [], [], []
    for number, plan in enumerate(plan_cohort(60, 0)):
        random = np.random.default_rng(number)
        level = levels(random, shares, her2=plan.her2, pr=plan.pr, activity=plan.activity)
        rows.append(counts(random, level, plan.site))
        truth.append(plan.her2)
        grades.append(plan.slides[0].morphology.grade)
    table = np.log1p(np.array(rows) / np.sum(rows, axis=1, keepdims=True) * 1e6)
    amplicon = table[:, : len(programs()["her2"])].mean(axis=1)
    by_expression, by_pixels = roc_auc_score(truth, amplicon), roc_auc_score(truth, grades)
    assert by_expression > 0.97
    assert 0.75 < by_pixels < by_expression  # the best that nuclei could tell


def test_an_interrupted_cohort_goes_on(
    demo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink_demo(monkeypatch)
    folder = tmp_path / "demo"
    shutil.copytree(demo_folder, folder)
    lost = DemoCohort(folder).slide("demo-002")
    kept = DemoCohort(folder).slide("demo-001").stat().st_mtime_ns
    before = lost.read_bytes()
    lost.unlink()
    told: list[Path] = []
    write_demo(folder, cases=CASES, seed=0, workers=1, on_slide=told.append)
    assert lost.read_bytes() == before
    assert told[-1] == lost and len(told) == len(list((folder / "slides").iterdir()))
    assert DemoCohort(folder).slide("demo-001").stat().st_mtime_ns == kept


def test_stops_between_blocks(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        draw_slide(DemoCohort(tmp_path), small(), 0, token)
    assert not list(tmp_path.rglob("*.tif"))


def test_refuses_what_it_cannot_do(demo_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="3 cases"):
        write_demo(tmp_path / "few", cases=3)
    (tmp_path / "theirs.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        write_demo(tmp_path, cases=4)
    with pytest.raises(OutputError, match="another demo cohort"):
        write_demo(demo_folder, cases=CASES, seed=1)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "demo.json").write_text("{")
    with pytest.raises(MomkdError, match=r"demo\.json"):
        write_demo(tmp_path / "bad", cases=4)
    assert main(["demo", str(tmp_path / "few"), "--cases", "2"]) == 1
