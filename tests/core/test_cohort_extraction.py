"""A cohort's features: what stops all slides, what stops one, and what passes by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from momkd_core.cli.main import main


def test_an_encoder_that_cannot_be_loaded_fails_once_not_slide_by_slide(
    cohort_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lab.onnx").write_bytes(b"no program")
    stated = {"name": "lab", "width": 3, "size": 64, "mean": [0.5] * 3, "std": [0.5] * 3}
    definition = tmp_path / "lab.json"
    definition.write_text(json.dumps(stated | {"licence": "MIT", "note": "none"}))
    out = tmp_path / "features"
    assert main(["extract", str(cohort_path), "--out", str(out), "--encoder", str(definition)]) == 1
    said = capsys.readouterr().err
    assert said.count("error: ") == 1 and "case_" not in said
    assert not list(out.glob("*.h5"))
