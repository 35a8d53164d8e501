"""Who a board is on the wire and in its certificate: TENANT/NAME."""

from __future__ import annotations

from edgelet.api import identity
from edgelet.api.errors import InvalidObjectError

MAX_CHARACTERS = identity.MAX_CHARACTERS


def fault(value: str) -> str | None:
    """Return what is wrong with TENANT/NAME, two DNS-1123 labels and 64 characters at most; None for a good one."""
    try:
        identity.node(value)
    except InvalidObjectError as error:
        return error.faults[0].message
    return None
