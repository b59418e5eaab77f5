"""Names and label pictures stay out of a bundle unless asked for; its page needs nothing else."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import tifffile
from bundles import CASE, PATIENT, READER, STATE, contents
from synthetic import tissue_image

from momkd_core import load_model
from momkd_core.curation import save_curated
from momkd_core.errors import SlideError
from momkd_core.evidence import Evidence, read_bundle, write_bundle
from momkd_core.evidence_gathering import gather
from momkd_core.export import overlay
from momkd_core.slide import Slide

# Parts of every name and of the slide's folder; none so short that pixels spell it by chance.
NAMES = re.compile(rb"biopsy|muster|annabel|quack|zweiter|named", re.IGNORECASE)


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
    for said in ("Case 1", "C⁺2 (muted)", "Reviewer 2: tumour, credible: yes", "0.5 × 0.5 µm/px"):
        assert said in text
