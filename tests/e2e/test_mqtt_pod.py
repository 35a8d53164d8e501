"""The main job: a Pod arrives over MQTT, Podman runs it, its status comes back; and nothing is left afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess

import pytest

from tests.fixtures import footprint
from tests.fixtures.agent import until
from tests.fixtures.mosquitto import free_port
from tests.fixtures.site import Site, container, container_ids

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto]

WEB = """
apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: server
      image: localhost/testbox:1
      command: [sh, -c, 'echo page >/www/index.html; exec httpd -f -p 8080 -h /www']
      ports:
        - {name: http, containerPort: 8080, hostPort: HOST_PORT}
      volumeMounts:
        - {name: pages, mountPath: /www}
    - name: sidecar
      image: localhost/testbox:1
      command:
        - sh
        - -c
        - |
          trap 'exit 0' TERM
          while true; do
            echo "got $(wget -q -O - http://127.0.0.1:8080/ 2>&1)"
            sleep 0.2 & wait $!
          done
  volumes:
    - name: pages
      emptyDir: {}
"""


def fetch(port: int) -> str:
    return subprocess.run(
        ("curl", "-s", "-m", "2", f"http://127.0.0.1:{port}/"), capture_output=True, text=True, check=False
    ).stdout


def test_pod_arrives_runs_is_restarted_and_leaves_nothing(site: Site) -> None:
    agent, port = site.agent, free_port()
    before = until(lambda: None if agent.engine_processes() else footprint.take(agent), what="the engine rests")

    site.want(WEB.replace("HOST_PORT", str(port)), "web")
    first = site.ready("web")
    assert re.fullmatch(r"10\.\d+\.\d+\.\d+", first["podIP"])
    assert {name: container(first, name)["restartCount"] for name in ("server", "sidecar")} == {
        "server": 0,
        "sidecar": 0,
    }
    assert (site.message("web") or {})["source"] == "mqtt"
    until(lambda: fetch(port) == "page\n", within_s=5, what="the hostPort answers")
    until(
        lambda: "got page" in agent.cli("logs", "web", "-c", "sidecar").stdout, within_s=5, what="localhost is shared"
    )
    ids = container_ids(first)
    assert sorted(ids.values()) == sorted(one["Id"] for one in agent.containers())

    known = footprint.names(agent)
    died = json.loads(agent.podman("inspect", ids["server"]))[0]["State"]["Pid"]
    os.kill(died, signal.SIGKILL)
    second = site.settled("web", lambda status: container(status, "server").get("restartCount") == 1)
    second = site.ready("web")
    server = container(second, "server")
    ended = server["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "Error")
    assert ended["containerID"] == f"podman://{ids['server']}"
    assert server["containerID"] != ended["containerID"]
    assert container(second, "sidecar") == container(first, "sidecar")
    assert second["podIP"] == first["podIP"]
    until(lambda: fetch(port) == "page\n", within_s=5, what="the hostPort answers again")

    now = footprint.names(agent)
    known = footprint.Names(known.ids | now.ids, known.addresses | now.addresses)
    running = footprint.take(agent, known)
    assert all((running.processes, running.mounts, running.interfaces, running.cgroups, running.rules, running.files))
    site.unwant("web")
    site.gone("web")
    assert agent.podman("ps", "--all", "--quiet") == ""
    assert agent.podman("pod", "ps", "--quiet") == ""
    assert agent.get("pod", "web") is None
    assert fetch(port) == ""
    until(lambda: not agent.engine_processes(), within_s=10, what="the engine rests again")
    assert footprint.take(agent, known) == before
