from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgelet.node import write_budget
from edgelet.node.write_budget import Written

DAY_S = 86_400.0
MB = 1_000_000
BUDGET = 20 * MB


def after(*readings: tuple[float, int], budget: int = BUDGET, start: Written = Written()) -> Written:  # noqa: B008
    written = start
    for now_s, total_bytes in readings:
        written = write_budget.advance(written, total_bytes=total_bytes, now_s=now_s, budget_bytes=budget)
    return written


def test_a_board_within_its_budget_is_not_pressed() -> None:
    written = after((0, 0), (3600, 10 * MB), (7200, 20 * MB))
    assert (written.day_bytes, written.pressed) == (20 * MB, False)
    assert write_budget.explanation(written, budget_bytes=BUDGET) == ""


def test_a_board_beyond_it_says_so_and_names_the_setting() -> None:
    written = after((0, 0), (3600, 21 * MB))
    assert written.pressed
    assert write_budget.explanation(written, budget_bytes=BUDGET) == (
        "edgelet and its engine wrote more than 20 MB to flash in 24 hours ([flash] write_budget_mb_per_day)"
    )


def test_the_text_changes_with_whole_budgets_only() -> None:
    texts = {write_budget.explanation(after((0, 0), (60, mb * MB)), budget_bytes=BUDGET) for mb in (41, 45, 59)}
    assert texts == {
        "edgelet and its engine wrote more than 2 times 20 MB to flash in 24 hours ([flash] write_budget_mb_per_day)"
    }


def test_what_is_older_than_a_day_is_forgotten_and_the_pressure_ends() -> None:
    pressed = after((0, 0), (3600, 30 * MB))
    assert after((DAY_S, 30 * MB), start=pressed).pressed
    assert not after((DAY_S + 3600 + 900, 30 * MB), start=pressed).pressed


def test_the_pressure_ends_well_below_the_budget_so_that_it_does_not_flap() -> None:
    pressed = after((0, 0), (100, 2 * MB), (3600, 21 * MB))
    eased = after((DAY_S + 950, 21 * MB), start=pressed)
    assert (eased.day_bytes, eased.pressed) == (19 * MB, True)


def test_no_budget_is_no_pressure() -> None:
    assert not after((0, 0), (60, 10**12), budget=0).pressed


def test_a_counter_that_began_anew_counts_from_nothing() -> None:
    assert after((0, 5 * MB), (60, MB)).day_bytes == 6 * MB


@given(st.lists(st.tuples(st.floats(0, 7200), st.integers(0, MB)), max_size=300))
def test_it_never_keeps_more_than_a_day_and_never_invents_bytes(steps: list[tuple[float, int]]) -> None:
    written, now_s, total = Written(), 0.0, 0
    recent: list[tuple[float, int]] = []
    for pause_s, count in steps:
        now_s, total = now_s + pause_s, total + count
        recent.append((now_s, count))
        written = write_budget.advance(written, total_bytes=total, now_s=now_s, budget_bytes=BUDGET)
        assert len(written.slots) <= 97
        at_most = sum(number for at_s, number in recent if now_s - at_s < DAY_S)
        at_least = sum(number for at_s, number in recent if now_s - at_s < DAY_S - 900)
        assert at_least <= written.day_bytes <= at_most
