from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgelet.node.outbox import Letter, Outbox, Rank


def letter(topic: str, rank: Rank = Rank.STATUS, *, size_bytes: int | None = None, due_s: float = 0.0) -> Letter:
    return Letter(topic, rank, None if size_bytes is None else b"x" * size_bytes, due_s=due_s)


def drain(outbox: Outbox, *, now_s: float = 0.0) -> list[str]:
    topics = []
    while (found := outbox.take(now_s=now_s)) is not None:
        topics.append(found.topic)
        outbox.sent(found)
    return topics


def test_the_important_goes_first_and_otherwise_the_older() -> None:
    outbox = Outbox(max_bytes=100_000)
    for topic, rank in (
        ("e", Rank.EVENT),
        ("s1", Rank.STATUS),
        ("s2", Rank.STATUS),
        ("r", Rank.REPLY),
        ("b", Rank.BIRTH),
    ):
        outbox.put(letter(topic, rank))
    assert drain(outbox) == ["b", "r", "s1", "s2", "e"]
    assert len(outbox) == 0
    assert outbox.size_bytes == 0


def test_of_one_topic_only_the_newest_goes() -> None:
    outbox = Outbox(max_bytes=100_000)
    outbox.put(letter("a", size_bytes=10))
    outbox.put(letter("b", size_bytes=10))
    outbox.put(letter("a", size_bytes=20))
    first = outbox.take(now_s=0)
    assert first is not None
    assert (first.topic, len(first.payload or b"")) == ("a", 20)


def test_a_letter_waits_until_it_is_due() -> None:
    outbox = Outbox(max_bytes=100_000)
    outbox.put(letter("later", due_s=5))
    outbox.put(letter("now"))
    assert drain(outbox) == ["now"]
    assert outbox.next_due_s() == 5
    assert not outbox.busy(now_s=4)
    assert outbox.busy(now_s=5)
    assert drain(outbox, now_s=5) == ["later"]
    assert outbox.next_due_s() is None


def test_a_topic_under_way_is_not_sent_a_second_time_before_the_first_is_through() -> None:
    outbox = Outbox(max_bytes=100_000)
    outbox.put(letter("a", size_bytes=1))
    first = outbox.take(now_s=0)
    assert first is not None
    outbox.put(letter("a", size_bytes=2))
    assert outbox.take(now_s=0) is None
    assert outbox.next_due_s() is None
    outbox.sent(first)
    second = outbox.take(now_s=0)
    assert second is not None
    assert len(second.payload or b"") == 2


def test_what_failed_goes_again_unless_something_newer_waits() -> None:
    outbox = Outbox(max_bytes=100_000)
    outbox.put(letter("a", size_bytes=1))
    first = outbox.take(now_s=0)
    assert first is not None
    outbox.failed(first, due_s=3)
    assert outbox.take(now_s=2) is None
    again = outbox.take(now_s=3)
    assert again is not None
    outbox.put(letter("a", size_bytes=2))
    outbox.failed(again, due_s=9)
    newest = outbox.take(now_s=3)
    assert newest is not None
    assert len(newest.payload or b"") == 2


def test_without_room_the_oldest_of_the_least_important_is_forgotten_and_counted() -> None:
    outbox = Outbox(max_bytes=2000)
    outbox.put(letter("reply", Rank.REPLY, size_bytes=300))
    outbox.put(letter("status", Rank.STATUS))
    for number in range(10):
        outbox.put(letter(f"event-{number}", Rank.EVENT, size_bytes=300))
    assert outbox.size_bytes <= 2000
    left = drain(outbox)
    assert left[:2] == ["reply", "status"]
    assert left[2:] == [f"event-{number}" for number in range(10 - len(left) + 2, 10)]
    assert outbox.dropped == 10 - len(left) + 2


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(list(Rank)), st.integers(0, 900), st.booleans()),
        max_size=60,
    )
)
def test_the_bytes_are_always_those_of_what_is_held(deeds: list[tuple[str, Rank, int, bool]]) -> None:
    outbox = Outbox(max_bytes=4000)
    under_way: list[Letter] = []
    for topic, rank, size_bytes, take in deeds:
        outbox.put(letter(topic, rank, size_bytes=size_bytes))
        if take and (taken := outbox.take(now_s=0)) is not None:
            under_way.append(taken)
        if len(under_way) > 2:
            outbox.failed(under_way.pop(0), due_s=0)
        held = [one for waiting in outbox._waiting.values() for one in waiting.values()] + under_way
        assert outbox.size_bytes == sum(one.size_bytes for one in held)
        assert outbox.size_bytes <= 4000
        assert len({one.topic for one in under_way}) == len(under_way)
