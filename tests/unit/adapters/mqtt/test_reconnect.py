from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.mqtt import reconnect
from edgelet.adapters.mqtt.reconnect import Trouble


def test_the_cap_doubles_from_one_second_to_two_minutes() -> None:
    trouble, caps = Trouble(), []
    for _ in range(10):
        trouble = reconnect.after(trouble, lasted_s=None)
        caps.append(reconnect.pause_s(trouble, chance=1.0))
    assert caps == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_jitter_is_full_and_never_beyond_the_cap(failures: int, chance: float) -> None:
    pause_s = reconnect.pause_s(Trouble(failures), chance=chance)
    assert pause_s == chance * reconnect.pause_s(Trouble(failures), chance=1.0)
    assert 0 <= pause_s <= 120


def test_a_connection_that_lasted_ends_all_trouble() -> None:
    trouble = reconnect.after(Trouble(7, 2), lasted_s=60)
    assert trouble == Trouble(1, 0)


def test_three_short_connections_in_a_row_are_a_fight_and_wait_a_minute() -> None:
    trouble = Trouble()
    for _ in range(2):
        trouble = reconnect.after(trouble, lasted_s=0.1)
    assert not trouble.fighting
    trouble = reconnect.after(trouble, lasted_s=9.9)
    assert trouble.fighting
    assert 60 <= reconnect.pause_s(trouble, chance=0.0) <= reconnect.pause_s(trouble, chance=1.0) <= 75


def test_a_broker_that_is_away_is_no_fight() -> None:
    trouble = Trouble()
    for lasted_s in (0.1, 0.1, None, 0.1, 0.1, None):
        trouble = reconnect.after(trouble, lasted_s=lasted_s)
        assert not trouble.fighting
