"""Storage of containers whose creation was killed: libpod never came to know them, and they block their names.

The next try to make the same container finds and replaces it. Where the pod was changed or deleted before that try,
nobody asks for its name again. Only for a storage that is wholly ours: there nothing else makes such containers.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from edgelet.adapters.podman import labels
from edgelet.adapters.podman.libpod import Libpod
from edgelet.adapters.podman.sandbox import remove_stubborn

log = logging.getLogger(__name__)

_SECOND_LOOK_S = 2.0  # one that is just being made is in the storage some 100 ms before libpod knows it


async def sweep(libpod: Libpod) -> None:
    """Remove what two looks find in the storage and unknown to libpod, with a name of ours. Raises LibpodError."""
    first = await _unknown(libpod)
    if not first:
        return
    await asyncio.sleep(_SECOND_LOOK_S)
    async with libpod.creations.none():
        for container in sorted(first & await _unknown(libpod)):
            log.warning("swept storage of a container that was never made", extra={"container": container[:12]})
            await remove_stubborn(libpod, f"/containers/{container}", {"force": "true"})


async def _unknown(libpod: Libpod) -> frozenset[str]:
    every = await _list(libpod, external="true")
    if all(each.get("Labels") for each in every):
        return frozenset()  # the usual case, by one call
    known = {each["Id"] for each in await _list(libpod)}
    return frozenset(
        str(each["Id"])
        for each in every
        if each["Id"] not in known and any(labels.is_name_of_ours(str(name)) for name in each.get("Names") or ())
    )


async def _list(libpod: Libpod, **more: str) -> list[dict[str, Any]]:
    query = {"all": "true", "filters": json.dumps({}), **more}
    return (await libpod.call("GET", "/containers/json", query=query)).json() or []
