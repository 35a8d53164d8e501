from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgelet.pods import image_backoff, restart_backoff
from edgelet.pods.memory import ImageFailed
from edgelet.pods.restart_backoff import BackoffSettings, Entry

SETTINGS = BackoffSettings()
TIMES = st.floats(min_value=0, max_value=1e7)


def test_the_first_restart_is_immediate() -> None:
    assert restart_backoff.remaining_s(None, ended_s=5.0, now_s=5.0, settings=SETTINGS) == 0.0


def test_waits_double_up_to_the_longest() -> None:
    entry, now_s, delays = None, 0.0, []
    for _ in range(8):
        entry = restart_backoff.advance(entry, ended_s=now_s, now_s=now_s, settings=SETTINGS)
        delays.append(entry.delay_s)
        now_s += entry.delay_s
    assert delays == [10, 20, 40, 80, 160, 300, 300, 300]


def test_a_wait_counts_from_the_end_not_from_now() -> None:
    entry = Entry(delay_s=20.0, started_s=0.0)
    assert restart_backoff.remaining_s(entry, ended_s=100.0, now_s=105.0, settings=SETTINGS) == 15.0
    assert restart_backoff.remaining_s(entry, ended_s=100.0, now_s=121.0, settings=SETTINGS) == 0.0


def test_ten_minutes_of_running_are_forgiven() -> None:
    entry = Entry(delay_s=300.0, started_s=0.0)
    assert restart_backoff.remaining_s(entry, ended_s=601.0, now_s=601.0, settings=SETTINGS) == 0.0
    assert restart_backoff.advance(entry, ended_s=601.0, now_s=601.0, settings=SETTINGS).delay_s == 10.0
    assert restart_backoff.remaining_s(entry, ended_s=599.0, now_s=599.0, settings=SETTINGS) == 300.0


@given(delay_s=st.floats(min_value=0.1, max_value=300), started_s=TIMES, ended_s=TIMES, now_s=TIMES)
def test_a_wait_is_never_longer_than_the_longest(
    delay_s: float, started_s: float, ended_s: float, now_s: float
) -> None:
    entry = Entry(delay_s=delay_s, started_s=started_s)
    rest = restart_backoff.remaining_s(entry, ended_s=ended_s, now_s=max(now_s, ended_s), settings=SETTINGS)
    assert 0.0 <= rest <= SETTINGS.max_s
    assert (
        SETTINGS.initial_s <= restart_backoff.advance(entry, ended_s=ended_s, now_s=now_s, settings=SETTINGS).delay_s
        or delay_s * 2 < SETTINGS.initial_s
    )


def test_a_failed_pull_is_shown_first_as_itself_then_as_back_off() -> None:
    failed = ImageFailed("ErrImagePull", "registry says 404", failed_s=100.0, retry_at_s=120.0, look_at_s=110.0)
    assert image_backoff.shown(failed, image="a:1", now_s=101.0) == ("ErrImagePull", "registry says 404")
    reason, message = image_backoff.shown(failed, image="a:1", now_s=103.0)
    assert reason == "ImagePullBackOff"
    assert message == 'Back-off pulling image "a:1": ErrImagePull: registry says 404'
    assert image_backoff.wake_in_s(failed, now_s=101.0) == 1.0
    assert image_backoff.wake_in_s(failed, now_s=103.0) == 7.0


def test_an_image_that_may_not_be_pulled_keeps_its_reason() -> None:
    failed = ImageFailed("ErrImageNeverPull", "not present", failed_s=100.0, retry_at_s=110.0, look_at_s=110.0)
    assert image_backoff.shown(failed, image="a:1", now_s=109.0) == ("ErrImageNeverPull", "not present")


def test_a_pull_that_waits_is_no_reason_not_to_look() -> None:
    def look(policy: str, reason: str, retry_at_s: float) -> float:
        return image_backoff.look_at_s(policy=policy, reason=reason, retry_at_s=retry_at_s, now_s=100.0)

    assert look("IfNotPresent", "ErrImagePull", 400.0) == 110.0
    assert look("Never", "ErrImageNeverPull", 105.0) == 105.0
    assert look("Always", "ErrImagePull", 400.0) == 400.0
    assert look("IfNotPresent", "InvalidImageName", 400.0) == 400.0


def test_pull_waits_double() -> None:
    delays = [0.0]
    for _ in range(7):
        delays.append(image_backoff.next_delay_s(delays[-1], SETTINGS))
    assert delays[1:] == [10, 20, 40, 80, 160, 300, 300]
