"""Foreign, damaged and unsafe zips are refused, and so is what cannot be written."""

from __future__ import annotations

import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bundles import contents

from momkd_core import evidence_file, load_model
from momkd_core.errors import BundleError, Cancelled
from momkd_core.evidence import Evidence, read_bundle, write_bundle
from momkd_core.evidence_gathering import gather
from momkd_core.features import FeatureBag
from momkd_core.progress import CancelToken
from momkd_core.slide import Slide


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
