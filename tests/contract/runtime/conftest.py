"""Fixtures of the Runtime contract: `world` is every adapter in turn, `podman_world` the real one alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.contract.runtime.world import PodmanWorld, World, fake_world, podman_world
from tests.fixtures.podman import BUSYBOX_IMAGE, PrivatePodman, busybox_tar, make_private_podman, tear_down


@pytest.fixture(scope="session")
def shared_podman() -> Iterator[PrivatePodman]:
    """One storage for the whole session, with a busybox image; each test has an owner of its own in it."""
    podman = make_private_podman()
    try:
        tar = busybox_tar(podman.base / "busybox.tar")
        podman.run("import", "--change", 'CMD ["/bin/sh"]', str(tar), BUSYBOX_IMAGE)
        yield podman
    finally:
        tear_down(podman)


@pytest.fixture(name="podman_world", params=["infra", "pinned"])
async def podman_world_fixture(
    request: pytest.FixtureRequest, shared_podman: PrivatePodman
) -> AsyncIterator[PodmanWorld]:
    """The real one with each kind of sandbox."""
    async with podman_world(shared_podman, pinned=request.param == "pinned") as world:
        yield world


@pytest.fixture(
    params=[
        "fake",
        pytest.param("podman", marks=pytest.mark.podman),
        pytest.param("podman, pinned", marks=pytest.mark.podman),
    ]
)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        async with fake_world() as in_memory:
            yield in_memory
        return
    pinned = request.param.endswith("pinned")
    async with podman_world(request.getfixturevalue("shared_podman"), pinned=pinned) as real:
        yield real
