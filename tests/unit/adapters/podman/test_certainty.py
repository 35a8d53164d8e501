from __future__ import annotations

import pytest

from edgelet.adapters.podman.certainty import Certainty


def look(certainty: Certainty, uid: str | None) -> None:
    with certainty.looking(uid) as under_way:
        certainty.settle(under_way)


def seen_all() -> Certainty:
    certainty = Certainty()
    look(certainty, None)
    return certainty


def test_nothing_is_sure_before_everything_was_seen_once() -> None:
    certainty = Certainty()
    look(certainty, "a")
    assert not certainty.sure("a")
    look(certainty, None)
    assert certainty.sure("a")
    assert certainty.sure("never heard of")


def test_a_doubt_concerns_one_pod_and_ends_with_a_look_at_it() -> None:
    certainty = seen_all()
    certainty.doubt("a")
    assert (certainty.sure("a"), certainty.sure("b")) == (False, True)
    look(certainty, "b")
    assert not certainty.sure("a")
    look(certainty, "a")
    assert certainty.sure("a")


@pytest.mark.parametrize("uid", ["a", None])
def test_a_look_that_began_before_the_doubt_does_not_settle_it(uid: str | None) -> None:
    certainty = seen_all()
    certainty.doubt("a")
    with certainty.looking(uid) as under_way:
        certainty.doubt("a")
        certainty.settle(under_way)
    assert not certainty.sure("a")


def test_a_look_that_fails_settles_nothing() -> None:
    certainty = seen_all()
    certainty.doubt("a")
    with pytest.raises(ValueError, match="no"), certainty.looking("a"):
        raise ValueError("no")
    assert not certainty.sure("a")


def test_what_succeeds_leaves_no_doubt() -> None:
    certainty = seen_all()
    with certainty.touching("a"), certainty.touching("a"):
        assert certainty.sure("a")
    assert certainty.sure("a")


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_what_fails_or_is_broken_off_leaves_a_doubt(failure: type[BaseException]) -> None:
    certainty = seen_all()
    with pytest.raises(failure), certainty.touching("a"):
        raise failure
    assert not certainty.sure("a")


def test_what_only_the_engine_knows_of_is_asked_meanwhile_and_afterwards() -> None:
    certainty = seen_all()
    with certainty.changing("a"):
        look(certainty, "a")
        look(certainty, None)
        assert (certainty.sure("a"), certainty.sure("b")) == (False, True)
    assert not certainty.sure("a")
    look(certainty, "a")
    assert certainty.sure("a")


@pytest.mark.parametrize("looked_at", ["a", None])
def test_a_look_beside_which_something_was_done_leaves_a_doubt(looked_at: str | None) -> None:
    certainty = seen_all()
    with certainty.looking(looked_at) as under_way:
        with certainty.touching("a"):
            pass
        certainty.settle(under_way)
    assert (certainty.sure("a"), certainty.sure("b")) == (False, True)
    with certainty.touching("a"):
        look(certainty, looked_at)
    assert not certainty.sure("a")
    look(certainty, "a")
    assert certainty.sure("a")


def test_a_look_at_one_pod_says_nothing_of_what_is_done_to_another() -> None:
    certainty = seen_all()
    with certainty.touching("a"), certainty.looking("b") as under_way, certainty.touching("a"):
        certainty.settle(under_way)
    assert certainty.sure("a")
