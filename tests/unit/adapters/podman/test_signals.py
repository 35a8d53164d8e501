from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.podman import signals
from edgelet.api.errors import EngineError


@pytest.mark.parametrize(
    ("name", "number"),
    [("SIGTERM", 15), ("TERM", 15), ("sigkill", 9), ("15", 15), ("SIGRTMIN+3", 37), ("RTMAX-1", 63), ("SIGRTMIN", 34)],
)
def test_signals_go_by_every_name_that_images_use(name: str, number: int) -> None:
    assert signals.number(name) == number


@pytest.mark.parametrize("name", ["", "SIGNOPE", "0", "65", "-9", "SIGRTMIN+99", "SIGRTMAX+1", "SIG_IGN", "9x"])
def test_what_is_no_signal_is_refused(name: str) -> None:
    with pytest.raises(EngineError, match="no signal"):
        signals.number(name)


@given(st.text(max_size=12))
def test_any_text_is_a_signal_or_refused(text: str) -> None:
    try:
        assert 1 <= signals.number(text) <= signal.SIGRTMAX
    except EngineError as error:
        assert error.reason == "BadRequest"  # noqa: PT017  either way is fine
