"""The API by TCP of a real agent, as curl sees it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.local_api.tcp_listener import HandshakeBounds
from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.certificates import Authority, Pair
from tests.fixtures.registry import free_port

pytestmark = pytest.mark.podman

CLIENT = "default/_control"


def curl(authority: Authority, port: int, path: str, pair: Pair | None) -> str:
    mine = ("--cert", str(pair.certificate), "--key", str(pair.key)) if pair else ()
    argv = ("curl", "-s", "-m", "10", "-w", "\\n%{http_code}", "--cacert", str(authority.certificate), *mine)
    url = f"https://127.0.0.1:{port}{path}"
    return subprocess.run((*argv, url), capture_output=True, text=True, check=False).stdout


def settings(authority: Authority, port: int, server: Pair) -> dict[str, Any]:
    return {
        "tcp_listen": f"127.0.0.1:{port}",
        "tcp_cert": str(server.certificate),
        "tcp_key": str(server.key),
        "tcp_client_ca": str(authority.certificate),
        "tcp_clients": [CLIENT],
    }


def test_a_named_certificate_comes_in_and_files_that_are_gone_stop_nothing_else(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client, other, port = (
        authority.server(),
        authority.client(CLIENT),
        authority.client("default/x"),
        free_port(),
    )
    with AgentUnderTest(settings={"api": settings(authority, port, server)}) as agent:
        body, _, code = curl(authority, port, "/api/v1/nodes", client).rpartition("\n")
        assert code == "200"
        assert json.loads(body)["items"][0]["metadata"]["name"] == agent.name
        assert curl(authority, port, "/api/v1/nodes", other).endswith("\n403")
        assert curl(authority, port, "/api/v1/nodes", None) == "\n000"

        agent.stop()
        server.key.unlink()
        agent.start()
        events = until(lambda: agent.cli("get", "events").stdout, what="events")
        assert "CertificateInvalid" in events
        assert curl(authority, port, "/api/v1/nodes", client) == "\n000"


def test_five_hundred_silent_clients_cost_the_agent_a_few_descriptors(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client, port = authority.server(), authority.client(CLIENT), free_port()
    with AgentUnderTest(settings={"api": settings(authority, port, server)}) as agent, contextlib.ExitStack() as held:
        before = descriptors(agent.pid)
        for _ in range(500):
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        assert curl(authority, port, "/api/v1/nodes", client).endswith("\n200")
        until(lambda: descriptors(agent.pid) <= before + HandshakeBounds().half_open + 4, what="the others are cut")
        assert "show no certificate; the oldest are cut" in agent.log_path.read_text()
        held.close()
        until(lambda: descriptors(agent.pid) <= before + 4, what="nothing is left")


def descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
