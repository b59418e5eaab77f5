"""``momkd`` as a process that can be interrupted however the tests were started."""

from __future__ import annotations

import sys

# The console script; behind a shell's "&" an interrupt is ignored, which a child would inherit.
_SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from momkd_core.cli.main import main
sys.exit(main())
"""
#: What stands before the arguments.
MOMKD = (sys.executable, "-c", _SCRIPT)
