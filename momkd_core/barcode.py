"""TCGA barcodes, which say of what patient, sample and vial a file is.

``TCGA-TSS-Participant-SampleVial-PortionAnalyte-Plate-Center``, of which a name may hold the first
parts only: https://docs.gdc.cancer.gov/Encyclopedia/pages/TCGA_Barcode/. A slide's name goes on
after its portion with the kind of slide (DX1 diagnostic; TS1, BS1, MS1: frozen ones).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["patient", "sample", "vial"]
LEVELS: tuple[Level, ...] = get_args(Level)

#: Sample type of a primary solid tumour:
#: https://gdc.cancer.gov/resources-tcga-users/tcga-code-tables/sample-type-codes
PRIMARY = "01"

_PATTERN = re.compile(
    r"TCGA-(?P<site>[A-Z0-9]{2})-(?P<participant>[A-Z0-9]{4})"
    r"(?:-(?P<sample>\d{2})(?P<vial>[A-Z])?"
    r"(?:-(?P<portion>\d{2})[A-Z]?(?:-(?P<next>[A-Z0-9]{2,4}))?)?)?(?![A-Za-z0-9])"
)
_SLIDE = re.compile(r"(DX|TS|BS|MS)[A-Z0-9]?")


@dataclass(frozen=True)
class Barcode:
    """The parts of a barcode, None where the name ends before.

    Attributes:
        site: code of the tissue source site.
        participant: code of the patient within it.
        sample: type of the sample, two digits.
        vial: its letter; Z on diagnostic slides, which are cut from paraffin.
        slide: kind of slide, for instance DX1; None for what is no slide.
    """

    site: str
    participant: str
    sample: str | None = None
    vial: str | None = None
    slide: str | None = None

    @property
    def patient(self) -> str:
        return f"TCGA-{self.site}-{self.participant}"

    @property
    def diagnostic(self) -> bool:
        """Whether it is of a diagnostic slide."""
        return self.slide is not None and self.slide.startswith("DX")

    def at(self, level: Level) -> str | None:
        """The barcode up to a level; None where it ends before."""
        if level == "patient":
            return self.patient
        if self.sample is None or (level == "vial" and self.vial is None):
            return None
        return f"{self.patient}-{self.sample}" + (self.vial or "" if level == "vial" else "")


def parse_barcode(name: str) -> Barcode | None:
    """The barcode that a name starts with; None where it starts with none."""
    found = _PATTERN.match(name.strip())
    if found is None:
        return None
    kind = found["next"] if found["next"] and _SLIDE.fullmatch(found["next"]) else None
    return Barcode(found["site"], found["participant"], found["sample"], found["vial"], kind)
