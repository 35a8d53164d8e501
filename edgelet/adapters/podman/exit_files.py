"""Exit codes of containers that nobody knows any more: conmon wrote them after the container was removed.

Seen when the engine was killed while it started a container: the half-started one is replaced, its monitor ends later.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from http import HTTPStatus
from pathlib import Path

from edgelet.adapters.podman.libpod import SUCCESS, Libpod

_SECOND_LOOK_S = 1.0  # a container that is just being made is there before libpod knows it
_ID = re.compile(r"[0-9a-f]{64}")
_OR_ABSENT = SUCCESS | {HTTPStatus.NOT_FOUND}


async def sweep(libpod: Libpod, exits_dir: Path) -> None:
    """Remove the files of containers that libpod does not know, at two looks. Raises LibpodError."""
    first = await _strange(libpod, exits_dir)
    if not first:
        return
    await asyncio.sleep(_SECOND_LOOK_S)
    for name in first & await _strange(libpod, exits_dir):
        (exits_dir / name).unlink(missing_ok=True)


async def _strange(libpod: Libpod, exits_dir: Path) -> frozenset[str]:
    return frozenset([name for name in _names(exits_dir) if not await _known(libpod, name)])


def _names(exits_dir: Path) -> tuple[str, ...]:
    with contextlib.suppress(FileNotFoundError):
        return tuple(one.name for one in exits_dir.iterdir() if _ID.fullmatch(one.name))
    return ()


async def _known(libpod: Libpod, container_id: str) -> bool:
    reply = await libpod.call("GET", f"/containers/{container_id}/exists", ok=_OR_ABSENT)
    return reply.status != HTTPStatus.NOT_FOUND
