"""How long a service that fails is left alone."""

from __future__ import annotations

from edgelet.adapters.podman import restart_delay


def test_the_first_failure_is_free_then_the_wait_doubles_to_a_minute() -> None:
    waits = [restart_delay.after(failures) for failures in range(10)]
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert restart_delay.after(10_000) == 60
