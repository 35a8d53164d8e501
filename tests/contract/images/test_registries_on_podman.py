"""Registries as sites have them: an authority of their own, a mirror in the house. By the real Podman.

Where it reads of them is the board's /etc/containers, which a test must not touch: the service gets another one in a
mount namespace of its own.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgelet.adapters.podman.engine import Engine, Program
from edgelet.adapters.podman.images import PodmanImages
from edgelet.adapters.podman.libpod import Libpod
from edgelet.api.errors import ImageError
from tests.contract.images.conftest import DEAD
from tests.fixtures.certificates import Authority
from tests.fixtures.podman import PrivatePodman, busybox_tar
from tests.fixtures.registry import Registry, running_registry

pytestmark = pytest.mark.podman

_HOST_SETTINGS = Path("/etc/containers")
_WITH_OWN_SETTINGS = (
    *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
    'mount --bind "$1" /etc/containers && shift && exec "$@"',
    "sh",
)


@dataclass(frozen=True, slots=True)
class Site:
    """A board's settings, and a registry that speaks TLS with a certificate of the site's own authority."""

    settings: Path
    registry: Registry
    authority: Authority
    podman: PrivatePodman

    def trust(self) -> None:
        folder = self.settings / "certs.d" / self.registry.address
        folder.mkdir(parents=True)
        shutil.copyfile(self.authority.certificate, folder / "ca.crt")

    def mirror(self, location: str) -> None:
        (self.settings / "registries.conf.d" / "site.conf").write_text(
            f'[[registry]]\nlocation = "{location}"\n[[registry.mirror]]\nlocation = "{self.registry.address}"\n'
        )

    def offer(self, name: str) -> None:
        tar = busybox_tar(self.podman.base / "offer.tar", note=name)
        image_id = self.podman.run("import", str(tar)).splitlines()[-1]
        self.podman.run("push", "--tls-verify=false", image_id, f"{self.registry.address}/{name}")
        self.podman.run("rmi", image_id)

    @contextlib.asynccontextmanager
    async def images(self) -> AsyncIterator[PodmanImages]:
        """Images of an engine that starts with what the settings are now."""
        environment = dict(self.podman.environment)
        del environment["CONTAINERS_REGISTRIES_CONF"]
        argv = (*_WITH_OWN_SETTINGS, str(self.settings), *self.podman.argv)
        engine = Engine(
            socket_path=self.podman.socket_path, program=Program(argv=argv, environment=environment), idle_s=1
        )
        await engine.open()
        try:
            yield PodmanImages(Libpod(engine), architecture="amd64", copy_dir=self.podman.copy_dir)
        finally:
            await engine.close()


@pytest.fixture
def site(private_podman: PrivatePodman, tmp_path: Path) -> Iterator[Site]:
    settings = tmp_path / "containers"
    settings.mkdir()
    shutil.copyfile(_HOST_SETTINGS / "policy.json", settings / "policy.json")
    (settings / "registries.conf.d").mkdir()
    authority = Authority(tmp_path / "ca")
    with running_registry(authority=authority) as registry:
        yield Site(settings, registry, authority, private_podman)


async def test_a_registry_of_an_unknown_authority_is_refused_with_what_helps(site: Site) -> None:
    site.offer("web:1")
    async with site.images() as images:
        with pytest.raises(ImageError, match=r"x509:.*certs\.d") as caught:
            await images.pull(f"{site.registry.address}/web:1")
    assert caught.value.reason == "ErrImagePull"


async def test_a_registry_whose_authority_lies_in_certs_d_is_pulled_from(site: Site) -> None:
    site.offer("web:1")
    site.trust()
    async with site.images() as images:
        pulled = await images.pull(f"{site.registry.address}/web:1")
    assert pulled.names == (f"{site.registry.address}/web:1",)


async def test_what_a_mirror_has_is_taken_from_it_and_keeps_its_name(site: Site) -> None:
    site.offer("library/web:1")
    site.trust()
    site.mirror("docker.io")
    async with site.images() as images:
        pulled = await images.pull("web:1")
        assert pulled.names == ("docker.io/library/web:1",)
        assert await images.find("web:1") == pulled


async def test_what_a_mirror_lacks_is_asked_of_the_registry_itself(site: Site) -> None:
    site.trust()
    site.mirror(DEAD)
    async with site.images() as images:
        with pytest.raises(ImageError, match="connection refused") as caught:
            await images.pull(f"{DEAD}/web:1")
    assert caught.value.reason == "RegistryUnavailable"
