"""What a board keeps of revocation lists: it is read as it was written, never goes back, never forgets."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api import revocations
from edgelet.api.revocations import KnownList, Revocations
from edgelet.api.strict_fields import MessageError

KEYS = [f"{number:064x}" for number in range(3)]
SERIALS = st.frozensets(st.integers(1, 2**40).map(lambda number: f"{number:x}"), max_size=5)
LISTS = st.builds(
    KnownList,
    issuer=st.text(max_size=20).filter(str.isprintable),
    key=st.sampled_from(KEYS),
    number=st.integers(0, 9),
    ends=st.integers(0, 2**40),
    revoked=SERIALS,
)


def one(number: int, *revoked: str, key: str = KEYS[0], ends: int = 100) -> KnownList:
    return KnownList(issuer="an issuer", key=key, number=number, ends=ends, revoked=frozenset(revoked))


def known(*lists: KnownList) -> Revocations:
    return Revocations().merged(lists)[0]


@given(st.lists(LISTS, max_size=8))
def test_it_is_read_as_it_was_written(lists: list[KnownList]) -> None:
    before = known(*lists)
    assert revocations.decode(revocations.encode(before)) == before


@given(st.lists(LISTS, max_size=12))
def test_whatever_comes_in_whatever_order_no_number_falls_and_nothing_that_was_taken_is_forgotten(
    lists: list[KnownList],
) -> None:
    state = Revocations()
    for fresh in lists:
        after, refused = state.merged([fresh])
        before = {one.key: one for one in state.lists}
        for kept in after.lists:
            assert kept.number >= (before[kept.key].number if kept.key in before else 0)
            assert kept.revoked >= (before[kept.key].revoked if kept.key in before else frozenset())
        if fresh.key not in before or fresh.number > before[fresh.key].number:
            assert all(after.names(serial, issuer_key=fresh.key) for serial in fresh.revoked)
        assert bool(refused) == (fresh.key in before and fresh.number < before[fresh.key].number)
        assert after.merged([fresh])[0] == after
        state = after


def test_the_same_serial_of_another_authority_is_another_certificate() -> None:
    state = known(one(1, "aa"))
    assert state.names("aa", issuer_key=KEYS[0])
    assert not state.names("aa", issuer_key=KEYS[1])
    assert not state.names("ab", issuer_key=KEYS[0])


def test_an_older_list_is_refused_with_both_numbers() -> None:
    state, refused = known(one(5, "aa")).merged([one(4)])
    assert state == known(one(5, "aa"))
    assert refused == ("list 4 of 'an issuer' is older than 5, which is known",)


def test_it_stays_within_bounds_and_the_newest_list_always_fits() -> None:
    many = [f"{number:x}" for number in range(1, revocations.MOST_REVOKED + 1)]
    state, _ = known(one(1, *many)).merged([one(2, "fffffff")])
    assert len(state.lists[0].revoked) == revocations.MOST_REVOKED
    assert state.names("fffffff", issuer_key=KEYS[0])
    full = known(*(one(1, key=f"{number:064x}") for number in range(revocations.MOST_LISTS)))
    after, refused = full.merged([one(1, key="f" * 64)])
    assert after == full
    assert "one too many" in refused[0]
    assert len(revocations.encode(known(one(1, *many)))) < revocations.MAX_BYTES


def test_those_past_their_end_are_told_apart() -> None:
    state = known(one(1, ends=100), one(1, key=KEYS[1], ends=200))
    assert [found.ends for found in state.ended(150)] == [100]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[:-20],
    "empty": lambda _: b"",
    "zeros": lambda data: bytes(len(data)),
    "a serial is another": lambda data: data.replace(b'"aa"', b'"ab"'),
    "a number is another": lambda data: data.replace(b'"number": 5', b'"number": 7'),
    "a list is none": lambda data: json.dumps(json.loads(data) | {"lists": [7]}).encode(),
    "more fields": lambda data: json.dumps(json.loads(data) | {"more": 1}).encode(),
    "no serial": lambda data: data.replace(b'"aa"', b'"xx"'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_seen(damage: str) -> None:
    with pytest.raises(MessageError):
        revocations.decode(DAMAGES[damage](revocations.encode(known(one(5, "aa")))))


def test_an_authority_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(MessageError, match="twice"):
        revocations.decode(revocations.encode(Revocations((one(1), one(2)))))
