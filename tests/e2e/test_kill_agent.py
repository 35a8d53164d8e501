"""The agent dies at any instant: pods come up once, go away wholly, and those that run do not notice."""

from __future__ import annotations

import contextlib
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import footprint
from tests.fixtures.agent import until
from tests.fixtures.site import Site, container_ids
from tests.fixtures.workload import IDLE, container, pod

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto, pytest.mark.slow]

SEED = 20_231
SPAN_S = 1.2  # publish to Running, and a little more
CHANCE = random.Random(SEED)  # noqa: S311  no secret
INSTANTS_S = [
    SPAN_S * (number + CHANCE.random()) / 20 for number in range(20)
]  # one in each twentieth; seen in the ids
STOP_S = 5.0
REST_S = 1.5  # after so long a status is on disk; what the engine cannot tell again would be lost before


def started(site: Site) -> Path:
    """Where each container of a pod below writes a line when it starts."""
    return site.agent.base / "started"


def witnessed(site: Site, name: str) -> dict[str, Any]:
    """Return a pod of two containers that bear witness of each of their starts."""
    volume = {"name": "w", "hostPath": {"path": str(started(site)), "type": "DirectoryOrCreate"}}
    mount = [{"name": "w", "mountPath": "/w"}]
    script = f"echo $HOSTNAME >>/w/{{}}; {IDLE}"
    both = [container(one, script.format(f"{name}.{one}"), volumeMounts=mount) for one in ("one", "two")]
    return pod(name, *both, volumes=[volume])


def starts(site: Site, name: str) -> dict[str, int]:
    return {one.name: len(one.read_text().splitlines()) for one in started(site).glob(f"{name}.*")}


def pids(site: Site) -> dict[str, int]:
    """Return main processes by container id, infra ones too."""
    ids = site.agent.podman("ps", "--all", "--quiet", "--no-trunc").split()
    return {one["Id"]: one["State"]["Pid"] for one in json.loads(site.agent.podman("inspect", *ids))}


def at_rest(site: Site) -> footprint.Footprint:
    until(lambda: not site.agent.engine_processes(), within_s=15, what="the engine rests")
    return footprint.take(site.agent)


def nothing_left(site: Site, known: footprint.Names, empty: footprint.Footprint) -> None:
    """Conmon's own clean-up may still be on its way; nothing else may."""
    with contextlib.suppress(AssertionError):
        until(lambda: footprint.take(site.agent, known) == empty, within_s=5)
    assert footprint.take(site.agent, known) == empty


def witnesses(site: Site) -> tuple[list[str], list[str], list[str]]:
    """Return what podman has: containers but infra ones, all containers, pods."""
    everything = site.agent.podman("ps", "--all", "--quiet", "--external", "--no-trunc").split()
    return (
        sorted(one["Id"] for one in site.agent.containers()),
        everything,
        site.agent.podman("pod", "ps", "--quiet", "--no-trunc").split(),
    )


@pytest.fixture(scope="module")
def empty(site: Site) -> footprint.Footprint:
    """What is there before the first pod."""
    started(site).mkdir()
    return at_rest(site)


@pytest.mark.parametrize("instant_s", INSTANTS_S, ids=lambda one: f"{one:.3f}s")
def test_killed_between_publish_and_running(site: Site, empty: footprint.Footprint, instant_s: float) -> None:
    name, boot = f"web-{instant_s * 1000:.0f}", site.online()["bootID"]
    site.want(witnessed(site, name), name)
    time.sleep(instant_s)
    site.agent.kill()
    boot = site.revive(boot)
    until(lambda: (site.message(name) or {}).get("bootID") == boot, what="the new agent tells")
    status = site.ready(name)

    assert {one["name"]: one["restartCount"] for one in status["containerStatuses"]} == {"one": 0, "two": 0}
    ours, everything, pods = witnesses(site)
    assert ours == sorted(container_ids(status).values())
    assert (len(everything), len(pods)) in {(2, 0), (3, 1)}  # where namespaces are not pinned: and the infra container
    assert starts(site, name) == {f"{name}.one": 1, f"{name}.two": 1}

    known = footprint.names(site.agent)
    site.unwant(name)
    site.gone(name)
    assert witnesses(site) == ([], [], [])
    nothing_left(site, known, empty)


@pytest.mark.parametrize("instant_s", [0.02, 0.15, 0.4, 0.7])
def test_killed_while_deleting(site: Site, empty: footprint.Footprint, instant_s: float) -> None:
    name, boot = f"gone-{instant_s * 100:.0f}", site.online()["bootID"]
    site.want(witnessed(site, name), name)
    site.ready(name)
    known = footprint.names(site.agent)
    site.unwant(name)
    time.sleep(instant_s)
    site.agent.kill()
    site.revive(boot)
    site.gone(name)
    assert witnesses(site) == ([], [], [])
    nothing_left(site, known, empty)
    assert starts(site, name) == {f"{name}.one": 1, f"{name}.two": 1}


def test_running_pod_does_not_notice_death_or_stop_of_the_agent(site: Site, empty: footprint.Footprint) -> None:
    boot = site.online()["bootID"]
    site.want(witnessed(site, "web"), "web")
    before, running = site.ready("web"), pids(site)
    known = footprint.names(site.agent)
    time.sleep(REST_S)

    site.agent.kill()
    boot = site.revive(boot)
    until(lambda: (site.message("web") or {}).get("bootID") == boot, what="the new agent tells")
    assert (container_ids(site.ready("web")), pids(site)) == (container_ids(before), running)

    began_s = time.monotonic()
    assert site.agent.stop() == 0
    assert time.monotonic() - began_s < STOP_S
    until(lambda: site.online().get("state") == "offline", within_s=5, what="the agent says that it goes")
    assert pids(site) == running
    boot = site.revive(boot)
    until(lambda: (site.message("web") or {}).get("bootID") == boot, what="the next agent tells")
    after = site.ready("web")
    assert (container_ids(after), pids(site)) == (container_ids(before), running)
    assert [one["restartCount"] for one in after["containerStatuses"]] == [0, 0]
    assert after["startTime"] == before["startTime"]

    site.unwant("web")
    site.gone("web")
    nothing_left(site, known, empty)
