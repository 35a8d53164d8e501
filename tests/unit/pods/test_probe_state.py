from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.container import Container
from edgelet.api.probe import Probe
from edgelet.pods import probe_state
from edgelet.pods.probe_state import Tally


def decided(answers: str, *, success: int = 1, failure: int = 3) -> str:
    """What holds after each answer: + success, - failure, . nothing decided by it."""
    probe = Probe(success_threshold=success, failure_threshold=failure)
    tally, told = Tally(), ""
    for answer in answers:
        tally = probe_state.count(tally, success=answer == "+")
        told += {True: "+", False: "-", None: "."}[probe_state.result(tally, probe)]
    return told


@pytest.mark.parametrize(
    ("answers", "success", "failure", "told"),
    [
        ("+", 1, 3, "+"),
        ("---", 1, 3, "..-"),
        ("--+--+", 1, 3, "..+..+"),
        ("-----", 1, 3, "..---"),
        ("++-++++", 3, 1, "..-..++"),
        ("-", 1, 1, "-"),
    ],
)
def test_thresholds_count_answers_in_a_row(answers: str, success: int, failure: int, told: str) -> None:
    assert decided(answers, success=success, failure=failure) == told


@given(st.text("+-", max_size=60), st.integers(1, 6), st.integers(1, 6))
def test_a_result_is_that_of_the_last_threshold_of_answers(answers: str, success: int, failure: int) -> None:
    for end, told in enumerate(decided(answers, success=success, failure=failure), start=1):
        last = answers[end - 1]
        needed = success if last == "+" else failure
        assert (told == last) == (answers[:end].endswith(last * needed))
        assert told in {last, "."}


def test_nothing_is_decided_before_the_first_answer() -> None:
    assert probe_state.result(Tally(), Probe()) is None


def test_a_probe_without_thresholds_decides_at_once() -> None:
    assert probe_state.result(probe_state.count(Tally(), success=False), Probe()) is False


@pytest.mark.parametrize(
    ("kind", "success", "final"),
    [
        ("startup", True, True),
        ("startup", False, True),
        ("liveness", True, False),
        ("liveness", False, True),
        ("readiness", True, False),
        ("readiness", False, False),
    ],
)
def test_what_ends_a_probe(kind: probe_state.ProbeKind, final: bool, *, success: bool) -> None:
    assert probe_state.final(kind, success=success) is final


@pytest.mark.parametrize(
    ("delay", "age_s", "spread_s", "wait_s"),
    [
        (None, 0, 0, 0),
        (30, 0, 0, 30),
        (30, 10, 0, 20),
        (30, 100, 0, 0),
        (0, 5, 7, 7),
        (30, 10, 25, 25),
        (30, -5, 0, 30),
    ],
)
def test_the_first_question_waits_for_delay_and_spread(
    delay: int | None, age_s: float, spread_s: float, wait_s: float
) -> None:
    assert probe_state.first_wait_s(Probe(initial_delay_seconds=delay), age_s=age_s, spread_s=spread_s) == wait_s


def test_each_kind_is_a_field_of_the_container() -> None:
    probes = [Probe(period_seconds=number) for number in (1, 2, 3)]
    container = Container(name="c", startup_probe=probes[0], liveness_probe=probes[1], readiness_probe=probes[2])
    assert [probe_state.of(container, kind) for kind in probe_state.KINDS] == probes
