from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgelet.node.pace import Pace


def test_a_few_at_once_then_one_per_interval() -> None:
    pace = Pace(interval_s=1.0, burst=4)
    now_s, sent = 100.0, []
    for _ in range(8):
        now_s = pace.due_s("web", now_s=now_s)
        pace.spend("web", now_s=now_s)
        sent.append(now_s - 100.0)
    assert sent == [0, 0, 0, 0, 1, 2, 3, 4]


def test_names_do_not_hinder_each_other_and_quiet_gives_the_burst_back() -> None:
    pace = Pace(interval_s=1.0, burst=2)
    for _ in range(2):
        pace.spend("web", now_s=0.0)
    assert pace.due_s("web", now_s=0.0) == 1.0
    assert pace.due_s("db", now_s=0.0) == 0.0
    assert pace.due_s("web", now_s=10.0) == 10.0


@given(st.lists(st.floats(0, 5), max_size=50))
def test_never_more_than_the_burst_and_one_per_interval(pauses_s: list[float]) -> None:
    pace = Pace(interval_s=1.0, burst=3)
    now_s, sent = 0.0, []
    for pause_s in pauses_s:
        now_s = pace.due_s("web", now_s=now_s + pause_s)
        pace.spend("web", now_s=now_s)
        sent.append(now_s)
    for index in range(len(sent) - 3):
        assert sent[index + 3] - sent[index] >= 1.0 - 1e-6


def test_what_is_past_is_forgotten() -> None:
    pace = Pace(interval_s=1.0, burst=1)
    for number in range(10_000):
        pace.spend(f"web-{number}", now_s=float(number))
    assert len(pace._arrival_s) <= 4097
