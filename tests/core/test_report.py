"""The report of a case: what its pages say, that names stay out, and that no interval is invented."""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from momkd_core import load_model, read_features
from momkd_core.checkpoint import Model
from momkd_core.cli.main import main
from momkd_core.curation import save_curated
from momkd_core.errors import Cancelled, OutputError
from momkd_core.evidence import Evidence, pseudonyms_of, record_of
from momkd_core.evidence_gathering import gather
from momkd_core.prediction import EncodedSlide
from momkd_core.progress import CancelToken
from momkd_core.report import write_report
from momkd_core.report_certainty import certainty
from momkd_core.slide import Slide
from momkd_core.verdicts import Subject, Verdict

READER, CASE = "Dr. Quack", "case_00"
WRITTEN = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)endobj", re.DOTALL)
_SHOWN = re.compile(rb"/(F\d\+\d+|F\d) [\d.]+ Tf|\(((?:\\.|[^\\()])*)\) Tj", re.DOTALL)


def evidence_of(
    model: Model, cohort: Path, features: Path, muted: list[int] | None = None
) -> Evidence:
    encoded = EncodedSlide(model, read_features(features / f"{CASE}.h5"), CASE)
    result = encoded.result({"positive": muted} if muted else None)
    with Slide(cohort.parent / "slides" / f"{CASE}.tif") as slide:
        unmuted = encoded.result({}) if result.muted else None
        found = gather(slide, model, result, unmuted=unmuted, top=4)
    return replace(found, case_id=CASE)


def verdict(note: str, number: int = 1) -> Verdict:
    return Verdict(
        subject=Subject("positive", 1, CASE),
        term="tumour",
        credible="yes",
        note=note,
        number=number,
        reviewer=READER,
        time=WRITTEN,
        model_sha256="0" * 64,
        blinded=True,
    )


@pytest.fixture
def evidence(model_path: Path, cohort_path: Path, features_folder: Path) -> Evidence:
    return evidence_of(load_model(model_path), cohort_path, features_folder, [2])


def objects_of(path: Path) -> dict[int, bytes]:
    """A PDF's objects, unpacked where they are streams."""
    return {int(number): unpacked(body) for number, body in _OBJECT.findall(path.read_bytes())}


def unpacked(body: bytes) -> bytes:
    if b"/FlateDecode" not in body or b"/DCTDecode" in body:
        return body
    packed = body[body.index(b"stream\n") + 7 : body.rindex(b"endstream")].strip(b"\r\n")
    if b"/ASCII85Decode" in body:  # as reportlab 4 writes
        packed = base64.a85decode(packed.removesuffix(b"~>"))
    return zlib.decompress(packed)


def text_of(path: Path) -> str:
    """All text of a report, with the letters that its fonts' own tables give it."""
    objects = objects_of(path)
    letters: dict[str, dict[int, str]] = {}
    for body in objects.values():
        name = re.search(rb"/Name /(F[\d+]+)", body)
        table = re.search(rb"/ToUnicode (\d+) 0 R", body)
        if name and table:
            rows = re.findall(rb"<([0-9A-F]{2})> <([0-9A-F]{4})>\n", objects[int(table[1])])
            codes = {int(code, 16): chr(int(letter, 16)) for code, letter in rows}
            letters[name[1].decode()] = codes
    said, font = [], ""
    for body in objects.values():
        for chosen, shown in _SHOWN.findall(body):
            if chosen:
                font = chosen.decode()
                continue
            raw = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), shown)
            raw = re.sub(rb"\\(.)", rb"\1", raw)
            codes = letters.get(font, {})
            said.append("".join(codes.get(code, chr(code)) for code in raw))
    return re.sub(r"\s+", " ", " ".join(said))


def test_pages_say_what_the_evidence_says(evidence: Evidence, tmp_path: Path) -> None:
    path = tmp_path / "case.pdf"
    pages = write_report(
        path, replace(evidence, verdicts=[verdict("a <b>duct</b> & α")]), written=WRITTEN
    )
    said = text_of(path)
    result = evidence.result
    assert evidence.unmuted is not None
    for words in (
        "Research use only, not a medical device.",
        f"{result.predicted}, probability of",
        f"{result.probability:.3f}",
        f"probability {evidence.unmuted.probability:.3f}",
        "Memory affinity",
        "Attention",
        "50 µm",
        "C⁺ 2: muted",
        "C⁺ 1 in this case",
        "credible: yes",
        "a <b>duct</b> & α",
        "demo-grade encoder",
        "SHA-256",
        f"page {pages} of",
    ):
        # A PDF's text comes in pieces: spaces say nothing.
        assert words.replace(" ", "") in said.replace(" ", ""), words
    again = tmp_path / "again.pdf"
    write_report(again, replace(evidence, verdicts=[verdict("a <b>duct</b> & α")]), written=WRITTEN)
    assert again.read_bytes() == path.read_bytes()


