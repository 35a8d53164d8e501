"""How a flow test runs: a story in a world, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.fakes import virtual_time
from tests.fakes.world import World, world

Story = Callable[[World], Awaitable[None]]


def play(story: Story, *images: str) -> None:
    """Run the story in a world where these images are here."""

    async def whole() -> None:
        async with world(*images) as made:
            await story(made)

    virtual_time.run(whole())
