"""What every test rests on."""

from __future__ import annotations

import signal

from hypothesis import settings

# A shell ignores SIGINT for what it runs in the background; what a test starts would inherit that, and ^C be lost.
signal.signal(signal.SIGINT, signal.default_int_handler)

# These machines are shared: how long one example takes says nothing about the code.
settings.register_profile("edgelet", deadline=None)
settings.load_profile("edgelet")
