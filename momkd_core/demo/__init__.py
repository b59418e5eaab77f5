"""The demo cohort: drawn H&E-like slides with expression, whose truth is known because we drew it."""

from __future__ import annotations

from momkd_core.demo.cohort_files import VERSION, DemoCohort, begin_demo, write_demo
from momkd_core.demo.section import Tissue

__all__ = ["VERSION", "DemoCohort", "Tissue", "begin_demo", "write_demo"]
