from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgelet.node import log_plan
from edgelet.node.log_plan import Growth, LogBounds, LogSteps
from edgelet.ports.log_keeping import SeenLog

BOUNDS = LogBounds(max_bytes=1000, max_files=3)


def test_a_short_log_is_left_alone() -> None:
    assert log_plan.plan(SeenLog(999, (1, 2)), BOUNDS).nothing


def test_a_long_log_is_cut_under_a_number_that_never_was_and_the_oldest_part_goes_first() -> None:
    assert log_plan.plan(SeenLog(1000, (4, 5)), BOUNDS) == LogSteps(drop=(4,), cut=6, reopen=True)


def test_a_cut_that_an_agent_died_in_is_finished() -> None:
    assert log_plan.plan(SeenLog(None, (1,)), BOUNDS) == LogSteps(reopen=True)


def test_a_log_that_was_never_written_is_no_half_made_cut() -> None:
    assert log_plan.plan(SeenLog(None), BOUNDS).nothing


def test_on_a_full_disk_nothing_is_renamed_since_conmon_could_not_make_the_new_file() -> None:
    assert log_plan.plan(SeenLog(5000, (1, 2), free_bytes=1000), BOUNDS) == LogSteps(drop=(1,))


@given(
    size=st.none() | st.integers(0, 5000),
    parts=st.lists(st.integers(1, 50), unique=True, max_size=8),
    files=st.integers(1, 6),
)
def test_after_a_plan_there_are_never_more_files_than_allowed_and_the_newest_part_is_kept(
    size: int | None, parts: list[int], files: int
) -> None:
    steps = log_plan.plan(SeenLog(size, tuple(sorted(parts))), LogBounds(max_bytes=1000, max_files=files))
    left = sorted(set(parts) - set(steps.drop)) + ([steps.cut] if steps.cut is not None else [])
    assert len(left) <= max(1, files - 1)
    assert steps.cut is None or steps.cut > max(parts, default=0)
    assert left == sorted(left)


def test_quiet_logs_are_looked_at_rarely_and_a_flood_in_time() -> None:
    bounds = LogBounds()
    assert log_plan.next_look_s([], bounds) == 60
    assert log_plan.next_look_s([Growth(size_bytes=500, grown_bytes=500, over_s=60)], bounds) == 60
    assert log_plan.next_look_s([Growth(size_bytes=1 << 20, grown_bytes=1 << 20, over_s=60)], bounds) == 10
    assert log_plan.next_look_s([Growth(size_bytes=8 << 20, grown_bytes=5 << 20, over_s=10)], bounds) == 4
    assert log_plan.next_look_s([Growth(size_bytes=1 << 20, grown_bytes=900 << 20, over_s=10)], bounds) == 2
