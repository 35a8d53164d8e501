"""Remarks on standard error, as kubectl makes them."""

from __future__ import annotations

import sys


def tell(text: str) -> None:
    """Print a remark."""
    print(f"Warning: {text}", file=sys.stderr)
