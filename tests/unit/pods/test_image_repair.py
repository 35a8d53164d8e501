from __future__ import annotations

import asyncio

import pytest

from edgelet.api.container import Container
from edgelet.api.errors import ImageError
from edgelet.pods.image_access import ImageAccess
from edgelet.pods.image_repair import ImageRepair
from tests.fakes import virtual_time
from tests.fakes.images import FakeImages
from tests.fakes.object_store import FakeLedger
from tests.fakes.virtual_time import VirtualClock

NAME = "r.io/app:1"


def untold(reason: str, message: str) -> None:
    raise AssertionError(f"{reason}: {message}")


def app(**fields: str) -> Container:
    return Container.model_validate({"name": "c", "image": NAME, **fields})


def test_two_pods_with_one_damaged_image_have_it_fetched_once() -> None:
    async def main() -> None:
        images, clock = FakeImages(), VirtualClock()
        images.registries.offer(NAME)
        repairs = ImageRepair(images, ImageAccess(FakeLedger(), images, clock, tell=untold), clock)
        await asyncio.sleep(5)
        both = await asyncio.gather(*(repairs.repair(app(), failed_s=4.0, credentials=()) for _ in range(2)))
        assert sorted(both) == ["by another", "done"]
        assert len(images.discarded) == 1
        assert await images.find(NAME) is not None

    virtual_time.run(main())


def test_a_repair_that_does_not_help_is_no_loop() -> None:
    async def main() -> None:
        images, clock = FakeImages(), VirtualClock()
        images.registries.offer(NAME)
        repairs = ImageRepair(images, ImageAccess(FakeLedger(), images, clock, tell=untold), clock)
        tries = 0
        for _ in range(3600):
            await clock.sleep(1)
            tries += await repairs.repair(app(), failed_s=clock.monotonic_s(), credentials=()) == "done"
        assert tries == 9  # after 0 s, 10 s, 20 s, 40 s ...

    virtual_time.run(main())


def test_an_image_that_cannot_be_had_again_is_not_removed() -> None:
    async def main() -> None:
        images, clock = FakeImages(), VirtualClock()
        repairs = ImageRepair(images, ImageAccess(FakeLedger(), images, clock, tell=untold), clock)
        for container, words in (
            (app(), "manifest unknown"),
            (app(imagePullPolicy="Never", image="r.io/never:1"), "its pull policy is Never"),
            (app(image="localhost/own:1"), "no registry has it"),
        ):
            with pytest.raises(ImageError, match=words):
                await repairs.repair(container, failed_s=clock.monotonic_s() + 1, credentials=())
        assert not images.discarded

    virtual_time.run(main())
