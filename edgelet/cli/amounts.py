"""Kubernetes quantities as numbers, for sums and shares that people read: `250m`, `64Mi`, `12345n`."""

from __future__ import annotations

import math

SUFFIXES = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def parse(text: object) -> float:
    """The number; 0 for what is no quantity."""
    whole = str(text)
    suffix = next((one for one in (whole[-2:], whole[-1:]) if one in SUFFIXES), "")
    try:
        return float(whole.removesuffix(suffix)) * SUFFIXES.get(suffix, 1.0)
    except ValueError:
        return 0.0


def ceil(value: float) -> int:
    """Rounded up, but not for what floating point adds: 250.00000000000003 is 250."""
    return math.ceil(round(value, 6))
