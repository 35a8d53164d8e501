"""An image whose files are damaged on disk: noticed by what a start says, taken away so that it is pulled again.

Podman's own list still shows such an image as present, so nobody would ever pull it. Layers are shared: an image that
shares one with the damaged image would keep it, and a pull would find it and leave it, so they go together.

Source: PODMAN facts (missing layer directory), and what chaos found: the layer is gone after a power cut.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from edgelet.adapters.podman import labels
from edgelet.adapters.podman.errors import LibpodError
from edgelet.adapters.podman.libpod import SUCCESS, Libpod

log = logging.getLogger(__name__)

_OR_ABSENT = SUCCESS | {HTTPStatus.NOT_FOUND}
# Words of containers/storage when a layer's files or its entry are not there; each was seen.
_SIGNS = ("recreating the missing symlinks", "layer not known", "image not known", "can't stat lower layer")


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
    return missing_file or any(sign in text for sign in _SIGNS)


def doomed(damaged: str, layers: Mapping[str, frozenset[str]], users: Iterable[User]) -> tuple[str, ...]:
    """Return the images that go: the damaged one and those that share a layer with it.

    One that a running or a stranger's container uses stays; where that is the damaged one, all stay.
    """
    held = {user.image_id for user in users if user.running or not user.ours}
    if damaged in held:
        return ()
    broken = layers.get(damaged, frozenset())
    return tuple(
        sorted(image for image, own in layers.items() if image not in held and (image == damaged or own & broken))
    )


async def discard(libpod: Libpod, image: str, *, owner: str) -> bool:
    """Remove a damaged image with all ended containers of ours that were made of it; tells whether it is gone.

    Raises:
        LibpodError: The engine does not answer sensibly.
    """
    layers = await _layers(libpod)
    damaged = await _id_of(libpod, image)
    users = await _users(libpod, owner)
    going = doomed(damaged, {damaged: frozenset(), **layers}, users)
    for user in users:
        if user.image_id in going:
            query = {"force": "true", "timeout": "0"}
            await libpod.call("DELETE", f"/containers/{user.id}", query=query, ok=_OR_ABSENT)
    for each in going:
        log.warning("removing an image that is damaged on disk", extra={"image": each, "reason": "ImageDamaged"})
        await libpod.call("DELETE", f"/images/{each}", query={"force": "true"}, ok=_OR_ABSENT)
    return damaged in going


async def _id_of(libpod: Libpod, image: str) -> str:
    reply = await libpod.call("GET", f"/images/{image}/json", ok=_OR_ABSENT)
    document = reply.json() if reply.status != HTTPStatus.NOT_FOUND else None
    return str((document or {}).get("Id") or image.removeprefix("sha256:"))


async def _layers(libpod: Libpod) -> dict[str, frozenset[str]]:
    """Return the layers of every image; one that cannot be read counts as without."""
    found: dict[str, frozenset[str]] = {}
    for row in (await libpod.call("GET", "/images/json")).json() or []:
        image = str(row["Id"])
        try:
            document: dict[str, Any] = (await libpod.call("GET", f"/images/{image}/json")).json() or {}
        except LibpodError:
            document = {}
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
