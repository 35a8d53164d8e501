"""Who a board is on the wire and in its certificate: TENANT/NAME."""

from __future__ import annotations

from edgelet.api import names

MAX_CHARACTERS = 64  # Source: X.520 ub-common-name


def fault(value: str) -> str | None:
    """Return what is wrong with TENANT/NAME, two DNS-1123 labels and 64 characters at most; None for a good one."""
    parts = value.split("/")
    if len(parts) != 2 or len(value) > MAX_CHARACTERS:  # noqa: PLR2004  tenant and name
        return f"TENANT/NAME expected, {MAX_CHARACTERS} characters at most"
    for what, label in zip(("tenant", "name"), parts, strict=True):
        if found := names.dns_label(label):
            return f"{what}: {found}"
    return None