def test_names_are_told_only_where_asked(
    evidence: Evidence, model_path: Path, tmp_path: Path
) -> None:
    curated = tmp_path / "curated.safetensors"
    save_curated(evidence.model, curated, {"positive": [2]}, who=READER, why=f"{CASE} is pen")
    named = replace(evidence, model=load_model(curated), verdicts=[verdict(f"{READER} on {CASE}")])
    path = tmp_path / "case.pdf"
    for told in (False, True):
        write_report(path, replace(named, identities=told))
        said = text_of(path)
        for name in (CASE, READER):
            assert (name in said) == told
            assert told or name.encode() not in path.read_bytes()
        assert ("Reviewer 1 on Case 1" in said) == (not told)
        assert "Case 1 is pen" in said or told


def test_no_interval_is_invented(
    evidence: Evidence,
    run_folder: Path,
    cohort_path: Path,
    features_folder: Path,
    tmp_path: Path,
) -> None:
    def said(of: Evidence) -> str:
        return " ".join(certainty(record_of(of, pseudonyms_of(of))))

    def with_metrics(**metrics: object) -> Evidence:
        (member,) = evidence.model.members
        card = member.card.model_copy(update={"metrics": metrics})
        return replace(
            evidence, model=replace(evidence.model, members=(replace(member, card=card),))
        )

    assert "No interval" in said(evidence) and "with all components" in said(evidence)
    assert "states none" in said(with_metrics())
    assert "states none" in said(with_metrics(auc=float("nan"), cross_validation="0.9"))
    crossed = {"auc": 0.8, "low": 0.7, "high": 0.9, "cases": 120}
    refit = said(with_metrics(cross_validation={"pooled": crossed}))
    assert "Cross-validated AUC 0.800 (95 % interval 0.700 to 0.900" in refit
    assert "No interval" in refit
    bare = said(with_metrics(cross_validation={"pooled": {"auc": 0.8}}))
    assert "0.800 (its file states no interval; unknown cases" in bare

    run = evidence_of(load_model(run_folder), cohort_path, features_folder)
    found = run.result.member_probabilities
    assert f"Interval {min(found):.3f} to {max(found):.3f}" in said(run)
    assert "not a confidence interval" in said(run)
    write_report(tmp_path / "run.pdf", run)
    assert "each fold has a memory of its own" in text_of(tmp_path / "run.pdf")


def test_long_notes_go_on_over_pages(evidence: Evidence, tmp_path: Path) -> None:
    many = [verdict("word " * 2000, n) for n in range(1, 6)]
    (member,) = evidence.model.members
    card = member.card.model_copy(
        update={"task": "t" * 300, "note": "n" * 9000, "organ": "o " * 4000}
    )
    model = replace(evidence.model, members=(replace(member, card=card),))
    path = tmp_path / "long.pdf"
    assert write_report(path, replace(evidence, model=model, verdicts=many)) > 8
    assert text_of(path).count("word") == 10_000


def test_a_failure_leaves_the_old_file(evidence: Evidence, tmp_path: Path) -> None:
    path = tmp_path / "case.pdf"
    path.write_bytes(b"old")
    stopped = CancelToken()
    stopped.cancel()
    with pytest.raises(Cancelled):
        write_report(path, evidence, cancel=stopped)
    assert path.read_bytes() == b"old"
    with pytest.raises(OutputError, match=r"does not end in \.pdf"):
        write_report(tmp_path / "case.txt", evidence)


def test_the_command(
    model_path: Path,
    cohort_path: Path,
    features_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    slide = str(cohort_path.parent / "slides" / f"{CASE}.tif")
    features = str(features_folder / f"{CASE}.h5")
    out = tmp_path / "case.pdf"
    common = ["report", slide, "--model", str(model_path), "--features", features, "--top", "2"]
    assert main([*common, "--out", str(out), "--mute", "positive:1"]) == 0
    assert "case.pdf written" in capsys.readouterr().out
    assert out.read_bytes().startswith(b"%PDF-")
    assert main([*common, "--out", str(tmp_path / "case.zip")]) == 1
    assert "does not end in .pdf" in capsys.readouterr().err
