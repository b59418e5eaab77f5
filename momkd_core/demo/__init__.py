"""The demo cohort: drawn H&E-like slides with expression, whose truth is known because we drew it.

:func:`momkd_core.demo.cohort_files.write_demo` draws it.
"""

from __future__ import annotations

from momkd_core.demo.place import VERSION, DemoCohort

__all__ = ["VERSION", "DemoCohort"]
