from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.sandboxes import pool as pools
from edgelet.api.errors import EngineError

TINY = IPv4Network("10.77.0.0/29")  # .1 is the bridge, .2 to .6 are pods', .7 is broadcast
PODS = [IPv4Address(f"10.77.0.{number}") for number in range(2, 7)]


def test_the_bridge_has_the_first_address() -> None:
    assert pools.gateway(TINY) == IPv4Interface("10.77.0.1/29")


@given(taken=st.frozensets(st.sampled_from(PODS), max_size=4), after=st.sampled_from([None, *PODS]))
def test_an_address_is_a_pods_and_free(taken: frozenset[IPv4Address], after: IPv4Address | None) -> None:
    found = pools.next_free(TINY, taken=taken, after=after)
    assert found in PODS
    assert found not in taken


def test_an_address_rests_while_there_are_others() -> None:
    given_out = []
    last = None
    for _ in range(10):
        last = pools.next_free(TINY, taken=frozenset(), after=last)
        given_out.append(last)
    assert given_out == PODS * 2


def test_a_last_address_of_another_pool_does_not_matter() -> None:
    assert pools.next_free(TINY, taken=frozenset(), after=IPv4Address("192.0.2.1")) == PODS[0]


def test_when_all_are_taken_it_says_how_many_and_what_helps() -> None:
    with pytest.raises(EngineError, match=r"all 5 of 10\.77\.0\.0/29 are taken; widen \[network\] pool") as refused:
        pools.next_free(TINY, taken=frozenset(PODS), after=None)
    assert refused.value.reason == "FailedCreatePodSandBox"


@given(st.integers(2, 2**16 - 2))
def test_the_hardware_address_is_of_one_machine_and_one_pod(number: int) -> None:
    mac = pools.mac(IPv4Network("10.77.0.0/16")[number])
    assert len(mac) == 6
    assert mac[0] & 0b11 == 0b10  # locally administered, no multicast
    assert int.from_bytes(mac[4:], "big") == number
