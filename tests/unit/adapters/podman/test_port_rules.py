from __future__ import annotations

from edgelet.adapters.podman import port_rules

DEAD, ALIVE, OTHER = "d" * 64, "a" * 64, "c" * 64
TABLE = f"""\
*nat
:NETAVARK-DN-B219BFCFA7301 - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-A NETAVARK-B219BFCFA7301 -d 10.77.0.0/24 -j ACCEPT
-A NETAVARK-DN-B219BFCFA7301 -s 10.77.0.0/24 -p tcp -m tcp --dport 8080 -j NETAVARK-HOSTPORT-SETMARK
-A NETAVARK-DN-B219BFCFA7301 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.77.0.5:80
-A NETAVARK-DN-B219BFCFA7301 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.77.0.6:80
-A NETAVARK-DN-EFD07F5A13538 -p tcp -m tcp --dport 9090 -j DNAT --to-destination 10.99.0.5:80
-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 8080 -m comment --comment "dnat name: edgelet id: {DEAD}" -j NETAVARK-DN-B219BFCFA7301
-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 8080 -m comment --comment "dnat name: edgelet id: {ALIVE}" -j NETAVARK-DN-B219BFCFA7301
-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 9090 -m comment --comment "dnat name: podman id: {OTHER}" -j NETAVARK-DN-EFD07F5A13538
COMMIT
"""  # noqa: E501  iptables-save's own lines


def test_the_rules_of_a_network_name_their_containers() -> None:
    assert port_rules.owners(TABLE, "edgelet") == {DEAD, ALIVE}
    assert port_rules.owners(TABLE, "podman") == {OTHER}
    assert port_rules.present(TABLE)
    assert not port_rules.present("*nat\nCOMMIT\n")


def test_rules_of_the_dead_and_of_addresses_that_nobody_has_are_stale() -> None:
    found = port_rules.stale(
        TABLE, network="edgelet", pool="10.77.0.0/24", gone=frozenset({DEAD}), addresses=frozenset({"10.77.0.6"})
    )
    assert [" ".join(rule) for rule in found] == [
        "NETAVARK-DN-B219BFCFA7301 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.77.0.5:80",
        (
            f"NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 8080 -m comment --comment dnat name: edgelet id: {DEAD} "
            "-j NETAVARK-DN-B219BFCFA7301"
        ),
    ]
    assert f"dnat name: edgelet id: {DEAD}" in found[1]


def test_nothing_of_another_network_is_ever_stale() -> None:
    found = port_rules.stale(
        TABLE,
        network="edgelet",
        pool="10.77.0.0/24",
        gone=frozenset({OTHER}),
        addresses=frozenset({"10.77.0.5", "10.77.0.6"}),
    )
    assert found == ()
