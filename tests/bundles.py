"""What goes into the evidence bundles of tests, names among it, and what is in a zip."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import shapely

from momkd_core.annotation_files import AnnotationFile
from momkd_core.annotations import Annotation, AnnotationClass
from momkd_core.verdicts import Subject, Verdict

CASE, PATIENT, READER = "Biopsy_471108", "Muster_Annabel", "Dr. Quack"
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
    verdict(Subject("negative", 0), "fat & <script>alert(1)</script>", 1, reviewer="Dr. Zweiter"),
    verdict(Subject("positive", 0, "Biopsy_081577"), "of another case", 3),
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
    "slide": f"/home/annabel/{FILE}",
    "open": {FILE: True},
    "overlay": None,
}


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# -- what goes in comes back ---------------------------------------------------------------------
