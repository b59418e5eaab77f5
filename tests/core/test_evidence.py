"""Evidence bundles: what goes in comes back, names stay out, foreign zips are refused."""

from __future__ import annotations

import json
import re
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import tifffile
from synthetic import tissue_image, write_slide

from momkd_core import evidence_file, load_model, read_features
from momkd_core.annotation_files import AnnotationFile
from momkd_core.annotations import Annotation, AnnotationClass
from momkd_core.cli.main import main
from momkd_core.curation import save_curated
from momkd_core.errors import BundleError, Cancelled, SlideError
from momkd_core.evidence import Evidence, read_bundle, write_bundle
from momkd_core.evidence_gathering import fingerprint, gather
from momkd_core.export import overlay
from momkd_core.features import FeatureBag
from momkd_core.prediction import EncodedSlide
from momkd_core.progress import CancelToken
from momkd_core.review import open_review
from momkd_core.slide import Slide
from momkd_core.verdicts import Subject, Verdict

CASE, PATIENT, READER = "B-4711", "Muster_Anna", "Dr. Quack"
FILE = f"{CASE} {PATIENT}.tif"


def verdict(subject: Subject, note: str, number: int, reviewer: str = READER) -> Verdict:
    return Verdict(
        subject=subject,
        note=note,
        number=number,
        term="tumour",
        credible="yes",
        reviewer=reviewer,
        time=datetime(2026, 5, 4, 9, 30, tzinfo=UTC),
        model_sha256="0" * 64,
        blinded=True,
    )


VERDICTS = (
    verdict(Subject("positive", 1, CASE), f"seen by {READER.upper()} in {CASE.lower()}", 2),
    verdict(Subject("negative", 0), "fat & <script>alert(1)</script>", 1, reviewer="Dr. Zwei"),
    verdict(Subject("positive", 0, "B-0815"), "of another case", 3),
)
ANNOTATIONS = AnnotationFile(
    (
        Annotation(
            "polygon",
            shapely.Polygon([(10, 10), (300, 20), (200.25, 400.5)]),
            name=f"front of {CASE}",
            class_=AnnotationClass("Tumour", (214, 20, 40)),
            note="drawn late",
        ),
    )
)
STATE = {
    "view": [1.5, 2, 0.25],
    "slide": f"/home/anna/{FILE}",
    "open": {FILE: True},
    "overlay": None,
}


@pytest.fixture(scope="module")
def bag(features_folder: Path) -> FeatureBag:
    return read_features(features_folder / "case_00.h5")


