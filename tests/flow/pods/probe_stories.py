"""Stories of pods with probes: a world with two images, a pod with one container, commands that are scripted."""

from __future__ import annotations

import asyncio
from typing import Any

from edgelet.api.pod_status import ContainerStatus
from tests.fakes.runtime import Command
from tests.fakes.world import World, pod_document
from tests.flow.pods import stories
from tests.flow.pods.stories import Story

DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
IP = "10.77.0.2"


def play(story: Story, *images: str) -> None:
    stories.play(story, *(images or ("app:1", "app:2")))


def probe(**fields: Any) -> dict[str, Any]:
    handler = {} if {"exec", "httpGet", "tcpSocket", "grpc"} & fields.keys() else {"tcpSocket": {"port": 80}}
    return {**DEFAULTS, **handler, **fields}


def probed(name: str = "web", **container: Any) -> dict[str, Any]:
    spec = container.pop("spec", {})
    return pod_document(name, containers=[{"name": "app", "image": "app:1", **container}], **spec)


def app(w: World, name: str = "web") -> ContainerStatus:
    return w.pod(name).status.container_statuses[0]


def starts(w: World) -> list[str]:
    return [call.split()[1] for call in w.runtime.calls if call.startswith("start_container")]


class Commands:
    """Scripts what commands in containers do, and counts them."""

    def __init__(self, w: World, result: Command | None = None) -> None:
        self.result = result or Command()
        self.ran: list[tuple[float, str, tuple[str, ...]]] = []
        w.runtime.commands = self._run

    async def _run(self, container_id: str, argv: tuple[str, ...]) -> Command:
        self.ran.append((asyncio.get_running_loop().time(), container_id, argv))
        return self.result
