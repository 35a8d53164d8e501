"""An amount of a resource: exact, or refused."""

from __future__ import annotations

from edgelet.api.quantity import Quantity


def try_input(data: bytes) -> None:
    """An amount that is written out and read again is the same amount."""
    try:
        amount = Quantity.parse(data.decode("utf-8", "replace"))
    except ValueError:
        return
    assert Quantity.parse(str(amount)) == amount
    assert amount.rounded_up_to_milli().to_milli() == amount.to_milli()
    amount.to_bytes()
