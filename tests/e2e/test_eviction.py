"""A node that is short of something gives up pods as a kubelet does; thresholds are set so that it is short at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.small_disk import small
from tests.fixtures.workload import IDLE, container, pod

pytestmark = [pytest.mark.podman, pytest.mark.slow]

VOLUMES_MB = 64
# dd keeps its block in memory, since nobody reads the pipe.
LARGE = "dd if=/dev/zero bs=48M count=1 2>/dev/null | sleep 100000 & trap 'exit 0' TERM; wait"
DEAF = "trap '' TERM; while true; do sleep 1; done"
OFF = dict.fromkeys(
    ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"), "0%"
)
SHORT_OF_MEMORY = {**OFF, "memory.available": "99.9%"}


def eviction(hard: dict[str, str], *, transition_s: float = 3.0, **more: Any) -> dict[str, Any]:
    return {"look_s": 1.0, "pressure_transition_period_s": transition_s, "hard": hard, **more}


def status(agent: AgentUnderTest, name: str) -> dict[str, Any]:
    found: dict[str, Any] = (agent.get("pod", name) or {}).get("status") or {}
    return found


def phase(agent: AgentUnderTest, name: str) -> str:
    return str(status(agent, name).get("phase"))


def is_evicted(agent: AgentUnderTest, name: str) -> bool:
    found = status(agent, name)
    return (found.get("phase"), found.get("reason")) == ("Failed", "Evicted")


def disruption(agent: AgentUnderTest, name: str) -> dict[str, Any]:
    return next((one for one in status(agent, name)["conditions"] if one["type"] == "DisruptionTarget"), {})


def finished_at(agent: AgentUnderTest, name: str) -> str:
    return str(status(agent, name)["containerStatuses"][0]["state"]["terminated"]["finishedAt"])


def node_condition(agent: AgentUnderTest, kind: str) -> str:
    node = agent.get("node", "board", "") or {}
    return str(next(one["status"] for one in node["status"]["conditions"] if one["type"] == kind))


def reasons(agent: AgentUnderTest) -> list[str]:
    return [one["reason"] for one in json.loads(agent.cli("get", "events", "-A", "-o", "json").stdout)["items"]]


@pytest.mark.parametrize("sandbox", ["infra", "pinned"])
def test_short_of_memory_the_node_gives_up_its_pods_in_order_and_keeps_the_critical_one(sandbox: str) -> None:
    with AgentUnderTest(settings={"network": {"sandbox": sandbox}, "eviction": eviction(OFF)}) as agent:
        asked = container(resources={"requests": {"memory": "64Mi"}})
        agent.apply(
            pod("critical", priority=2_000_000_000), pod("modest", asked), pod("large", container(script=LARGE))
        )
        names = ("critical", "modest", "large")
        until(lambda: all(phase(agent, one) == "Running" for one in names), within_s=60, what="all run")
        assert node_condition(agent, "MemoryPressure") == "False"
        agent.stop()
        agent.set(eviction=eviction(SHORT_OF_MEMORY))
        agent.start()
        until(lambda: is_evicted(agent, "large") and is_evicted(agent, "modest"), within_s=60, what="both had to go")
        message = status(agent, "large")["message"]
        assert message.startswith("The node was low on resource: memory. Threshold quantity: ")
        using = int(message.partition("Container main was using ")[2].partition("Ki")[0])
        assert 48 * 1024 <= using < 64 * 1024
        assert message.endswith("Ki, request is 0, has larger consumption of memory. ")
        assert "Container" not in status(agent, "modest")["message"], "it kept to its request"
        assert finished_at(agent, "large") <= finished_at(agent, "modest")
        assert disruption(agent, "large")["status"] == "True"
        assert disruption(agent, "large")["reason"] == "TerminationByKubelet"
        assert node_condition(agent, "MemoryPressure") == "True"
        agent.apply(pod("late"))
        until(lambda: is_evicted(agent, "late"), what="it is not admitted")
        assert status(agent, "late")["message"] == "Pod was rejected: The node had condition: [MemoryPressure]. "
        assert {"NodeHasInsufficientMemory", "EvictionThresholdMet", "Evicted"} <= set(reasons(agent))
        assert phase(agent, "critical") == "Running"
        assert len(agent.containers()) == 1

        agent.stop()
        agent.set(eviction=eviction(OFF))
        agent.start()
        until(lambda: node_condition(agent, "MemoryPressure") == "False", what="there is enough")
        assert all(is_evicted(agent, one) for one in ("large", "modest", "late"))
        assert disruption(agent, "large")["status"] == "True"
        agent.apply(pod("after"))
        until(lambda: phase(agent, "after") == "Running", what="new pods run again")
        agent.cli("delete", "pod", "large")
        agent.apply(pod("large"))
        until(lambda: phase(agent, "large") == "Running", what="it comes back by delete and apply")


def test_an_agent_that_is_killed_while_it_evicts_goes_through_with_it() -> None:
    soft: dict[str, Any] = {"soft": {"pid.available": "10M"}, "soft_grace_period_s": {"pid.available": 1.0}}
    with AgentUnderTest(settings={"eviction": eviction(OFF)}) as agent:
        deaf = container(script=DEAF, volumeMounts=[{"name": "v", "mountPath": "/v"}])
        agent.apply(pod("deaf", deaf, terminationGracePeriodSeconds=8, volumes=[{"name": "v", "emptyDir": {}}]))
        until(lambda: phase(agent, "deaf") == "Running", what="it runs")
        agent.stop()
        agent.set(eviction=eviction(OFF, **soft))
        agent.start()
        until(lambda: "Evicted" in reasons(agent), what="it is told to end")
        agent.kill()
        agent.start()
        until(lambda: is_evicted(agent, "deaf"), within_s=60, what="it is evicted by the next one")
        agent.kill()  # the final status is told: what is removed after that, the next agent removes too
        agent.set(eviction=eviction(OFF, soft={}, soft_grace_period_s={}))
        agent.start()
        until(lambda: not agent.containers(), what="nothing of it is left")
        until(lambda: not list((agent.base / "volumes").glob("*/empty-dir/*")), what="its volumes are gone")
        assert is_evicted(agent, "deaf")
        assert status(agent, "deaf")["message"].startswith(
            "The node was low on resource: pids. Threshold quantity: 10M, "
        )
        assert disruption(agent, "deaf")["reason"] == "TerminationByKubelet"


def test_on_a_full_disk_the_pod_that_filled_it_goes_and_the_others_stay() -> None:
    agent = AgentUnderTest(settings={"eviction": eviction({**OFF, "nodefs.available": "10%"}, transition_s=20)})
    with small(agent.base / "volumes", VOLUMES_MB), agent:
        fields: dict[str, Any] = {"volumes": [{"name": "v", "emptyDir": {}}]}
        mounts = [{"name": "v", "mountPath": "/v"}]
        write = "dd if=/dev/zero of=/v/data bs=1M count={} 2>/dev/null; "
        agent.apply(pod("modest", container(script=write.format(1) + IDLE, volumeMounts=mounts), **fields))
        until(lambda: phase(agent, "modest") == "Running", what="it runs")
        agent.apply(pod("greedy", container(script=write.format(60) + IDLE, volumeMounts=mounts), **fields))
        until(lambda: is_evicted(agent, "greedy"), within_s=60, what="it had to go")
        message = status(agent, "greedy")["message"]
        threshold = VOLUMES_MB * 1024 // 10
        assert message.startswith("The node was low on resource: ephemeral-storage. Threshold quantity: ")
        assert int(message.partition("quantity: ")[2].partition(",")[0]) // 1024 == threshold
        agent.apply(pod("late", container(resources={"requests": {"memory": "1Mi"}})))
        until(lambda: is_evicted(agent, "late"), what="it is not admitted")
        assert status(agent, "late")["message"] == "Pod was rejected: The node had condition: [DiskPressure]. "
        until(lambda: node_condition(agent, "DiskPressure") == "False", within_s=60, what="its volume was given back")
        assert phase(agent, "modest") == "Running"
        assert "FreeDiskSpaceFailed" in reasons(agent), "room was looked for first"
        agent.apply(pod("later"))
        until(lambda: phase(agent, "later") == "Running", what="new pods run again")
