from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.nftables import table
from edgelet.adapters.sandboxes import build, host_check
from tests.fixtures.network_namespace import ip, needs_root, on_a_node, output

POOL = "10.77.0.0/24"
OPEN = {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "accept"}


@pytest.mark.parametrize(
    ("changes", "closes"),
    [
        ({}, False),
        ({"policy": "drop"}, True),
        ({"policy": "drop", "family": "inet", "table": "guard"}, True),
        ({"policy": "drop", "hook": "input"}, False),
        ({"policy": "drop", "family": "ip6"}, False),
        ({"table": "firewalld", "family": "inet"}, True),
        ({"hook": None, "policy": None}, False),
    ],
)
def test_a_chain_that_drops_forwarded_packets_is_found(changes: dict[str, Any], closes: bool) -> None:
    assert bool(host_check.closing_chain([OPEN, {**OPEN, **changes}])) == closes


@pytest.mark.parametrize(("policy", "closes"), [("ACCEPT", False), ("DROP", True)])
def test_the_policy_of_old_iptables_is_read(policy: str, closes: bool) -> None:
    assert host_check.closing_rules(f"-P FORWARD {policy}\n-A FORWARD -j DOCKER-USER\n") == closes
    assert not host_check.closing_rules("")


def tried(directory: Path) -> str:
    return asyncio.run(host_check.why_not(directory, pool=POOL))


@needs_root
def test_a_board_that_can_says_so_and_nothing_is_left_of_the_trial(tmp_path: Path) -> None:
    def body() -> None:
        for _ in range(2):
            assert tried(tmp_path / "s") == ""
        assert "eltrial0" not in ip("link")
        assert output("nft", "list", "ruleset") == ""

    on_a_node(body)
    assert list((tmp_path / "s").iterdir()) == []


@needs_root
def test_a_firewall_that_closes_the_way_is_named(tmp_path: Path) -> None:
    def body() -> str:
        output("nft", "add table ip guard; add chain ip guard f { type filter hook forward priority 0; policy drop; }")
        return tried(tmp_path)

    assert "closes the way of pods: ip guard f" in on_a_node(body)


@needs_root
@pytest.mark.parametrize("station", ["make", "ensure_bridge"])
def test_what_the_kernel_refuses_is_the_reason(tmp_path: Path, station: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted", "unshare")

    monkeypatch.setattr(build, station, refuse)
    assert "does not let us: [Errno 1] Operation not permitted" in on_a_node(lambda: tried(tmp_path))


@needs_root
def test_what_was_tried_in_this_boot_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted", "unshare")

    def body() -> tuple[str, str, str]:
        first = tried(tmp_path / "s")
        monkeypatch.setattr(build, "make", refuse)
        second = tried(tmp_path / "s")
        (tmp_path / "s.tried").write_text("another boot")
        return first, second, tried(tmp_path / "s")

    first, second, after_reboot = on_a_node(body)
    assert (first, second) == ("", "")
    assert "does not let us" in after_reboot


def test_without_nft_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "program", str)
    assert "install the package nftables" in tried(tmp_path)
