from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.identity import renewal_plan
from edgelet.identity.renewal_plan import RenewalPlan

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def due(serial: str, *, days: float = 60, plan: RenewalPlan | None = None) -> datetime:
    return renewal_plan.due(serial=serial, not_before=BEGIN, not_after=BEGIN + days * DAY, plan=plan or RenewalPlan())


@given(st.text(alphabet="0123456789abcdef", min_size=1, max_size=40))
def test_it_is_due_between_seventy_and_ninety_percent(serial: str) -> None:
    assert BEGIN + 42 * DAY <= due(serial) <= BEGIN + 54 * DAY


def test_a_fleet_is_spread_and_a_restart_moves_nothing() -> None:
    moments = [due(f"{number:x}") for number in range(1000)]
    assert moments == [due(f"{number:x}") for number in range(1000)]
    days = [(one - BEGIN) / DAY for one in moments]
    for day in range(42, 54):
        assert 40 <= sum(day <= one < day + 1 for one in days) <= 130  # 83 on average


def test_a_board_that_is_away_for_long_asks_three_such_spells_ahead() -> None:
    plan = RenewalPlan(longest_offline=timedelta(days=8))
    assert all(due(f"{number:x}", plan=plan) <= BEGIN + 36 * DAY for number in range(100))
    assert due("1", plan=RenewalPlan(longest_offline=timedelta(days=300))) == BEGIN + 18 * DAY  # not all the time


@pytest.mark.parametrize(("failures", "cap_s"), [(1, 60), (2, 120), (5, 960), (9, 15360), (10, 21600), (4000, 21600)])
def test_waits_double_up_to_the_bound_with_half_of_them_by_chance(failures: int, cap_s: float) -> None:
    plan = RenewalPlan()
    assert renewal_plan.retry_s(failures, chance=0.0, plan=plan) == cap_s / 2
    assert renewal_plan.retry_s(failures, chance=1.0, plan=plan) == cap_s
