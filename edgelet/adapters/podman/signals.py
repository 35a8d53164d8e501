"""Signals by the names that images and Kubernetes use."""

from __future__ import annotations

import re
import signal

from edgelet.api.errors import EngineError

_REAL_TIME = re.compile(r"RTM(?P<edge>IN|AX)(?P<offset>[+-][0-9]{1,2})?")


def number(name: str) -> int:
    """Return the number of SIGTERM, TERM, 15 or SIGRTMIN+3.

    Raises:
        EngineError: BadRequest, there is no such signal.
    """
    found = _number(name.strip().upper().removeprefix("SIG"))
    if not 1 <= found <= signal.SIGRTMAX:
        raise EngineError("BadRequest", f"there is no signal {name!r}")
    return found


def _number(word: str) -> int:
    if word.isdecimal():
        return int(word)
    if match := _REAL_TIME.fullmatch(word):
        edge = signal.SIGRTMIN if match["edge"] == "IN" else signal.SIGRTMAX
        found = edge + int(match["offset"] or 0)
        return found if signal.SIGRTMIN <= found <= signal.SIGRTMAX else 0
    try:
        return signal.Signals[f"SIG{word}"].value
    except KeyError:
        return 0
