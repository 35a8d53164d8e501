"""The board's images, by Podman. Implements ports.images."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import shutil
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from edgelet.adapters.podman import image_errors, image_repair, registry_auth
from edgelet.adapters.podman.errors import RETRY_SOON, LibpodError
from edgelet.adapters.podman.image_memory import ImageMemory
from edgelet.adapters.podman.libpod import Libpod
from edgelet.adapters.podman.storage_repair import OwnStorage
from edgelet.api import image_name
from edgelet.api.errors import AbandonedPullError, DamagedImageError, EngineError, ImageError, UnclearPullError
from edgelet.ports.images import Credential, ImageInfo

# What a kernel of the first can start besides its own: 32 bits in 64.
_ALSO_RUNS = {"amd64": ("386",), "arm64": ("arm",)}
_LOOK_AT_PROGRESS_S = 15.0
_BLIND_STALL_S = 3600.0
_PANIC = "nil pointer dereference"  # of 4.3, when it inspects an image without a layer or its configuration
_LEFTOVERS = ("storage*", "auth.json*", "oci*", "container_images_*")


class PodmanImages:
    """Images of one engine; one pull at a time.

    Args:
        libpod: The client.
        architecture: What this board runs, in Go's words.
        copy_dir: Where the engine puts layers while it pulls: watched for progress, emptied after a pull that was cut.
        owner: This agent's own name on its containers.
        storage_root: Where the engine keeps its list of images; None: it is asked each time.
        storage: The engine's, where nobody else uses it: then its files can be looked at and put in order.
        stall_s: A pull with neither a word nor a byte for so long is given up. Without copy_dir bytes are not seen, so
            it is at least an hour.
    """

    def __init__(
        self,
        libpod: Libpod,
        *,
        architecture: str,
        copy_dir: Path | None = None,
        owner: str = "",
        storage_root: Path | None = None,
        storage: OwnStorage | None = None,
        stall_s: float = 300.0,
    ) -> None:
        self._libpod = libpod
        self._architecture = architecture
        self._copy_dir = copy_dir
        self._owner = owner
        self._storage = storage
        self._stall_s = stall_s if copy_dir else max(stall_s, _BLIND_STALL_S)
        self._one_pull = asyncio.Lock()
        self._memory = ImageMemory(storage_root)
        self._known: dict[str, ImageInfo] = {}  # what inspect told, by id; only names and sizes may change

    async def find(self, reference: str) -> ImageInfo | None:
        """Return the image if it is here under the name that was asked for.

        Podman's inspect finds a digest whatever the repository before it, and no policy or login is about such a name.
        Source: containerd internal/cri/store/image (a reference is resolved as it is written, or as an id).

        Raises:
            ImageError: InvalidImageName, ImageInspectError, or ErrImagePull: it is one of another architecture.
            EngineError: EngineUnavailable.
        """
        name = image_name.image_id(reference) or image_name.complete(reference)
        if self._memory.is_absent(name):
            return None
        stamp = self._memory.stamp()
        info = self._memory.recall(name) or await self._inspect(name)
        if info is not None and not _is_called(info, name):
            info = None
        if info is not None:
            self._require_architecture(reference, info)
        self._memory.keep(name, info, stamp)
        return info

    async def pull(self, reference: str, credentials: tuple[Credential, ...] = ()) -> ImageInfo:
        """Fetch the image, tried with each fitting credential and then with none.

        Raises:
            ImageError: See ports.images.
            UnclearPullError: It failed for no known reason, or came and is of no use.
            AbandonedPullError: Nothing came for stall_s.
            EngineError: EngineUnavailable: the engine ended in the midst of it.
        """
        completed = image_name.complete(reference)
        logins = (*registry_auth.fitting(completed, credentials), None)
        async with self._one_pull:
            image_id, login = await self._pull_with(completed, logins)
        try:
            info = await self._inspect(image_id)
            if info is not None:
                self._require_architecture(reference, info)
        except DamagedImageError:
            raise
        except ImageError as error:
            raise _unclear(error) from error
        if info is None:
            raise ImageError(
                "ErrImagePull", f"cannot pull {completed}: it was removed while it came", retry_after=RETRY_SOON
            )
        return replace(info, pulled_with=login)

    async def list(self) -> tuple[ImageInfo, ...]:
        """Return all images, sorted by id.

        Raises:
            ImageError: ImageInspectError.
            EngineError: EngineUnavailable.
        """
        seen = []
        for row in await self._rows():
            try:
                known = self._known.get(row["Id"]) or await self._inspect(row["Id"])
            except DamagedImageError:  # who needs it will have it repaired; the others are listed all the same
                continue
            if known is not None:  # None: removed since
                seen.append((row, known))
        self._known = {row["Id"]: known for row, known in seen}
        return tuple(sorted((_with_row(known, row) for row, known in seen), key=lambda info: info.id))

    async def remove(self, image_id: str) -> None:
        """Remove an image with all its names. Not there is no error.

        Raises:
            ImageError: ImageInUse: a container is made of it; nothing was changed. ImageInspectError.
            EngineError: EngineUnavailable.
        """
        bare = image_name.image_id(image_id) or image_id
        row = next((row for row in await self._rows() if row["Id"] == bare), None)
        if row is None:
            return
        if row.get("Containers", 0):
            raise ImageError("ImageInUse", f"cannot remove image {image_id}: a container is made of it")
        # Name by name: by id it takes force where there are several names, and force removes containers too.
        for name in row.get("RepoTags") or row.get("RepoDigests") or [bare]:
            await self._remove_name(name)
        self._known.pop(bare, None)

    async def discard(self, reference: str) -> None:
        """Remove a damaged image by force, with our containers, and what shares its layers.

        Raises:
            ImageError: ImageInUse: a stranger's container is made of it. ImageInspectError.
            EngineError: EngineUnavailable.
        """
        bare = image_name.image_id(reference) or image_name.complete(reference)
        try:
            broken = frozenset[str]()
            if self._storage is not None:
                await asyncio.to_thread(self._storage.mend)
                broken = await asyncio.to_thread(self._storage.broken_images)
            gone = await image_repair.discard(self._libpod, bare, owner=self._owner, broken=broken)
        except LibpodError as error:
            raise _inspect_error(reference, error) from error
        if not gone:
            raise ImageError("ImageInUse", f"cannot remove image {reference}: somebody else's container is made of it")
        self._known.clear()
        self._memory.forget()

    async def _remove_name(self, name: str) -> None:
        try:
            await self._libpod.call("DELETE", f"/images/{name}")
        except LibpodError as error:
            if error.status == HTTPStatus.CONFLICT:
                raise ImageError("ImageInUse", f"cannot remove image {name}: {error.message}") from error
            if error.status != HTTPStatus.NOT_FOUND:
                raise _inspect_error(name, error) from error

    async def _rows(self) -> builtins.list[dict[str, Any]]:
        try:
            rows = (await self._libpod.call("GET", "/images/json")).json()
        except LibpodError as error:
            raise _inspect_error("list", error) from error
        return rows or []

    async def _inspect(self, name: str) -> ImageInfo | None:
        try:
            document = (await self._libpod.call("GET", f"/images/{name}/json")).json()
            return _info(document)
        except LibpodError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise _inspect_error(name, error) from error
        except (KeyError, TypeError, AttributeError) as error:
            raise ImageError("ImageInspectError", f"cannot read image {name}: no {error} in the answer") from error

    def _require_architecture(self, reference: str, info: ImageInfo) -> None:
        fits = ("", self._architecture, *_ALSO_RUNS.get(self._architecture, ()))
        if info.architecture not in fits:
            raise ImageError(
                "ErrImagePull",
                f"cannot run {reference}: the image is for {info.architecture}, this board is {self._architecture}; "
                "push one for this architecture (podman build --platform)",
                retry_after=timedelta(minutes=5),
            )

    async def _pull_with(self, completed: str, logins: tuple[Credential | None, ...]) -> tuple[str, Credential | None]:
        """Return the image's id, and the login that let it in."""
        refused: ImageError | None = None
        clear = True
        for login in logins:
            text = ""
            stream = self._libpod.lines(
                "POST",
                "/images/pull",
                query={"reference": completed, "policy": "always"},
                headers=registry_auth.header(login),
            )
            try:
                async with contextlib.aclosing(stream):
                    image_id, text = await self._follow(completed, stream)
            except LibpodError as error:
                image_id, text = "", error.message
            except (EngineError, ImageError, asyncio.CancelledError):
                self._sweep()
                raise
            if image_id:
                return image_id, login
            self._sweep()
            failure = image_errors.classify(completed, text)
            clear = clear and failure in image_errors.NOTHING_CAME
            # The first login's words are told: the last one's, anonymous, nearly always are "unauthorized".
            refused = refused or image_errors.error(completed, text)
            if failure not in {image_errors.Failure.DENIED, image_errors.Failure.NOT_FOUND}:
                break
        refused = refused or ImageError("ErrImagePull", f"cannot pull {completed}: the engine said nothing")
        raise refused if clear else _unclear(refused)

    async def _follow(self, completed: str, stream: AsyncGenerator[dict[str, Any], None]) -> tuple[str, str]:
        """Read a pull to its end; returns the image's id, or "" and the error's text."""
        loop = asyncio.get_running_loop()
        image_id, text, seen, since_s = "", "", self._progress(), loop.time()
        while True:
            step = asyncio.ensure_future(anext(stream, None))
            try:
                while not (await asyncio.wait({step}, timeout=min(_LOOK_AT_PROGRESS_S, self._stall_s)))[0]:
                    if (now := self._progress()) != seen:
                        seen, since_s = now, loop.time()
                    elif loop.time() - since_s >= self._stall_s:
                        raise AbandonedPullError(
                            "RegistryUnavailable",
                            f"cannot pull {completed}: nothing came for {self._stall_s:g} s",
                            retry_after=timedelta(seconds=10),
                        )
            finally:
                if not step.done():
                    step.cancel()
                    await asyncio.wait({step})
            line = step.result()
            if line is None:
                return ("", text) if text else (image_id, "the engine ended the pull without a word")
            since_s = loop.time()
            image_id, text = line.get("id") or image_id, line.get("error") or text

    def _progress(self) -> int:
        if self._copy_dir is None:
            return 0
        total = 0
        for path in self._copy_dir.rglob("*"):
            with contextlib.suppress(OSError):
                total += path.lstat().st_size
        return total

    def _sweep(self) -> None:
        # A pull that was cut leaves whole layers, and maybe a login, where it copied to.
        if self._copy_dir is None:
            return
        for path in [path for pattern in _LEFTOVERS for path in self._copy_dir.glob(pattern)]:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _info(document: dict[str, Any]) -> ImageInfo:
    config = document.get("Config") or {}
    return ImageInfo(
        id=f"sha256:{document['Id']}",
        names=tuple(document.get("RepoTags") or ()),
        digests=tuple(document.get("RepoDigests") or ()),
        size_bytes=int(document.get("Size") or 0),
        architecture=document.get("Architecture") or "",
        user=document.get("User") or config.get("User") or "",
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        stop_signal=config.get("StopSignal") or "",
        layers=_layers((document.get("GraphDriver") or {}).get("Data") or {}),
    )


