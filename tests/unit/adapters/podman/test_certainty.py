from __future__ import annotations

import pytest

from edgelet.adapters.podman.certainty import Certainty


def seen_all() -> Certainty:
    certainty = Certainty()
    certainty.look_ended(certainty.look_begins(), None)
    return certainty


def test_nothing_is_sure_before_everything_was_seen_once() -> None:
    certainty = Certainty()
    certainty.look_ended(certainty.look_begins(), ("a",))
    assert not certainty.sure("a")
    certainty.look_ended(certainty.look_begins(), None)
    assert certainty.sure("a")
    assert certainty.sure("never heard of")


def test_a_doubt_concerns_one_pod_and_ends_with_a_look_at_it() -> None:
    certainty = seen_all()
    certainty.doubt("a")
    assert (certainty.sure("a"), certainty.sure("b")) == (False, True)
    certainty.look_ended(certainty.look_begins(), ("b",))
    assert not certainty.sure("a")
    certainty.look_ended(certainty.look_begins(), ("a",))
    assert certainty.sure("a")


def test_a_look_that_began_before_the_doubt_does_not_settle_it() -> None:
    certainty = seen_all()
    certainty.doubt("a")
    begun = certainty.look_begins()
    certainty.doubt("a")
    certainty.look_ended(begun, None)
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
