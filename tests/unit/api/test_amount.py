from __future__ import annotations

import pytest

from edgelet.api.amount import NOTHING, Amount


@pytest.mark.parametrize(
    ("text", "capacity", "amount"),
    [("100Mi", 0, 100 << 20), ("1500m", 0, 2), ("10%", 1000, 100), ("2.5%", 1001, 25), ("0%", 1000, 0)],
)
def test_an_amount_is_a_quantity_or_a_share_of_the_whole(text: str, capacity: int, amount: int) -> None:
    assert Amount.parse(text).of(capacity) == amount


@pytest.mark.parametrize("text", ["", "%", "ten%", "101%", "-1%", "-5Mi", "5 Mi", "nan%"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is"):
        Amount.parse(text)


def test_shares_of_nothing_and_of_all_bound_nothing() -> None:
    assert [Amount.parse(text).is_nothing for text in ("0%", "100%", "1%", "0", "5Mi")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert NOTHING.is_nothing