@pytest.fixture(scope="module")
def slide_file(cohort_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("named") / FILE
    shutil.copy(cohort_path.parent / "slides" / "case_00.tif", path)
    return path


@pytest.fixture
def evidence(model_path: Path, bag: FeatureBag, slide_file: Path) -> Evidence:
    """With muted components, verdicts, an annotation and a state of the window."""
    model = load_model(model_path)
    encoded = EncodedSlide(model, bag, slide_file.stem)
    with Slide(slide_file) as slide:
        found = gather(
            slide,
            model,
            encoded.result({"positive": [2]}),
            unmuted=encoded.result({}),
            top=4,
        )
    return replace(
        found,
        case_id=CASE,
        patient_id=PATIENT,
        verdicts=VERDICTS,
        annotations=ANNOTATIONS,
        viewer=STATE,
    )


@pytest.fixture
def bundle(evidence: Evidence, tmp_path: Path) -> Path:
    path = tmp_path / "evidence.zip"
    write_bundle(path, evidence)
    return path


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# -- what goes in comes back ---------------------------------------------------------------------


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
    assert record.verdicts[1].about == "C⁺ 1 in this case"
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
    unhashed = known.model_copy(update={"quickhash": None})
    assert unhashed.fits(known)
    assert not unhashed.fits(known.model_copy(update={"bytes": known.bytes + 1}))


def test_components_and_their_patches(evidence: Evidence, bundle: Path) -> None:
    record = read_bundle(bundle).record
    files = contents(bundle)
    muted = [one for one in record.components if one.muted]
    assert [one.name for one in muted] == ["C⁺ 2"]
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


# -- names ---------------------------------------------------------------------------------------

NAMES = re.compile(
    rb"4711|0815|muster|anna|quack|zwei|named", re.IGNORECASE
)  # parts of every name and of the slide's folder


def curated(path: Path, folder: Path) -> Path:
    """A model file whose card names who curated it."""
    out = folder / "curated.safetensors"
    model = load_model(path)
    return save_curated(model, out, {"positive": [2]}, who=READER, why=f"{CASE} is pen")


def test_no_name_is_told(evidence: Evidence, model_path: Path, tmp_path: Path) -> None:
    model = load_model(curated(model_path, tmp_path))
    path = tmp_path / "evidence.zip"
    write_bundle(path, replace(evidence, model=model))
    assert not NAMES.search(path.read_bytes())
    for name, content in contents(path).items():
        assert not NAMES.search(content), name
        if name.endswith(".png"):
            assert png_chunks(content) == {b"IHDR", b"IDAT", b"IEND"}, name
    # A patch's id in GeoJSON is a hash that the slide's name goes into.
    told = overlay(evidence.result)["features"][0]["id"]
    assert told not in contents(path)["overlay.geojson"].decode()
    record = read_bundle(path).record
    assert (record.case, record.patient, record.slide.name) == ("Case 1", None, "Slide 1")
    assert [one.reviewer for one in record.verdicts] == ["Reviewer 1", "Reviewer 2"]
    assert record.verdicts[1].note == "seen by Reviewer 2 in Case 1"
    assert record.verdicts[1].case == "Case 1"
    assert record.viewer == {**STATE, "slide": "…", "open": {"Slide 1": True}}
    assert read_bundle(path).annotations.annotations[0].name == "front of Case 1"

    assert record.model.files_altered
    unpacked = read_bundle(path).unpack_model(tmp_path / "unpacked")
    assert unpacked is not None
    again = load_model(unpacked)
    for ours, theirs in zip(
        again.members[0].network.parameters(), model.members[0].network.parameters(), strict=True
    ):
        assert (ours == theirs).all()


def png_chunks(content: bytes) -> set[bytes]:
    found, at = set(), 8
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        found.add(kind)
        at += 12 + length
    return found


def test_names_are_told_where_asked(evidence: Evidence, model_path: Path, tmp_path: Path) -> None:
    model = load_model(curated(model_path, tmp_path))
    path = tmp_path / "evidence.zip"
    record = write_bundle(path, replace(evidence, model=model, identities=True))
    assert record.verdicts[1].reviewer == READER
    assert not record.model.files_altered
    assert READER.encode() in contents(path)["model.safetensors"]
    page = contents(path)["index.html"].decode()
    assert CASE in page and PATIENT in page and READER in page


def aperio_slide(path: Path) -> Path:
    """A slide as Aperio writes it, with a label picture."""
    image = tissue_image(640, 640, seed=0, nuclei=0.5)
    label = np.full((60, 80, 3), (10, 200, 10), np.uint8)
    with tifffile.TiffWriter(path) as file:
        for pixels, more in (
            (image, {"tile": (256, 256), "description": "Aperio Image\r\n|AppMag = 20|MPP = 0.5"}),
            (image[::8, ::8], {"description": "Aperio Image\r\nthumbnail"}),
            (label, {"description": "Aperio Image\r\nlabel 80x60", "subfiletype": 1}),
        ):
            file.write(np.ascontiguousarray(pixels), photometric="rgb", metadata=None, **more)
    return path


def test_a_label_goes_in_only_where_asked(
    evidence: Evidence, slide_file: Path, tmp_path: Path
) -> None:
    model, result = evidence.model, evidence.result
    with Slide(aperio_slide(tmp_path / "a.svs")) as slide:
        assert "label" in slide.associated_images
        for asked in (False, True):
            path = tmp_path / f"{asked}.zip"
            write_bundle(path, gather(slide, model, result, top=1, label_image=asked))
            assert ("label.png" in contents(path)) == asked
            assert ("label" in read_bundle(path).record.views[-1].caption) == asked
    with Slide(slide_file) as slide, pytest.raises(SlideError, match="neither a label"):
        gather(slide, model, result, label_image=True)


# -- the page ------------------------------------------------------------------------------------


class References(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.places |= {value or "" for name, value in attrs if name in ("src", "href")}
        assert not any(name.startswith("on") for name, _ in attrs)


def test_the_page_needs_nothing_from_elsewhere(bundle: Path) -> None:
    files = contents(bundle)
    text = files["index.html"].decode()
    parser = References()
    parser.feed(text)
    assert "script" not in parser.tags and "link" not in parser.tags
    assert parser.places <= files.keys()
    assert {name for name in files if name.endswith(".png")} <= parser.places
    assert "://" not in text and "url(" not in text and "@import" not in text
    # What somebody typed is text.
    assert "fat &amp; &lt;script&gt;alert(1)&lt;/script&gt;" in text
    for said in ("Case 1", "C⁺ 2 (muted)", "Reviewer 2: tumour, credible: yes", "0.5 × 0.5 µm/px"):
        assert said in text


# -- foreign and damaged zips --------------------------------------------------------------------


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    files = contents(path)
    change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def with_record(**values: Any) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        record = json.loads(files["bundle.json"])
        files["bundle.json"] = json.dumps({**record, **values}).encode()

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_record(format=2), "newer version"),
        (with_record(result=None), "a bundle.json that is none"),
        (with_record(files=[]), "a bundle.json that is none"),
        (lambda files: files.update({"bundle.json": b"{"}), "a bundle.json that is none"),
        (lambda files: files.update({"bundle.json": b"[" * 100_000}), "a bundle.json that is none"),
        (lambda files: files.pop("bundle.json"), "no evidence bundle"),
        (lambda files: files.pop("overview.png"), "does not hold the files that it lists"),
        (lambda files: files.update({"more.exe": b""}), "does not hold the files that it lists"),
        (lambda files: files.update({"patches.csv": b"x"}), "patches.csv is not what was written"),
        (lambda files: files.update({"../up.txt": b""}), r"holds '\.\./up.txt'"),
        (lambda files: files.update({"/etc/passwd": b""}), "holds '/etc/passwd'"),
        (lambda files: files.update({"C:/x": b""}), "holds 'C:/x'"),
        (lambda files: files.update({"a/./../b": b""}), "which no bundle holds"),
    ],
)
def test_changed_bundles_are_refused(
    bundle: Path, change: Callable[[dict[str, bytes]], None], message: str
) -> None:
    rewritten(bundle, change)
    with pytest.raises(BundleError, match=message):
        read_bundle(bundle)


