from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.nftables import ruleset, table
from edgelet.adapters.nftables.ruleset import Forward
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import PortMapping
from tests.fixtures.network_namespace import needs_root, on_a_node, output

POOL = IPv4Network("10.77.0.0/16")
POD = IPv4Address("10.77.0.2")
EVERYWHERE = "0.0.0.0"  # noqa: S104  as a manifest says it

bridges = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_.-]{0,14}", fullmatch=True)
ports = st.builds(
    PortMapping,
    container_port=st.integers(1, 65535),
    host_port=st.integers(1, 65535),
    protocol=st.sampled_from(["TCP", "UDP", "SCTP"]),
    host_ip=st.sampled_from(["", EVERYWHERE, "127.0.0.1", "192.0.2.7"]),
)


@given(bridges, bridges)
def test_two_bridges_have_two_tables_with_names_that_nft_takes(one: str, other: str) -> None:
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", ruleset.table_name(one))
    assert (ruleset.table_name(one) == ruleset.table_name(other)) == (one == other)


def test_the_script_replaces_its_own_table_and_names_no_other() -> None:
    script = ruleset.render(bridge="edgelet0", pool=POOL, forwards=())
    lines = script.splitlines()
    assert lines[:3] == ["table ip edgelet_edgelet0", "delete table ip edgelet_edgelet0", "table ip edgelet_edgelet0 {"]
    assert re.findall(r"table ip (\S+)", script) == ["edgelet_edgelet0"] * 3
    assert "flush" not in script


@given(st.lists(ports, max_size=8))
def test_a_rule_for_an_address_stands_before_one_for_all(mappings: list[PortMapping]) -> None:
    script = ruleset.render(bridge="b", pool=POOL, forwards=[Forward(port, POD) for port in mappings])
    rules = [line.strip() for line in script.splitlines() if " dnat to " in line]
    assert len(rules) == len(mappings)
    exact = [rule.startswith("ip daddr ") for rule in rules]
    assert all(before >= after for before, after in pairwise(exact))


def test_the_order_of_the_pods_does_not_change_the_script() -> None:
    forwards = [Forward(PortMapping(80, number), POD) for number in (3, 1, 2)]
    assert len({ruleset.render(bridge="b", pool=POOL, forwards=each) for each in (forwards, forwards[::-1])}) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (PortMapping(80, 8080), PortMapping(81, 8080), True),
        (PortMapping(80, 8080), PortMapping(80, 8080, "UDP"), False),
        (PortMapping(80, 8080), PortMapping(80, 8081), False),
        (PortMapping(80, 8080, host_ip="127.0.0.1"), PortMapping(80, 8080), True),
        (PortMapping(80, 8080, host_ip="127.0.0.1"), PortMapping(80, 8080, host_ip=EVERYWHERE), True),
        (PortMapping(80, 8080, host_ip="127.0.0.1"), PortMapping(80, 8080, host_ip="192.0.2.7"), False),
    ],
)
def test_ports_are_in_each_others_way_where_a_packet_could_go_to_both(
    one: PortMapping, other: PortMapping, same: bool
) -> None:
    assert ruleset.overlap(one, other) == ruleset.overlap(other, one) == same


@pytest.mark.parametrize("address", ["2001:db8::1", "node.example", "10.0.0.1/8", '1.1.1.1" drop #'])
def test_a_host_address_that_leads_to_no_pod_is_refused(address: str) -> None:
    with pytest.raises(EngineError, match="only IPv4 addresses lead to pods") as refused:
        ruleset.check([PortMapping(80, 8080, host_ip=address)])
    assert refused.value.reason == "FailedCreatePodSandBox"


def test_ordinary_host_addresses_are_taken() -> None:
    ruleset.check([PortMapping(80, 8080, host_ip=each) for each in ("", EVERYWHERE, "::", "127.0.0.1", "192.0.2.1")])


@needs_root
def test_the_kernel_takes_it_whole_again_and_again_beside_others() -> None:
    forwards = [
        Forward(PortMapping(80, 8080, protocol, address), POD)
        for protocol in ("TCP", "UDP", "SCTP")
        for address in ("", "127.0.0.1")
    ]

    def body() -> None:
        output("nft", "add table ip other; add chain ip other keep")
        assert table.handle("edgelet_my_br_d9ee3fd3") == b""
        handles = []
        for each in (forwards, forwards[:1], ()):
            table.replace(ruleset.render(bridge="my-br", pool=POOL, forwards=each))
            handles.append(table.handle(ruleset.table_name("my-br")))
            assert output("nft", "list", "ruleset").count("dnat to") == len(each)
        assert all(handles)
        assert len(set(handles)) == 3
        assert "chain keep" in output("nft", "list", "table", "ip", "other")

    on_a_node(body)


@needs_root
def test_a_script_with_a_fault_changes_nothing_and_says_why() -> None:
    def body() -> str:
        table.replace(ruleset.render(bridge="b", pool=POOL, forwards=[Forward(PortMapping(80, 8080), POD)]))
        before = output("nft", "list", "ruleset")
        with pytest.raises(EngineError, match=r"cannot put host ports and masquerade in place: .*rubbish"):
            table.replace(ruleset.render(bridge="b", pool=POOL, forwards=()) + "rubbish")
        assert output("nft", "list", "ruleset") == before
        return before

    assert "8080" in on_a_node(body)
