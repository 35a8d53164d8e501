"""Pre-authentication encoding: several byte strings as one that can be taken apart in one way only."""

from __future__ import annotations


def encode(*parts: bytes) -> bytes:
    """Return the parts with their lengths before them: what is signed or MACed says where each part ends.

    Source: DSSE v1, PAE: the length in decimal, a space, the bytes; a space between two parts.
    """
    return b" ".join(b"%d %b" % (len(part), part) for part in parts)
