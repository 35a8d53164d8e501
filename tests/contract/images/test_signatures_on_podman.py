"""The rules of signatures that policy.toml hands to the engine, on a real Podman and a real registry."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.podman import engine_home
from edgelet.adapters.podman.engine import Engine, Program
from edgelet.adapters.podman.images import PodmanImages
from edgelet.adapters.podman.libpod import Libpod
from edgelet.api.errors import ImageError
from tests.fixtures.podman import PrivatePodman, busybox_tar
from tests.fixtures.registry import running_registry
from tests.fixtures.sigstore import Signer

pytestmark = pytest.mark.podman

REPOSITORY = "team/app"


@dataclass
class Place:
    podman: PrivatePodman
    registry: str

    @property
    def image(self) -> str:
        return f"{self.registry}/{REPOSITORY}:1"

    def rules(self, **content: Any) -> Path:
        file = self.podman.base / "rules.json"
        file.write_text(json.dumps(content))
        return file

    @asynccontextmanager
    async def images(self, rules: Path) -> AsyncIterator[PodmanImages]:
        """The images of an engine with these rules."""
        home = self.podman.base / "home"
        engine_home.make(home, rules, host_home=self.podman.base, host_d=self.podman.base / "none")
        program = Program(argv=self.podman.argv, environment={**self.podman.environment, "HOME": str(home)})
        engine = Engine(socket_path=self.podman.socket_path, program=program, idle_s=1)
        await engine.open()
        try:
            yield PodmanImages(Libpod(engine), architecture="amd64", copy_dir=self.podman.copy_dir)
        finally:
            await engine.close()

    async def outcome(self, rules: Path) -> str:
        """Pull; "" if the image came, else why the engine does not take it."""
        async with self.images(rules) as images:
            try:
                await images.pull(self.image)
            except ImageError as error:
                return f"{error.reason}: {error.message}"
        return ""

    async def refused(self, rules: Path) -> bool:
        return (await self.outcome(rules)).startswith("SignatureValidationFailed: ")

    async def taken(self, rules: Path) -> bool:
        return not await self.outcome(rules)


@pytest.fixture
def place(private_podman: PrivatePodman) -> Iterator[Place]:
    with running_registry() as registry:
        private_podman.trust_insecure(registry.address)
        yield Place(private_podman, registry.address)


class OpenPgp:
    """Two keys, and a directory in which signatures lie; `public` is the owner's."""

    def __init__(self, base: Path) -> None:
        self._home = base / "gpg"
        self._home.mkdir(mode=0o700)
        self.public = base / "owner.gpg"
        for name in ("owner", "stranger"):
            self._gpg("--quick-generate-key", f"{name}@edgelet.example", "rsa2048", "sign", "never")
        self._gpg("--export", "--output", str(self.public), "owner@edgelet.example")

    def sign(self, place: Place, key: str) -> None:
        """Push the image once more, with a signature."""
        podman = place.podman
        own = podman.base / ".config" / "containers" / "registries.d"
        own.mkdir(parents=True, exist_ok=True)
        where = f"file://{podman.base}/signatures"
        (own / "test.yaml").write_text(f"default-docker: {{lookaside: '{where}', lookaside-staging: '{where}'}}\n")
        image_id = podman.run("images", "--quiet", "--no-trunc", "app-to-sign").splitlines()[-1]
        argv = (*podman.argv, "push", "--tls-verify=false", "--sign-by", key, image_id, place.image)
        environment = {**podman.environment, "GNUPGHOME": str(self._home)}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        """End gpg's agent."""
        subprocess.run(("gpgconf", "--homedir", str(self._home), "--kill", "all"), check=False, timeout=30)

    def _gpg(self, *words: str) -> None:
        argv = ("gpg", "--homedir", str(self._home), "--batch", "--passphrase", "", *words)
        subprocess.run(argv, check=True, capture_output=True, timeout=60)


@pytest.fixture
def signing(place: Place) -> Iterator[OpenPgp]:
    keys = OpenPgp(place.podman.base)
    try:
        yield keys
    finally:
        keys.close()


@pytest.fixture
def digest(place: Place) -> str:
    """An image without a signature in the registry and nowhere else; the digest of its manifest."""
    podman = place.podman
    image_id = podman.run("import", str(busybox_tar(podman.base / "app.tar"))).splitlines()[-1]
    podman.run("push", "--tls-verify=false", "--digestfile", str(podman.base / "digest"), image_id, place.image)
    podman.run("tag", image_id, "app-to-sign")
    return (podman.base / "digest").read_text().strip()


@pytest.mark.usefixtures("digest")
async def test_what_the_rules_reject_is_not_pulled_and_what_they_accept_is(place: Place) -> None:
    assert await place.refused(place.rules(default=[{"type": "reject"}]))
    assert await place.taken(place.rules(default=[{"type": "insecureAcceptAnything"}]))
    here = {"docker": {place.registry: [{"type": "insecureAcceptAnything"}]}}
    assert await place.taken(place.rules(default=[{"type": "reject"}], transports=here))


async def test_an_image_is_pulled_if_the_right_key_signed_it(place: Place, digest: str, tmp_path: Path) -> None:
    right, wrong = Signer(tmp_path / "right.pub"), Signer(tmp_path / "wrong.pub")
    signed = {
        "type": "sigstoreSigned",
        "keyPath": str(right.public),
        "signedIdentity": {"type": "matchRepository"},
    }
    scope = {"docker": {f"{place.registry}/team": [signed]}}
    rules = place.rules(default=[{"type": "reject"}], transports=scope)

    assert await place.refused(rules)
    wrong.sign(place.registry, REPOSITORY, digest)
    assert await place.refused(rules)
    right.sign(place.registry, REPOSITORY, digest)
    # Debian 12 builds Podman without sigstore: whatever is signed is refused there, and that is what has to be.
    outcome = await place.outcome(rules)
    assert not outcome or (outcome.startswith("SignatureValidationFailed: ") and "sigstore disabled" in outcome)


@pytest.mark.usefixtures("digest")
async def test_an_image_is_pulled_if_the_right_openpgp_key_signed_it(place: Place, signing: OpenPgp) -> None:
    signed = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(signing.public)}
    scope = {"docker": {f"{place.registry}/team": [signed]}}
    rules = place.rules(default=[{"type": "reject"}], transports=scope)

    assert await place.refused(rules)
    signing.sign(place, "stranger@edgelet.example")
    assert await place.refused(rules)
    signing.sign(place, "owner@edgelet.example")
    assert await place.taken(rules)
