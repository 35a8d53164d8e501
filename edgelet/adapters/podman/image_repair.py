"""An image whose files are damaged on disk: noticed by what a start says, taken away so that it is pulled again.

Podman's own list still shows such an image as present, so nobody would ever pull it. Layers are shared: an image that
shares one with the damaged image would keep it, and a pull would find it and leave it, so they go together.

Source: PODMAN facts (missing layer directory), and what chaos found: the layer is gone after a power cut.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from edgelet.adapters.podman import labels
from edgelet.adapters.podman.errors import LibpodError
from edgelet.adapters.podman.libpod import SUCCESS, Libpod

log = logging.getLogger(__name__)

_REMOVAL_TRIES = 3
_OR_ABSENT = SUCCESS | {HTTPStatus.NOT_FOUND}
# Words of containers/storage when a layer's files or its entry are not there; each was seen.
_SIGNS = (
    *("recreating the missing symlinks", "layer not known", "image not known", "can't stat lower layer"),
    *("may be corrupted", "remove the image to resolve the issue", "removing the image to resolve the issue"),
)
_LAYER = r"\S*/(?:overlay/(?:l/[a-z0-9]{26}|[0-9a-f]{64})|vfs/dir/[0-9a-f]{64})\S*"
_LOST = re.compile(rf"(?:stat|lstat|open|readlink) {_LAYER}: no such file or directory")
_IMAGE_ID = re.compile(r'image (?:with ID )?"([0-9a-f]{64})"')
_LOCAL = "localhost/"  # no registry has it


@dataclass(frozen=True, slots=True)
class User:
    """A container that was made of an image."""

    id: str
    image_id: str
    running: bool
    ours: bool


def tells(message: str) -> bool:
    """Whether an error of libpod says that the files of an image are damaged."""
    text = message.lower()
    missing_file = "/overlay/" in text and "no such file or directory" in text and "creating container storage" in text
    return missing_file or bool(_LOST.search(text)) or any(sign in text for sign in _SIGNS)


def doomed(damaged: str, layers: Mapping[str, frozenset[str]], users: Iterable[User]) -> tuple[str, ...]:
    """Return the images that go: the damaged one and those that share a layer with it.

    The damaged one goes with the containers that run from it: their files are missing, too. One that shares a layer
    stays while it is used by a running container; a stranger's container holds any. Then all stay.
    """
    if any(user.image_id == damaged and not user.ours for user in users):
        return ()
    held = {user.image_id for user in users if user.image_id != damaged and (user.running or not user.ours)}
    broken = layers.get(damaged, frozenset())
    return tuple(
        sorted(image for image, own in layers.items() if image not in held and (image == damaged or own & broken))
    )


async def discard(libpod: Libpod, image: str, *, owner: str, broken: frozenset[str] = frozenset()) -> bool:
    """Remove a damaged image with the containers of ours that were made of it; tells whether it is gone.

    Args:
        libpod: The engine.
        image: Its id or whole name.
        owner: Of the containers that may go.
        broken: Ids of images whose files are known to be gone: they go too, else what they share would stay as it is.

    Raises:
        LibpodError: The engine does not answer sensibly.
    """
    rows = await _rows(libpod)
    damaged = _id_of(rows, image)
    layers = await _layers(libpod, rows)
    users = await _users(libpod, owner)
    going = doomed(damaged, {damaged: frozenset(), **layers}, users)
    if going:
        strangers = {user.image_id for user in users if not user.ours}
        going = tuple(sorted({*going, *(broken - strangers)}))
    for user in users:
        if user.image_id in going:
            await _remove_container(libpod, user.id)
    for each in going:
        log.warning("removing an image that is damaged on disk", extra={"image": each, "reason": "ImageDamaged"})
        async with libpod.creations.none():
            await libpod.call("DELETE", f"/images/{each}", query={"force": "true"}, ok=_OR_ABSENT)
    return damaged in going


async def _remove_container(libpod: Libpod, container_id: str) -> None:
    """Remove it. Without its layer the first call clears up and fails; one that stays must not stop the rest."""
    for _ in range(_REMOVAL_TRIES):
        with contextlib.suppress(LibpodError):
            query = {"force": "true", "timeout": "0"}
            await libpod.call("DELETE", f"/containers/{container_id}", query=query, ok=_OR_ABSENT)
            return


async def forget_pause(libpod: Libpod, message: str) -> None:
    """Take the names off the image that a pod could not be made of: the engine builds the infra image anew.

    Not removed: other infra containers run from it.
    """
    if found := _IMAGE_ID.search(message):
        log.warning("the infra image is damaged and made anew", extra={"reason": "ImageRepaired", "image": found[1]})
        with contextlib.suppress(LibpodError):
            await libpod.call("POST", f"/images/{found[1]}/untag")


async def _rows(libpod: Libpod) -> list[dict[str, Any]]:
    """List the images; none where 4.3 refuses the whole list because of one damaged configuration."""
    try:
        return (await libpod.call("GET", "/images/json")).json() or []
    except LibpodError:
        return []


def _id_of(rows: list[dict[str, Any]], image: str) -> str:
    """Return the id; inspect cannot be asked about a damaged image, so without a list its name has to do."""
    for row in rows:
        if image == row["Id"] or image in (*(row.get("RepoTags") or ()), *(row.get("RepoDigests") or ())):
            return str(row["Id"])
    return image


async def _layers(libpod: Libpod, rows: list[dict[str, Any]]) -> dict[str, frozenset[str]]:
    """Return the layers of every image that can be had again; one that cannot be read counts as without."""
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        image = str(row["Id"])
        try:
            document: dict[str, Any] = (await libpod.call("GET", f"/images/{image}/json")).json() or {}
        except LibpodError:
            document = {}
        if any(str(name).startswith(_LOCAL) for name in row.get("RepoTags") or row.get("Names") or ()):
            continue
        found[image] = frozenset((document.get("RootFS") or {}).get("Layers") or ())
    return found


async def _users(libpod: Libpod, owner: str) -> tuple[User, ...]:
    query = {"all": "true", "filters": json.dumps({})}
    rows = (await libpod.call("GET", "/containers/json", query=query)).json() or []
    return tuple(
        User(
            id=str(row["Id"]),
            image_id=str(row.get("ImageID") or ""),
            running=row.get("State") in {"running", "paused", "stopping"},
            ours=(row.get("Labels") or {}).get(labels.OWNER) == owner,
        )
        for row in rows
    )
