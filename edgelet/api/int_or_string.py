"""A number or a string: ports by number or name, percentages."""

from __future__ import annotations

IntOrString = int | str
