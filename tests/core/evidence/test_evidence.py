"""Evidence bundles: what goes in comes back, from Python and from the command line."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bundles import ANNOTATIONS, CASE, FILE, PATIENT, STATE, VERDICTS, contents
from synthetic import tissue_image, write_slide

from momkd_core import load_model
from momkd_core.cli.main import main
from momkd_core.evidence import Evidence, read_bundle, write_bundle
from momkd_core.evidence_gathering import fingerprint, gather
from momkd_core.features import FeatureBag
from momkd_core.prediction import EncodedSlide
from momkd_core.review import open_review
from momkd_core.slide import Slide
from momkd_core.storage import ends_key
from momkd_core.verdicts import Subject, Verdict


def test_it_opens_again_to_the_same(
    evidence: Evidence, bag: FeatureBag, slide_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "evidence.zip"
    written = write_bundle(path, replace(evidence, identities=True))
    content = read_bundle(path)
    record = content.record
    assert record == written
    assert content.annotations == ANNOTATIONS
    assert record.viewer == STATE
    assert (record.case, record.patient, record.slide.name) == (CASE, PATIENT, FILE)
    # Of this case, and of no other; in the order of the judgements.
    assert [one.number for one in record.verdicts] == [1, 2]
    assert record.verdicts[1].about == "C⁺1 in this case"
    assert record.verdicts[0].time == VERDICTS[1].time and record.verdicts[0].blinded

    model_file = content.unpack_model(tmp_path / "unpacked")
    assert model_file is not None
    model = load_model(model_file)
    assert model.sha256 == record.model.sha256 == evidence.model.sha256
    muted = {memory: list(indices) for memory, indices in record.result.muted.items()}
    again = EncodedSlide(model, bag, "again").result(muted)
    assert again.probability == record.result.probability
    assert record.result.unmuted is not None and evidence.unmuted is not None
    assert record.result.unmuted.probability == evidence.unmuted.probability
    assert record.result.threshold == model.threshold
    assert record.slide.mpp == (0.5, 0.5) and record.slide.mpp_from == "file"
    assert not record.slide.profile_present


def test_a_slide_is_known_again(bundle: Path, slide_file: Path, tmp_path: Path) -> None:
    known = read_bundle(bundle).record.slide.fingerprint
    with Slide(shutil.copy(slide_file, tmp_path / "renamed.tif")) as slide:
        assert known.fits(fingerprint(slide))
    other = write_slide(tmp_path / "other.tif", tissue_image(640, 640, seed=99))
    with Slide(other) as slide:
        assert not known.fits(fingerprint(slide))
    # A format without a hash: other pixels in a file of the same size are another slide.
    unhashed = known.model_copy(update={"quickhash": None})
    assert unhashed.fits(known)
    altered = tmp_path / "altered.tif"
    altered.write_bytes(slide_file.read_bytes()[:-8] + b"\1" * 8)
    assert altered.stat().st_size == known.bytes
    assert not unhashed.fits(unhashed.model_copy(update={"ends": ends_key(altered)}))
    # A bundle of an older version knows the size alone.
    older = type(known).model_validate(unhashed.model_dump(exclude={"ends"}))
    assert older.fits(known)
    assert not older.fits(known.model_copy(update={"bytes": known.bytes + 1}))


def test_components_and_their_patches(evidence: Evidence, bundle: Path) -> None:
    record = read_bundle(bundle).record
    files = contents(bundle)
    muted = [one for one in record.components if one.muted]
    assert [one.name for one in muted] == ["C⁺2"]
    # A muted component is shown as it is without muting.
    assert evidence.unmuted is not None and evidence.unmuted.match is not None
    best = evidence.unmuted.top_patches("positive", 2, 4)
    expected = evidence.unmuted.match.positive[best, 2]
    assert [one.similarity for one in muted[0].top] == pytest.approx(expected.tolist())
    for component in record.components:
        assert component.picture is not None and component.picture in files
        assert len(component.top) == 4
    assert files["patches.csv"].count(b"\n") == record.result.patches + 1
    assert len(json.loads(files["overlay.geojson"])["features"]) == record.result.patches


def test_the_overview_is_true_to_scale(evidence: Evidence, slide_file: Path) -> None:
    overview, plain = evidence.views[0], evidence.views[2]
    assert overview.name == "overview"
    changed = (overview.image != plain.image).any(axis=2)[:640]
    left = (overview.image.shape[1] - 640) // 2  # a small slide stands in the middle
    covered = np.zeros_like(changed)
    size = evidence.result.size_level0
    for x, y in evidence.result.coords:
        covered[y : y + size, left + x : left + x + size] = True
    assert changed[covered].mean() > 0.9 and not changed[~covered].any()
    # 240 px at 0.5 µm/px are 120 µm: the bar is 100 µm long.
    row = plain.image[640 + 46]
    assert int((row.sum(axis=1) < 150).sum()) in (200, 201)


def test_the_mean_of_folds_has_no_components(
    run_folder: Path, bag: FeatureBag, slide_file: Path, tmp_path: Path
) -> None:
    model = load_model(run_folder)
    with Slide(slide_file) as slide:
        found = gather(slide, model, EncodedSlide(model, bag, "x").result())
    write_bundle(tmp_path / "run.zip", found)
    content = read_bundle(tmp_path / "run.zip")
    assert content.record.components == ()
    assert len(content.record.model.cards) == 3
    unpacked = content.unpack_model(tmp_path / "unpacked")
    assert unpacked is not None and load_model(unpacked).sha256 == model.sha256


def test_the_command(
    model_path: Path,
    features_folder: Path,
    slide_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "e.zip"
    features = features_folder / "case_00.h5"
    arguments = [slide_file, "--model", model_path, "--features", features, "--out", out]
    review = tmp_path / "review.sqlite"
    with open_review(review) as store:
        for case, term in (("Case A", "stroma"), ("Case B", "fat")):
            on = Subject("positive", 1, case)
            sha256 = load_model(model_path).origin_sha256
            store.record(Verdict(subject=on, reviewer="Anna", model_sha256=sha256, term=term))
    arguments += ["--review", review, "--case", "Case A"]
    told = [*(str(part) for part in arguments), "--mute", "positive:2,negative:0", "--top", "2"]
    assert main(["bundle", *told]) == 0
    capsys.readouterr()
    assert main(["bundle", "--check", str(out), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["result"]["muted"] == {"positive": [2], "negative": [0]}
    assert [(v["term"], v["reviewer"]) for v in record["verdicts"]] == [("stroma", "Reviewer 1")]
    assert record["case"] == "Case 1" and record["model"]["files"] == ["model.safetensors"]
    assert main(["bundle", "--check", str(out)]) == 0
    assert "muted       C⁺2, C⁻0" in capsys.readouterr().out
    assert main(["bundle", str(slide_file), "--out", str(out)]) == 1
    assert "--model is missing" in capsys.readouterr().err
    assert main(["bundle", "--check", str(slide_file)]) == 1
    assert "is no zip" in capsys.readouterr().err
