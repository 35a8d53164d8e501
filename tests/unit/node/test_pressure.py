from __future__ import annotations

from collections.abc import Mapping

import pytest

from edgelet.config.eviction import DEFAULT_HARD
from edgelet.node import pressure
from edgelet.node.pressure import Observation, Pressure, Seen, Threshold

MIB = 1 << 20
PERIOD_S = 300.0


def rules(
    hard: Mapping[str, str] | None = None,
    soft: Mapping[str, str] | None = None,
    *,
    grace_s: Mapping[str, float] | None = None,
    reclaim: Mapping[str, str] | None = None,
) -> tuple[Threshold, ...]:
    return pressure.thresholds(hard or {}, soft or {}, grace_s=grace_s or {}, reclaim=reclaim or {})


def memory(mib: float) -> Seen:
    return {"memory.available": (Observation(available=int(mib * MIB), capacity=512 * MIB),)}


def advance(before: Pressure, all_: tuple[Threshold, ...], seen: Seen, *, now_s: float) -> Pressure:
    return pressure.advance(before, all_, seen, now_s=now_s, transition_s=PERIOD_S)


@pytest.mark.parametrize(("mib", "short"), [(100, False), (99.9, True), (0, True), (400, False)])
def test_less_than_the_kubelets_default_is_too_little_and_as_much_is_enough(mib: float, *, short: bool) -> None:
    found = advance(Pressure(), rules(DEFAULT_HARD), memory(mib), now_s=0)
    assert bool(found.starved) == short
    assert found.conditions == ({"MemoryPressure"} if short else set())


def test_a_condition_is_held_for_the_transition_period_after_its_cause_and_evicts_nobody_then() -> None:
    all_ = rules(DEFAULT_HARD)
    state = advance(Pressure(), all_, memory(50), now_s=0)
    state = advance(state, all_, memory(50), now_s=10)
    for now_s in (20, 100, 309):
        state = advance(state, all_, memory(200), now_s=now_s)
        assert not state.starved
        assert state.conditions == {"MemoryPressure"}
    state = advance(state, all_, memory(200), now_s=310)
    assert state.conditions == set()
    assert state.last_s == {}


def test_without_a_transition_period_a_condition_is_true_as_long_as_its_cause() -> None:
    all_ = rules(DEFAULT_HARD)
    state = pressure.advance(Pressure(), all_, memory(50), now_s=0, transition_s=0)
    assert state.conditions == {"MemoryPressure"}
    assert pressure.advance(state, all_, memory(150), now_s=1, transition_s=0).conditions == set()


def test_a_soft_threshold_is_a_condition_at_once_and_evicts_after_its_period_without_a_break() -> None:
    all_ = rules(soft={"memory.available": "200Mi"}, grace_s={"memory.available": 30})
    state = advance(Pressure(), all_, memory(150), now_s=0)
    assert not state.starved
    assert state.conditions == {"MemoryPressure"}
    state = advance(state, all_, memory(250), now_s=20)
    state = advance(state, all_, memory(150), now_s=29)
    assert not advance(state, all_, memory(150), now_s=58).starved
    assert advance(state, all_, memory(150), now_s=59).starved


def test_with_minimum_reclaim_it_goes_on_until_so_much_more_is_free() -> None:
    all_ = rules({"memory.available": "100Mi"}, reclaim={"memory.available": "50Mi"})
    assert not advance(Pressure(), all_, memory(120), now_s=0).starved
    state = advance(Pressure(), all_, memory(90), now_s=0)
    state = advance(state, all_, memory(120), now_s=10)
    assert state.starved
    assert not pressure.enough(all_, memory(149))
    assert pressure.enough(all_, memory(150))
    assert not advance(state, all_, memory(150), now_s=20).starved


def test_memory_comes_before_all_else() -> None:
    seen = {
        **memory(1),
        "imagefs.available": (Observation(available=1, capacity=100, place="/i"),),
        "pid.available": (Observation(available=1, capacity=100),),
    }
    state = advance(
        Pressure(), rules({"imagefs.available": "15%", "pid.available": "10", **DEFAULT_HARD}), seen, now_s=0
    )
    assert [one.resource for one in state.starved] == ["memory", "ephemeral-storage", "pids"]
    assert state.conditions == {"MemoryPressure", "DiskPressure", "PIDPressure"}


def test_what_is_switched_off_and_what_was_not_observed_is_never_short() -> None:
    off = rules(dict.fromkeys(DEFAULT_HARD, "0%"))
    assert off == ()
    assert advance(Pressure(), off, memory(0), now_s=0) == Pressure()
    assert not advance(Pressure(), rules({"pid.available": "100"}), {}, now_s=0).starved


def test_one_of_several_file_systems_is_enough() -> None:
    seen = {
        "nodefs.available": (
            Observation(available=50, capacity=100, place="/a"),
            Observation(available=9, capacity=100, place="/b", parts={"logs"}),
        )
    }
    all_ = rules(DEFAULT_HARD)
    state = advance(Pressure(), all_, seen, now_s=0)
    found = pressure.shortage(state.starved[0], seen, max_grace_s=0)
    assert found is not None
    assert found.parts == {"logs"}
    assert pressure.words(all_, seen, pressure.DISK) == "nodefs (/b) has 9.0 % available, less than 10 %"


@pytest.mark.parametrize(
    ("signal", "value", "seen", "threshold", "available"),
    [
        ("memory.available", "100Mi", (50 * MIB, 512 * MIB), "100Mi", "50Mi"),
        ("memory.available", "25%", (50 * MIB + 4096, 512 * MIB), "128Mi", "51204Ki"),
        ("nodefs.available", "10%", (1000, 123_450), "12345", "1k"),
        ("nodefs.inodesFree", "5%", (3000, 100_000), "5000", "3k"),
        ("pid.available", "1k", (500, 32768), "1k", "500"),
    ],
)
def test_amounts_are_told_in_kubernetes_notation(
    signal: str, value: str, seen: tuple[int, int], threshold: str, available: str
) -> None:
    (one,) = rules({signal: value})
    found = pressure.shortage(one, {signal: (Observation(available=seen[0], capacity=seen[1]),)}, max_grace_s=0)
    assert found is not None
    assert (found.threshold, found.available) == (threshold, available)


def test_a_soft_shortage_leaves_time_and_one_that_is_over_is_none() -> None:
    (soft,) = rules(soft={"memory.available": "100Mi"}, grace_s={"memory.available": 60})
    found = pressure.shortage(soft, memory(50), max_grace_s=20)
    assert found is not None
    assert (found.hard, found.max_grace_s) == (False, 20)
    assert pressure.shortage(soft, memory(100), max_grace_s=20) is None
