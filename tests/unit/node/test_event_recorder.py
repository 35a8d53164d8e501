from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.event import Event
from edgelet.node.event_recorder import EventRecorder
from edgelet.ports.object_store import Key

WEB = Key("Pod", "shop", "web")


class HandClock:
    """Both clocks moved by hand."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic_s(self) -> float:
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        self.pass_(seconds)

    def pass_(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.elapsed_s += seconds


def recorder(clock: HandClock | None = None, **more: Any) -> EventRecorder:
    uids = count(1)
    return EventRecorder(clock=clock or HandClock(), host_name="pi", new_uid=lambda: f"uid-{next(uids)}", **more)


def record(events: EventRecorder, message: str = "it failed", *, key: Key = WEB, reason: str = "BackOff") -> None:
    events.record(key, f"uid-of-{key.name}", type="Warning", reason=reason, message=message, container="app")


def test_an_event_is_a_kubernetes_event() -> None:
    events = recorder()
    record(events)
    (document,) = events.list()
    suffix = document["metadata"]["name"].removeprefix("web.")
    assert int(suffix, 16) == 1767323045 * 10**9
    assert document == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"web.{suffix}",
            "namespace": "shop",
            "uid": "uid-1",
            "creationTimestamp": "2026-01-02T03:04:05Z",
        },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": "shop",
            "name": "web",
            "uid": "uid-of-web",
            "fieldPath": "spec.containers{app}",
        },
        "reason": "BackOff",
        "message": "it failed",
        "source": {"component": "edgelet", "host": "pi"},
        "firstTimestamp": "2026-01-02T03:04:05Z",
        "lastTimestamp": "2026-01-02T03:04:05Z",
        "count": 1,
        "type": "Warning",
        "eventTime": None,
        "reportingComponent": "edgelet",
        "reportingInstance": "pi",
    }
    assert Event.model_validate(document).count == 1


def test_events_of_cluster_scoped_objects_lie_in_default() -> None:
    events = recorder()
    events.record(Key("Node", "", "pi"), "pi", type="Normal", reason="Starting", message="Starting edgelet.")
    (document,) = events.list("default")
    assert document["involvedObject"] == {"apiVersion": "v1", "kind": "Node", "name": "pi", "uid": "pi"}


def test_the_same_again_is_counted_under_the_same_name() -> None:
    clock = HandClock()
    events = recorder(clock)
    told: list[Any] = []
    events.listen(told.append)
    record(events)
    clock.pass_(60)
    record(events)
    (document,) = events.list("shop")
    assert document["count"] == 2
    assert document["firstTimestamp"] == "2026-01-02T03:04:05Z"
    assert document["lastTimestamp"] == "2026-01-02T03:05:05Z"
    assert [one["count"] for one in told] == [1, 2]
    assert told[0]["metadata"] == told[1]["metadata"]


def test_another_reason_object_or_container_is_another_event() -> None:
    events = recorder()
    record(events)
    record(events, reason="Killing")
    record(events, key=Key("Pod", "shop", "db"))
    events.record(WEB, "uid-of-web", type="Warning", reason="BackOff", message="it failed", container="other")
    assert [document["count"] for document in events.list()] == [1, 1, 1, 1]
    assert len({document["metadata"]["name"] for document in events.list()}) == 4


def test_many_messages_of_one_reason_are_combined() -> None:
    events = recorder()
    for n in range(15):
        record(events, f"attempt {n} failed")
    documents = events.list()
    assert len(documents) == 10
    assert documents[-1]["message"] == "(combined from similar events): attempt 14 failed"
    assert documents[-1]["count"] == 6


def test_after_ten_quiet_minutes_messages_stand_for_themselves_again() -> None:
    clock = HandClock()
    events = recorder(clock)
    for n in range(12):
        record(events, f"attempt {n} failed")
    clock.pass_(601)
    record(events, "another failed")
    assert events.list()[-1]["message"] == "another failed"


def test_a_flood_about_one_object_is_counted_here_and_not_told_to_others() -> None:
    clock = HandClock()
    events = recorder(clock)
    told: list[Any] = []
    events.listen(told.append)
    for _ in range(100):
        record(events)
    assert len(told) == 25
    assert events.list()[0]["count"] == 100
    record(events, key=Key("Pod", "shop", "db"))
    assert len(told) == 26
    clock.pass_(301)
    record(events)
    record(events)
    assert len(told) == 27
    assert told[-1]["count"] == 101


def test_the_oldest_are_forgotten_first_and_a_repeated_one_is_young() -> None:
    events = recorder(limit=3)
    for name in ("a", "b", "c", "a", "d"):
        record(events, key=Key("Pod", "shop", name))
    assert [document["involvedObject"]["name"] for document in events.list()] == ["c", "a", "d"]


def test_names_differ_when_the_wall_clock_goes_back() -> None:
    clock = HandClock()
    events = recorder(clock)
    for reason in ("A", "B", "C"):
        record(events, reason=reason)
        clock.wall -= timedelta(days=365)
    assert len({document["metadata"]["name"] for document in events.list()}) == 3


def test_long_messages_and_names_are_cut_to_what_kubernetes_takes() -> None:
    events = recorder()
    record(events, "x" * 5000, key=Key("Pod", "shop", "n" * 253))
    (document,) = events.list()
    assert len(document["message"]) == 1024
    assert len(document["metadata"]["name"]) == 253


def test_a_listener_that_left_hears_nothing() -> None:
    events = recorder()
    told: list[Any] = []
    leave = events.listen(told.append)
    leave()
    record(events)
    assert told == []


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"), st.integers(0, 30), st.floats(0, 900))))
def test_whatever_comes_the_list_is_bounded_and_no_happening_of_a_kept_event_is_lost(
    happenings: list[tuple[str, str, int, float]],
) -> None:
    clock = HandClock()
    events = recorder(clock, limit=1000)
    for name, reason, message, seconds in happenings:
        record(events, str(message), key=Key("Pod", "shop", name), reason=reason)
        clock.pass_(seconds)
    assert sum(document["count"] for document in events.list()) == len(happenings)
