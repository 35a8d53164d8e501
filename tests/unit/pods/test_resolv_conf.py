from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.pods import resolv_conf
from edgelet.pods.resolv_conf import Resolver
from tests.unit.pods.pod_documents import pod


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Resolver()),
        ("# nameserver 1.1.1.1\n;x\nnameserver\n", Resolver()),
        (" nameserver 192.0.2.1 x\nnameserver 192.0.2.2", Resolver(("192.0.2.1", "192.0.2.2"))),
        ("search a\nsearch b. c\n", Resolver(searches=("b", "c"))),
        ("options ndots:1\noptions edns0 rotate\n", Resolver(options=("edns0", "rotate"))),
        ("search\n", Resolver()),
    ],
)
def test_the_nodes_file_is_read_as_resolvers_read_it(text: str, expected: Resolver) -> None:
    assert resolv_conf.parse(text) == expected


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert resolv_conf.parse(text).warnings == ()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, True),
        ({"hostNetwork": True}, False),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, True),
        ({"dnsPolicy": "Default"}, False),
        ({"dnsPolicy": "None"}, False),
    ],
)
def test_a_pod_that_asked_for_cluster_dns_in_vain_is_told_apart(more: dict[str, Any], expected: bool) -> None:
    assert resolv_conf.lacks_cluster_dns(pod(**more), cluster_dns=()) is expected
    assert not resolv_conf.lacks_cluster_dns(pod(**more), cluster_dns=("10.96.0.10",))
