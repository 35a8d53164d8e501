"""Stories of pods with lifecycle hooks: a world with a container that ignores SIGTERM, commands that are scripted."""

from __future__ import annotations

import asyncio
from typing import Any

from edgelet.api.pod_status import ContainerStatus
from tests.fakes.runtime import Command, Program
from tests.fakes.world import World
from tests.flow.pods import stories
from tests.flow.pods.stories import Story

IP = "10.77.0.2"
HOOK = {"exec": {"command": ["hook"]}}


def play(story: Story, *images: str) -> None:
    async def whole(made: World) -> None:
        made.have("stubborn:1", Program(ignores_term=True))
        await story(made)

    stories.play(whole, *(images or ("app:1",)))


def hooked(post_start: Any = None, pre_stop: Any = None, **container: Any) -> dict[str, Any]:
    hooks = {"postStart": post_start, "preStop": pre_stop}
    return {
        "name": "app",
        "image": "app:1",
        "lifecycle": {name: hook for name, hook in hooks.items() if hook is not None},
        **container,
    }


def app(w: World) -> ContainerStatus:
    return w.pod().status.container_statuses[0]


def stops(w: World) -> list[str]:
    """Container and grace of each stop."""
    return [call.partition(" ")[2].partition("-")[2] for call in w.runtime.calls if call.startswith("stop_container")]


class Commands:
    """What hooks do, by container and command; and when each began."""

    def __init__(self, w: World, result: Command | None = None) -> None:
        self.result = result or Command()
        self.ran: list[tuple[float, str]] = []
        w.runtime.commands = self._run

    async def _run(self, container_id: str, argv: tuple[str, ...]) -> Command:
        self.ran.append(
            (asyncio.get_running_loop().time(), f"{container_id.partition('-')[2].partition('-')[2]} {' '.join(argv)}")
        )
        return self.result
