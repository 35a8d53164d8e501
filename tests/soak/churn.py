"""Random but repeatable work for an agent: pods come, change, crash and go."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.mosquitto import Mosquitto
from tests.fixtures.mqtt_clients import publish
from tests.fixtures.workload import container, pod

Action = Literal["apply", "update", "replace", "delete", "crash", "configure"]
_WEIGHTS: dict[Action, int] = {"apply": 6, "update": 3, "replace": 3, "delete": 4, "crash": 5, "configure": 3}


@dataclass
class Churn:
    """Keeps about two thirds of `pods` names in use; every choice comes from `seed`."""

    agent: AgentUnderTest
    broker: Mosquitto
    seed: int
    pods: int = 12
    done: dict[Action, int] = field(default_factory=lambda: dict.fromkeys(_WEIGHTS, 0))
    wanted: dict[str, dict[str, Any]] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  repeatable on purpose

    def wait_s(self, mean_s: float) -> float:
        """Return the time until the next change: random, at most four times the mean."""
        return min(4 * mean_s, self._random.expovariate(1 / mean_s))

    def step(self) -> Action:
        """Make one change."""
        action = choose(self._random, wanted=len(self.wanted), pods=self.pods)
        self._count += 1
        self.done[action] += 1
        if action == "apply":
            name = self._random.choice([one for one in self._names() if one not in self.wanted])
            self._want(name, self._pod(name))
        elif action == "configure":
            settings = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"round": str(self._count)}}
            self._publish("configmaps", "settings", {**settings, "metadata": {"name": "settings"}})
        else:
            name = self._random.choice(sorted(self.wanted))
            if action == "delete":
                self.wanted.pop(name)
                self._publish("pods", name, b"")
            elif action == "crash":
                self._crash(name)
            elif action == "update":  # what may change in place
                changed = self.wanted[name]
                changed["metadata"]["labels"] = {"round": str(self._count)}
                self._want(name, changed)
            else:  # another pod of the same name, while the first still runs
                self._want(name, self._pod(name))
        return action

    def warm_up(self) -> None:
        """Have each thing happen once, so that what is made on first use is there."""
        self._want("warm", self._pod("warm"))
        until(lambda: any(one["State"] == "running" for one in self.agent.containers()), what="the first pod runs")
        self.stop()

    def stop(self) -> None:
        """Want nothing any more."""
        for name in list(self.wanted):
            self.wanted.pop(name)
            self._publish("pods", name, b"")

    def _names(self) -> list[str]:
        return [f"p{number}" for number in range(self.pods)]

    def _pod(self, name: str) -> dict[str, Any]:
        volume = {"name": "data", "emptyDir": {}}
        settings = {"name": "settings", "configMap": {"name": "settings", "optional": True}}
        mounts = [{"name": "data", "mountPath": "/data"}, {"name": "settings", "mountPath": "/settings"}]
        main = container(env=[{"name": "ROUND", "value": str(self._count)}], volumeMounts=mounts)
        return pod(name, main, volumes=[volume, settings])

    def _want(self, name: str, document: dict[str, Any]) -> None:
        self.wanted[name] = document
        self._publish("pods", name, document)

    def _publish(self, plural: str, name: str, document: dict[str, Any] | bytes) -> None:
        publish(self.broker, f"edgelet/v1/default/board/desired/{plural}/default/{name}", document)

    def _crash(self, name: str) -> None:
        """Kill what runs in a pod's container, as podman finds it; nothing happens where nothing runs."""
        found = self.agent.podman(
            "ps", "--filter", f"label=edgelet.pod.name={name}", "--format", "{{.Pid}} {{.IsInfra}}", check=False
        )
        for line in found.splitlines():
            pid, _, infra = line.partition(" ")
            if infra == "false" and int(pid) > 1:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)


def choose(chance: random.Random, *, wanted: int, pods: int) -> Action:
    """Return what to do next; more arrivals below two thirds of the names, more departures above."""
    weights = dict(_WEIGHTS)
    weights["apply"] = 0 if wanted == pods else weights["apply"] * (2 if wanted < pods * 2 // 3 else 1)
    if not wanted:
        weights = {**dict.fromkeys(weights, 0), "apply": 1}
    return chance.choices(list(weights), list(weights.values()))[0]