def _is_called(info: ImageInfo, name: str) -> bool:
    """Whether a complete name, or an id in hexadecimal digits, is one of the image's own."""
    if "/" not in name:
        return info.id == f"sha256:{name}"
    if "@" not in name:
        return name in info.names
    repository = image_name.repository_of(name)
    return any(image_name.repository_of(one) == repository for one in (*info.names, *info.digests))


def _layers(driver: dict[str, Any]) -> tuple[str, ...]:
    """Return where overlay storage has the image's layers, the uppermost first; other drivers tell nothing of it."""
    upper, lower = driver.get("UpperDir") or "", driver.get("LowerDir") or ""
    return tuple(part for part in (upper, *lower.split(":")) if part)


def _with_row(info: ImageInfo, row: dict[str, Any]) -> ImageInfo:
    return ImageInfo(
        id=info.id,
        names=tuple(row.get("RepoTags") or ()),
        digests=tuple(row.get("RepoDigests") or ()),
        size_bytes=int(row.get("Size") or 0),
        architecture=info.architecture,
        user=info.user,
        entrypoint=info.entrypoint,
        command=info.command,
        stop_signal=info.stop_signal,
        layers=info.layers,
    )


def _unclear(error: ImageError) -> UnclearPullError:
    return UnclearPullError(error.reason, error.message, retry_after=error.retry_after)


def _inspect_error(name: str, error: LibpodError) -> ImageError:
    if image_repair.tells(error.message) or _PANIC in error.message:
        return DamagedImageError("ImageInspectError", f"image {name} is damaged: {error.message}")
    return ImageError("ImageInspectError", f"cannot read image {name}: {error.message}", retry_after=RETRY_SOON)
