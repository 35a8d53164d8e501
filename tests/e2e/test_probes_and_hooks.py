"""Probes and lifecycle hooks on a real engine: who is asked how, what follows, and what it does not cost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.probes.net import StreamProbeNet
from tests.contract.probe_net.servers import RealServers
from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.workload import container, pod

pytestmark = pytest.mark.podman

WEB = "mkdir -p /www; echo up >/www/live; exec httpd -f -p 8080 -h /www"
OFTEN = {"periodSeconds": 1, "timeoutSeconds": 5}


def status(agent: AgentUnderTest, name: str) -> dict[str, Any]:
    found = agent.get("pod", name)
    assert found is not None
    told: dict[str, Any] = found.get("status") or {}
    return told


def first(agent: AgentUnderTest, name: str) -> dict[str, Any]:
    return next(iter(status(agent, name).get("containerStatuses") or ({},)))


def is_ready(agent: AgentUnderTest, name: str) -> bool:
    return bool(first(agent, name).get("ready"))


def events(agent: AgentUnderTest) -> str:
    return agent.cli("get", "events").stdout


def podman_processes(agent: AgentUnderTest) -> list[str]:
    names = (Path(f"/proc/{pid}/comm") for pid in agent.engine_processes())
    return [one.read_text().strip() for one in names if one.exists() and one.read_text().startswith("podman")]


@contextmanager
def health_server(services: dict[str, str]) -> Iterator[int]:
    """A gRPC server on all addresses of this machine; gives its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers = RealServers(StreamProbeNet(), None, host="0.0.0.0")  # noqa: S104  the pod asks the node at its address
    try:
        yield asyncio.run_coroutine_threadsafe(servers.health(services), loop).result(10)[1]
    finally:
        asyncio.run_coroutine_threadsafe(servers.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def test_probes_by_command_http_tcp_and_grpc_decide_without_an_engine(agent: AgentUnderTest) -> None:
    services = {"": "SERVING", "db": "NOT_SERVING"}
    web = container(
        script=WEB,
        ports=[{"name": "web", "containerPort": 8080}],
        startupProbe={"tcpSocket": {"port": "web"}, **OFTEN, "failureThreshold": 60},
        readinessProbe={"exec": {"command": ["test", "-f", "/tmp/ready"]}, **OFTEN},
        livenessProbe={"httpGet": {"port": "web", "path": "/live"}, **OFTEN, "failureThreshold": 2},
    )
    with health_server(services) as port:
        health = container(readinessProbe={"grpc": {"port": port, "service": "db"}, **OFTEN})
        agent.apply(pod("web", web), pod("health", health, hostNetwork=True))
        until(lambda: first(agent, "web").get("started"), what="the startup probe succeeds")
        until(lambda: 'responded with "NOT_SERVING"' in events(agent), what="the gRPC probe fails")
        assert not is_ready(agent, "web")
        agent.cli("exec", "web", "--", "touch", "/tmp/ready")
        services["db"] = "SERVING"
        until(lambda: is_ready(agent, "web") and is_ready(agent, "health"), what="both are ready")

        until(lambda: not podman_processes(agent), what="the engine ends, though probes go on")
        time.sleep(3)
        assert podman_processes(agent) == []
        assert first(agent, "web")["restartCount"] == 0

        agent.cli("exec", "web", "--", "rm", "/www/live")
        until(lambda: first(agent, "web").get("restartCount") == 1, what="the liveness probe restarts it")
        told = events(agent)
        assert "Liveness probe failed: HTTP probe failed with statuscode: 404" in told
        assert "Container main failed liveness probe, will be restarted" in told
        assert not is_ready(agent, "web"), "the new instance has no /tmp/ready"


def test_a_killed_agent_finds_what_was_ready_as_ready(agent: AgentUnderTest) -> None:
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 30, "timeoutSeconds": 5}
    agent.apply(pod("web", container(startupProbe={**OFTEN, **probe}, readinessProbe=probe)))
    until(lambda: is_ready(agent, "web"), what="it is ready")
    time.sleep(3)  # its status is on flash
    since = [(one["type"], one["lastTransitionTime"]) for one in status(agent, "web")["conditions"]]
    agent.kill()
    agent.start()
    until(lambda: first(agent, "web").get("state", {}).get("running"), what="the agent looked")
    assert (is_ready(agent, "web"), first(agent, "web")["started"]) == (True, True)
    assert [(one["type"], one["lastTransitionTime"]) for one in status(agent, "web")["conditions"]] == since


def test_hooks_run_around_a_containers_life(agent: AgentUnderTest, tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = "trap 'echo term >>/h/told; exit 0' TERM; while :; do sleep 0.1; done"
    hooks = {
        "postStart": {"exec": {"command": ["sh", "-c", "sleep 2; echo started >>/h/told"]}},
        "preStop": {"exec": {"command": ["sh", "-c", "echo stopping >>/h/told; sleep 1; echo stopped >>/h/told"]}},
    }
    mounts = [{"name": "h", "mountPath": "/h"}]
    agent.apply(
        pod(
            "web",
            container("one", script, lifecycle=hooks, volumeMounts=mounts),
            container("two", "echo two >>/h/told; sleep 1000", volumeMounts=mounts),
            volumes=[{"name": "h", "hostPath": {"path": str(tmp_path)}}],
            terminationGracePeriodSeconds=20,
        )
    )
    until(lambda: status(agent, "web").get("phase") == "Running", what="it runs")
    until(lambda: told.exists() and "two" in told.read_text(), what="the second container started")
    assert told.read_text().split() == ["started", "two"]
    agent.cli("delete", "pod", "web", timeout_s=60)
    assert told.read_text().split() == ["started", "two", "stopping", "stopped", "term"]