def test_files_that_are_no_bundle(bundle: Path, tmp_path: Path, slide_file: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        read_bundle(tmp_path / "none.zip")
    with pytest.raises(BundleError, match="is no zip"):
        read_bundle(slide_file)
    whole = bundle.read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError, match="is no zip, or not a whole one"):
        read_bundle(tmp_path / "cut.zip")
    with zipfile.ZipFile(bundle) as archive:
        at = archive.getinfo("overview.png").header_offset + 2000
        packed = archive.getinfo("index.html").header_offset + 200
    for place in (at, packed):
        (tmp_path / "rot.zip").write_bytes(whole[:place] + b"\xff\x00\xff" + whole[place + 3 :])
        with pytest.raises(BundleError, match="cannot be unpacked"):
            read_bundle(tmp_path / "rot.zip")


def test_unsafe_zips(bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    shutil.copy(bundle, bomb)
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("b", "w") as out:
        for _ in range(8):
            out.write(bytes(1 << 20))
    assert bomb.stat().st_size < bundle.stat().st_size + 50_000
    with monkeypatch.context() as patch:
        patch.setattr(evidence_file, "_MOST_BYTES", 8 << 20)
        with pytest.raises(BundleError, match="unpack to more than a bundle can be"):
            read_bundle(bomb)
    link = tmp_path / "link.zip"
    shutil.copy(bundle, link)
    with zipfile.ZipFile(link, "a") as archive:
        entry = zipfile.ZipInfo("link.png")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(BundleError, match=r"holds 'link.png'"):
        read_bundle(link)
    twice = tmp_path / "twice.zip"
    shutil.copy(bundle, twice)
    with warnings.catch_warnings(), zipfile.ZipFile(twice, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("index.html", "another page")
    with pytest.raises(BundleError, match=r"holds 'index.html'"):
        read_bundle(twice)


# -- writing -------------------------------------------------------------------------------------


def test_what_cannot_be_written(
    evidence: Evidence, model_path: Path, slide_file: Path, tmp_path: Path, bag: FeatureBag
) -> None:
    with pytest.raises(BundleError, match=r"does not end in \.zip"):
        write_bundle(slide_file, evidence)
    copy = tmp_path / "model.safetensors"
    shutil.copy(model_path, copy)
    model = load_model(copy)
    copy.write_bytes(copy.read_bytes() + b" ")
    with pytest.raises(BundleError, match="changed since it was opened"):
        write_bundle(tmp_path / "e.zip", replace(evidence, model=model))
    copy.unlink()
    with pytest.raises(BundleError, match="cannot be read"):
        write_bundle(tmp_path / "e.zip", replace(evidence, model=model))
    write_bundle(tmp_path / "e.zip", replace(evidence, model=model, include_model=False))
    assert read_bundle(tmp_path / "e.zip").unpack_model(tmp_path) is None
    before = (tmp_path / "e.zip").read_bytes()
    stopped = CancelToken()
    stopped.cancel()
    with pytest.raises(Cancelled):
        write_bundle(tmp_path / "e.zip", evidence, cancel=stopped)
    assert (tmp_path / "e.zip").read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["e.zip"]
    moved = replace(evidence.result, coords=evidence.result.coords + 600)
    with Slide(slide_file) as slide, pytest.raises(BundleError, match="patches of .* lie beside"):
        gather(slide, evidence.model, moved)


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
    assert "muted       C⁺ 2, C⁻ 0" in capsys.readouterr().out
    assert main(["bundle", str(slide_file), "--out", str(out)]) == 1
    assert "--model is missing" in capsys.readouterr().err
    assert main(["bundle", "--check", str(slide_file)]) == 1
    assert "is no zip" in capsys.readouterr().err
