"""What every test rests on."""

from __future__ import annotations

import signal

# A shell ignores SIGINT for what it runs in the background; what a test starts would inherit that, and ^C be lost.
signal.signal(signal.SIGINT, signal.default_int_handler)
