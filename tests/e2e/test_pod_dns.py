"""Pods that find each other by name: the real agent, with each kind of sandbox."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.aardvark import process
from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.workload import container, pod

pytestmark = pytest.mark.podman

# A pod's first question, before anything else: the server has to be there by then. Resolvers ask again after a moment.
LOOK = "until nslookup {0} >/tmp/found 2>&1; do sleep 0.1; done; cat /tmp/found; "


@pytest.fixture(params=["pinned", "infra"])
def named(request: pytest.FixtureRequest) -> Iterator[AgentUnderTest]:
    """An agent whose pods have names, below a domain that is not the default one."""
    network = {"sandbox": request.param, "pod_dns": "aardvark", "cluster_domain": "board.example"}
    with AgentUnderTest(settings={"network": network}) as agent:
        yield agent


def lookup(agent: AgentUnderTest, within: str, name: str) -> str:
    done = agent.cli("exec", within, "--", "sh", "-c", f"nslookup {name} 2>&1", check=False)
    return done.stdout


def address(agent: AgentUnderTest, name: str) -> str:
    def look() -> str:
        found = agent.get("pod", name) or {}
        status: dict[str, Any] = found.get("status", {})
        ready = {one["type"]: one["status"] for one in status.get("conditions", ())}
        return str(status.get("podIP", "")) if ready.get("Ready") == "True" else ""

    return until(look, what=f"{name} is ready")


def server_pid(agent: AgentUnderTest) -> int:
    """Return the pid of the server that serves now, 0 for none."""
    pidfd = process.find(agent.base / "run" / "dns" / "names")
    if pidfd is None:
        return 0
    try:
        lines = Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines()
        return max(0, *(int(line.split()[1]) for line in lines if line.startswith("Pid:")))
    finally:
        os.close(pidfd)


def test_pods_find_each_other_by_name_whatever_happens_to_agent_and_server(named: AgentUnderTest) -> None:
    assert server_pid(named) == 0
    named.apply(
        pod("web", hostname="web-0", subdomain="farm"),
        pod("client"),
        pod("plain", dnsPolicy="Default"),
    )
    web, _ = address(named, "web"), address(named, "client")
    gateway = f"{web.rpartition('.')[0]}.1"
    conf = named.cli("exec", "client", "--", "cat", "/etc/resolv.conf").stdout.splitlines()
    assert conf[0].split()[:4] == ["search", "default.svc.board.example", "svc.board.example", "board.example"]
    assert [line for line in conf if not line.startswith("search")] == [f"nameserver {gateway}", "options ndots:5"]
    assert gateway not in named.cli("exec", "plain", "--", "cat", "/etc/resolv.conf").stdout

    dashed = web.replace(".", "-")
    full = (f"{dashed}.default.pod.board.example", "web-0.farm.default.svc.board.example", "web.default", "web")
    for name in full:
        assert until(lambda name=name: web in lookup(named, "client", name), what=name)  # type: ignore[misc]

    first = server_pid(named)
    named.kill()
    assert server_pid(named) == first
    named.start()
    assert until(lambda: web in lookup(named, "client", "web"), what="the names are there")
    assert server_pid(named) == first

    os.kill(first, signal.SIGKILL)
    assert until(lambda: server_pid(named) not in {0, first}, what="another server runs")
    assert until(lambda: web in lookup(named, "client", "web"), what="the names are back")

    named.cli("delete", "pod", "web", "--wait=true")
    assert until(lambda: "NXDOMAIN" in lookup(named, "client", "web.default.board.example"), what="the name is gone")
    named.cli("delete", "pods", "--all", "--wait=true")
    assert until(lambda: not server_pid(named), what="the server ended with the last pod")
    assert until(lambda: not (named.base / "run" / "dns").exists(), what="nothing of it is left")


def test_the_first_thing_that_a_pod_asks_is_answered_and_a_server_goes_with_the_setting(named: AgentUnderTest) -> None:
    named.apply(pod("first", container(script=LOOK.format("first.default.board.example") + "sleep 1000")))
    own = address(named, "first")
    assert until(lambda: own in named.cli("logs", "first").stdout, what="it found itself")
    assert server_pid(named)
    assert named.stop() == 0
    assert server_pid(named)
    named.config.write_text(named.config.read_text().replace('"aardvark"', '"off"'))
    named.start()
    assert until(lambda: not server_pid(named), what="the server went")
    assert Path(f"/proc/{named.pid}").exists()
    assert address(named, "first") == own
