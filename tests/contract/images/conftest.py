"""Worlds in which the Images contract is tried: in memory, and a real Podman with two real registries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import pytest

from edgelet.adapters.podman.images import PodmanImages
from edgelet.adapters.podman.libpod import Libpod
from edgelet.ports.images import Credential, Images
from tests.fakes.images import FakeImages, FakeRegistries
from tests.fixtures.podman import PrivatePodman, busybox_tar, private_podman, serving
from tests.fixtures.registry import PASSWORD, USERNAME, Registry, running_registry

__all__ = ["private_podman"]

DEAD = "127.0.0.1:1"


class World(Protocol):
    """Images under test, and hands on the registries behind them."""

    open_registry: str
    locked_registry: str

    @property
    def images(self) -> Images: ...

    async def offer(self, reference: str, *, architecture: str = "amd64") -> str:
        """Put a new image into the registry; returns its reference by digest. It is not in the store afterwards."""
        ...

    async def tag(self, image_id: str, reference: str) -> None:
        """Give an image that is here another name, by hand."""
        ...

    async def use(self, image_id: str) -> None:
        """Make a container of an image that is here."""
        ...

    def leave_no_link(self) -> None:
        """Make every registry of this world unreachable."""
        ...


def login_of(registry: str) -> Credential:
    return Credential(registry, USERNAME, PASSWORD)


@dataclass
class FakeWorld:
    images: FakeImages
    open_registry: str = "127.0.0.1:5001"
    locked_registry: str = "127.0.0.1:5002"

    async def offer(self, reference: str, *, architecture: str = "amd64") -> str:
        return self.images.registries.offer(reference, architecture=architecture).digests[0]

    async def tag(self, image_id: str, reference: str) -> None:
        info = self.images.here[image_id]
        self.images.here[image_id] = replace(info, names=(*info.names, reference))

    async def use(self, image_id: str) -> None:
        self.images.in_use.add(image_id)

    def leave_no_link(self) -> None:
        self.images.registries.dead |= {self.open_registry, self.locked_registry}


@dataclass
class PodmanWorld:
    images: PodmanImages
    podman: PrivatePodman
    open_registry: str
    locked_registry: str
    made: int = 0

    async def offer(self, reference: str, *, architecture: str = "amd64") -> str:
        self.made += 1
        tar = busybox_tar(self.podman.base / "offer.tar", note=str(self.made))
        change = ("--change", 'CMD ["/bin/sh"]', "--change", "USER 1000", "--change", "STOPSIGNAL SIGINT")
        image_id = self.podman.run("import", *change, "--arch", architecture, str(tar)).splitlines()[-1]
        digest_file = self.podman.base / "digest"
        credentials = f"{USERNAME}:{PASSWORD}"
        self.podman.run("push", "--creds", credentials, "--digestfile", str(digest_file), image_id, reference)
        self.podman.run("rmi", image_id)
        return f"{reference.rpartition(':')[0]}@{digest_file.read_text()}"

    async def tag(self, image_id: str, reference: str) -> None:
        self.podman.run("tag", image_id.removeprefix("sha256:"), reference)

    async def use(self, image_id: str) -> None:
        self.podman.run("create", image_id.removeprefix("sha256:"), "/bin/true")

    def leave_no_link(self) -> None:
        # An address that the kernel refuses is as good as a pulled cable, and no other test feels it.
        self.podman.registries_conf.write_text(
            "unqualified-search-registries = []\n"
            + "".join(
                f'[[registry]]\nprefix = "{name}"\nlocation = "{DEAD}"\ninsecure = true\n'
                for name in (self.open_registry, self.locked_registry)
            )
        )


@pytest.fixture(scope="module")
def registries() -> Iterator[tuple[Registry, Registry]]:
    with running_registry(locked=False) as open_one, running_registry(locked=True) as locked_one:
        yield open_one, locked_one


@pytest.fixture(params=["fake", pytest.param("podman", marks=pytest.mark.podman)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        fake = FakeWorld(FakeImages(FakeRegistries()))
        fake.images.registries.logins[fake.locked_registry] = login_of(fake.locked_registry)
        fake.images.registries.dead.add(DEAD)
        yield fake
        return
    open_one, locked_one = request.getfixturevalue("registries")
    podman: PrivatePodman = request.getfixturevalue("private_podman")
    podman.trust_insecure(open_one.address, locked_one.address, DEAD)
    async with serving(podman) as engine:
        images = PodmanImages(
            Libpod(engine), architecture="amd64", copy_dir=podman.copy_dir, storage_root=podman.storage_root
        )
        yield PodmanWorld(images, podman, open_one.address, locked_one.address)
