"""A short soak. Slopes need an hour (scripts/soak); what is left at rest can be told in a minute."""

from __future__ import annotations

import pytest

from tests.soak import main

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto, pytest.mark.slow]


def test_after_much_churn_nothing_of_it_is_left() -> None:
    result = main.soak(minutes=1, churn=60, seed=7, every_s=60, report=None)
    assert sum(result.changes.values()) > 25
    assert result.unfinished == ()
    assert result.left == {}, result.left_files
    assert result.grown_kib < 8 * 1024  # rings of events and the like fill up: bounded, not flat within a minute
