"""How deep a document may be nested, whatever it is written in."""

from __future__ import annotations

MAX_DEPTH = 100
