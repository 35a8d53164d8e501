"""Images of the board."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SecretId:
    """Which Secret a login comes from."""

    uid: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A login for one registry (host, host:port or host/path prefix)."""

    registry: str
    username: str
    password: str = field(repr=False)
    secret: SecretId | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """One image in the local store."""

    id: str  # sha256:... of its configuration
    names: tuple[str, ...]
    digests: tuple[str, ...]  # name@sha256:...
    size_bytes: int
    architecture: str  # amd64, arm64, arm
    user: str = ""  # USER of the image: "", "1000", "www-data:www-data"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    stop_signal: str = ""
    layers: tuple[str, ...] = ()  # directories of its files, the uppermost first; empty where storage is no overlay
    pulled_with: Credential | None = field(default=None, compare=False, repr=False)  # of a pull alone: what let it in


class Images(Protocol):
    """The local image store. References without tag mean :latest; digests are honoured."""

    async def find(self, reference: str) -> ImageInfo | None:
        """Return the image, None if it is not here.

        Raises:
            ImageError: InvalidImageName, ImageInspectError, or ErrImagePull for an image of another architecture.
            DamagedImageError: It is here and cannot be read.
        """
        ...

    async def pull(self, reference: str, credentials: tuple[Credential, ...] = ()) -> ImageInfo:
        """Fetch it, one pull at a time. Tries the credentials in order, then none.

        Raises:
            ImageError: ErrImagePull with the registry's words, InvalidImageName, RegistryUnavailable, or
                ErrImagePull for an image of another architecture.
            UnclearPullError: As these, where the image may have come nevertheless; so it is with DamagedImageError.
                After any other ImageError nothing came.
            AbandonedPullError: The image may come yet; so it is with every error that is no ImageError.
        """
        ...

    async def discard(self, reference: str) -> None:
        """Remove a damaged image by force, with our containers that are made of it.

        Raises:
            ImageError: ImageInUse: somebody else's container is made of it; ImageInspectError.
        """
        ...

    async def list(self) -> tuple[ImageInfo, ...]: ...

    async def remove(self, image_id: str) -> None:
        """Remove it with all its names; not there is no error. Raises ImageError(ImageInUse | ImageInspectError)."""
        ...
