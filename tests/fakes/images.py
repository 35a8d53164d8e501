"""An image store and its registries in memory."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta

from edgelet.api.errors import DamagedImageError, ImageError, UnclearPullError
from edgelet.ports.images import Credential, ImageInfo


@dataclass
class FakeRegistries:
    """What can be pulled, by complete reference (registry/path:tag). Registries in `dead` do not answer."""

    offered: dict[str, ImageInfo] = field(default_factory=dict)
    logins: dict[str, Credential] = field(default_factory=dict)  # registry -> the one it lets in
    dead: set[str] = field(default_factory=set)

    def offer(self, reference: str, *, architecture: str = "amd64", config: ImageInfo | None = None) -> ImageInfo:
        """Make an image available; another call with the name makes another image of it.

        User, entrypoint, command and stop signal are those of `config`.
        """
        name = complete(reference)
        number = sum(one.names == (name,) for one in self.offered.values()) + len(self.offered)
        digest = hashlib.sha256(f"{name}#{number}".encode()).hexdigest()
        repository = name.rpartition(":")[0]
        info = replace(
            config
            or ImageInfo(
                id="", names=(), digests=(), size_bytes=1000, architecture=architecture, layers=("/fake/layer",)
            ),
            id="sha256:" + hashlib.sha256(digest.encode()).hexdigest(),
            names=(name,),
            digests=(f"{repository}@sha256:{digest}",),
        )
        self.offered[name] = info
        self.offered[info.digests[0]] = info
        return info


class FakeImages:
    """Images in memory. `hold` keeps pulls waiting until it is set; `pulls` tells what was asked for."""

    def __init__(self, registries: FakeRegistries | None = None, *, architecture: str = "amd64") -> None:
        self.registries = registries or FakeRegistries()
        self.here: dict[str, ImageInfo] = {}  # by id
        self.in_use: set[str] = set()  # ids
        self.pulls: list[str] = []
        self.damaged: set[str] = set()  # ids: cannot be read
        self.discarded: list[str] = []
        self.lost: set[str] = set()  # ids that do not come although they are pulled
        self.broken_off: list[BaseException] = []  # raised by the next pulls after the image came
        self.hold = asyncio.Event()
        self.hold.set()
        self._architecture = architecture
        self._one_pull = asyncio.Lock()

    async def find(self, reference: str) -> ImageInfo | None:
        name = reference if reference.startswith("sha256:") else complete(reference)
        for info in self.here.values():
            if name in _names_of(info):
                if info.id in self.damaged:
                    raise DamagedImageError("ImageInspectError", f"image {name} is damaged: layer not known")
                self._require_architecture(reference, info)
                return info
        return None

    async def pull(self, reference: str, credentials: tuple[Credential, ...] = ()) -> ImageInfo:
        name = complete(reference)
        async with self._one_pull:
            self.pulls.append(name)
            await self.hold.wait()
            info = self._fetch(name, credentials)
        for other in self.here.values():
            if other.id != info.id and name in other.names:
                self.here[other.id] = replace(other, names=tuple(one for one in other.names if one != name))
        known = self.here.get(info.id)
        names = dict.fromkeys((*(known.names if known else ()), *((name,) if "@" not in name else ())))
        self.here[info.id] = replace(info, names=tuple(names))
        if info.id in self.lost:
            del self.here[info.id]
        if self.broken_off:
            raise self.broken_off.pop(0)
        try:
            self._require_architecture(reference, info)
        except ImageError as error:
            raise UnclearPullError(error.reason, error.message) from error
        login = self.registries.logins.get(name.partition("/")[0])
        return replace(self.here[info.id], pulled_with=next((one for one in credentials if one == login), None))

    async def list(self) -> tuple[ImageInfo, ...]:
        readable = [info for info in self.here.values() if info.id not in self.damaged]
        return tuple(sorted(readable, key=lambda info: info.id))

    async def discard(self, reference: str) -> None:
        self.discarded.append(reference)
        for info in tuple(self.here.values()):
            if complete(reference) in info.names:
                self.damaged.discard(info.id)
                del self.here[info.id]

    async def remove(self, image_id: str) -> None:
        if image_id in self.in_use:
            raise ImageError("ImageInUse", f"cannot remove image {image_id}: a container is made of it")
        self.here.pop(image_id, None)

    def _fetch(self, name: str, credentials: tuple[Credential, ...]) -> ImageInfo:
        registry = name.partition("/")[0]
        if registry in self.registries.dead:
            raise ImageError(
                "RegistryUnavailable", f"cannot pull {name}: connection refused", retry_after=timedelta(seconds=10)
            )
        login = self.registries.logins.get(registry)
        if login is not None and login not in credentials:
            raise ImageError("ErrImagePull", f"cannot pull {name}: unauthorized: authentication required")
        info = self.registries.offered.get(name)
        if info is None:
            raise ImageError("ErrImagePull", f"cannot pull {name}: manifest unknown")
        return info

    def _require_architecture(self, reference: str, info: ImageInfo) -> None:
        if info.architecture != self._architecture:
            raise ImageError(
                "ErrImagePull",
                f"cannot run {reference}: the image is for {info.architecture}, this board is {self._architecture}",
            )


def _names_of(info: ImageInfo) -> set[str]:
    """Its id, its names, and each repository that it has a name in with each digest of it."""
    repositories = {one.partition("@")[0] for one in info.digests} | {one.rpartition(":")[0] for one in info.names}
    digests = {one.partition("@")[2] for one in info.digests}
    return {info.id, *info.names, *(f"{repository}@{digest}" for repository in repositories for digest in digests)}


def complete(reference: str) -> str:
    """Add registry and tag; refuse what the grammar forbids in the ways that tests use."""
    name, at, digest = reference.partition("@")
    bad_digest = at and len(digest) != len("sha256:") + 64
    if not name or name != name.lower() or bad_digest or any(mark in name for mark in " !?#"):
        raise ImageError("InvalidImageName", f"cannot use the image name {reference!r}")
    head, _, tail = name.rpartition("/")
    path, colon, tag = tail.partition(":")
    base = f"{head}/{path}" if head else path
    first = base.partition("/")[0]
    if "/" not in base:
        base = f"docker.io/library/{base}"
    elif not ("." in first or ":" in first or first == "localhost"):
        base = f"docker.io/{base}"
    if at:
        return f"{base}@{digest}"
    return f"{base}:{tag if colon else 'latest'}"
