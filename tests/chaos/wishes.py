"""What must run: the model against which the world is held. Plain values; no look at the world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from tests.fixtures.workload import IDLE, pod

Way = Literal["mqtt", "api"]
Shape = Literal["plain", "pair", "config", "port", "scratch", "host", "once", "failing"]
SHAPES: tuple[Shape, ...] = ("plain", "pair", "config", "port", "scratch", "host", "once", "failing")
SERVE = "mkdir -p /www; echo page >/www/index.html; exec httpd -f -p 8080 -h /www"


@dataclass(frozen=True, slots=True)
class PodWish:
    """A pod as somebody wants it."""

    name: str
    way: Way
    shape: Shape
    image: str
    version: int = 1
    host_port: int = 0

    @property
    def runs(self) -> bool:
        """Whether it is to run for ever."""
        return self.shape != "once"

    @property
    def containers(self) -> tuple[str, ...]:
        return ("main", "side") if self.shape == "pair" else ("main",)

    @property
    def config_map(self) -> str:
        """Name of the ConfigMap it mounts; "" for none."""
        return f"{self.name}-config" if self.shape == "config" else ""

    @property
    def host_network(self) -> bool:
        return self.shape == "host"

    def bumped(self) -> PodWish:
        """Return it with its next version."""
        return replace(self, version=self.version + 1)

    def document(self) -> dict[str, Any]:
        """Return the Pod."""
        made = [self._container(name) for name in self.containers]
        spec: dict[str, Any] = {"terminationGracePeriodSeconds": 1}
        if self.shape == "config":
            spec["volumes"] = [{"name": "config", "configMap": {"name": self.config_map}}]
        if self.shape == "scratch":
            spec["volumes"] = [{"name": "scratch", "emptyDir": {}}]
        if self.shape == "once":
            spec["restartPolicy"] = "Never"
        if self.shape == "failing":
            spec["restartPolicy"] = "OnFailure"
        if self.host_network:
            spec["hostNetwork"] = True
        return pod(self.name, *made, **spec)

    def _container(self, name: str) -> dict[str, Any]:
        script, fields = IDLE, dict[str, Any]()
        if self.shape == "once":
            script = "sleep 0.2"
        if self.shape == "port":
            script = SERVE
            fields["ports"] = [{"containerPort": 8080, "hostPort": self.host_port}]
        if self.shape == "config":
            fields["volumeMounts"] = [{"name": "config", "mountPath": "/config"}]
        if self.shape == "scratch":
            script = f"echo $VERSION >>/scratch/starts; {IDLE}"
            fields["volumeMounts"] = [{"name": "scratch", "mountPath": "/scratch"}]
        environment = [{"name": "VERSION", "value": str(self.version)}]
        command = ["sh", "-c", script]
        return {"name": name, "image": self.image, "command": command, "env": environment, **fields}


@dataclass(frozen=True, slots=True)
class ConfigWish:
    """A ConfigMap as somebody wants it."""

    name: str
    way: Way
    value: str

    def document(self) -> dict[str, Any]:
        """Return the ConfigMap."""
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": self.name, "namespace": "default"},
            "data": {"value": self.value},
        }


Wish = PodWish | ConfigWish


@dataclass(slots=True)
class Wishes:
    """All that is wanted, and what once was: nothing of it may come back."""

    pods: dict[str, PodWish]
    configs: dict[str, ConfigWish]
    gone_pods: dict[str, Way]
    gone_configs: dict[str, Way]

    @staticmethod
    def none() -> Wishes:
        return Wishes({}, {}, {}, {})
