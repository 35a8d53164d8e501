"""Which pods may use an image that is here: one that came by a login is no present to pods without it.

Kept on disk, so that a restart does not open what was closed; written when an image comes by a login, not at rest.

Source: Kubernetes pkg/kubelet/images/pullmanager/image_pull_manager.go with the policy NeverVerifyPreloadedImages: what
nobody fetched here by a login is for all pods. Unlike there, a name that was loaded or tagged on the board stays for
all although the same image came by a login under another name: a board without a link could not verify it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from edgelet.api import image_name
from edgelet.api.errors import EdgeletError, StorageError
from edgelet.ports.images import Credential, ImageInfo, Images
from edgelet.ports.object_store import Ledger

log = logging.getLogger(__name__)

_FACT = "image-access"
_SECRETS_MAX = 100  # kept for one name of one image; Kubernetes' writeRecordWhileMatchingLimit
_IMAGES_KEPT = 64  # above that, records of images that have gone are dropped

_Secrets = list[list[str]]  # uid, namespace, name, salted hash of the login
_Record = dict[str, Any]  # repository -> {"everyone": bool, "secrets": _Secrets}


class ImageAccess:
    """Shared by all pods.

    Args:
        ledger: Keeps the records.
        images: Asked for what is still here when there are many records.
        new_salt: Makes 32 hexadecimal digits, once a board.
    """

    def __init__(self, ledger: Ledger, images: Images, *, new_salt: Callable[[], str] | None = None) -> None:
        self._ledger = ledger
        self._images = images
        state = _read(ledger.read(_FACT))
        self._salt: str = state.get("salt") or (new_salt() if new_salt else secrets.token_hex(16))
        self._begun: set[str] = set(state.get("begun", ()))  # on disk: an image of that name may have come by a login
        self._doubtful = frozenset(self._begun)  # an agent before this one was ended meanwhile: it may be here
        self._settled: set[str] = set()  # of these, what is known by now; the next write takes them from the disk
        self._pulling: Counter[str] = Counter()
        self._records: dict[str, _Record] = state.get("images", {})

    async def allowed(self, image: str, info: ImageInfo, credentials: Sequence[Credential]) -> bool:
        """Whether a pod with these logins may use the image without asking the registry. Fails to no."""
        record = self._records.get(info.id)
        if record is None:
            return image not in self._begun or image in self._settled
        known = record.get(_repository(image))
        if known is None:  # another name of it, given by a person here: only what says no name may be the locked one
            return bool(_repository(image))
        if known["everyone"]:
            return True
        for credential in credentials:
            mine = self._row(credential)
            if mine is None:
                continue
            for row in known["secrets"]:
                if row[3] == mine[3] or row[:3] == mine[:3]:
                    if row != mine and mine not in known["secrets"]:
                        await self._learn(info.id, image, mine)
                    return True
        return False

    async def pull(self, image: str, credentials: tuple[Credential, ...]) -> ImageInfo:
        """Fetch an image and note by which login it came.

        Raises:
            EdgeletError: As Images.pull.
            StorageError: It cannot be noted that it may come: better none than one for all.
        """
        await self._begin(image, credentials)
        try:
            info = await self._images.pull(image, credentials)
        except BaseException:
            self._failed(image, credentials)
            raise
        await self._came(image, info, credentials)
        return replace(info, pulled_with=None)

    async def _begin(self, image: str, credentials: Sequence[Credential]) -> None:
        if not credentials:
            return
        if image not in self._begun:
            self._begun.add(image)
            try:
                await self._write()
            except StorageError:
                self._begun.discard(image)
                raise
        self._settled.discard(image)
        self._pulling[image] += 1

    def _failed(
        self, image: str, credentials: Sequence[Credential]
    ) -> None:  # not on disk: the note harms nobody there
        if credentials:
            self._end(image, came=False)

    async def _came(self, image: str, info: ImageInfo, credentials: Sequence[Credential]) -> None:
        """Note who may use it. A write that fails leaves the note of the beginning on disk, and so a closed door."""
        if credentials:
            self._end(image, came=True)
        row = self._row(info.pulled_with) if info.pulled_with is not None else None
        if row is not None:
            await self._learn(info.id, image, row)
        elif info.id in self._records:
            known = self._records[info.id].setdefault(_repository(image), _nobody())
            if not known["everyone"]:
                known["everyone"] = True
                await self._try_write()

    async def _learn(self, image_id: str, image: str, row: list[str]) -> None:
        known = self._records.setdefault(image_id, {}).setdefault(_repository(image), _nobody())
        rows: _Secrets = known["secrets"]
        if row not in rows:
            others = [one for one in rows if one[:3] != row[:3]]
            known["secrets"] = [*others[-(_SECRETS_MAX - 1) :], row]
        elif image not in self._begun:
            return
        await self._try_write()

    def _end(self, image: str, *, came: bool) -> None:
        self._pulling[image] -= 1
        if self._pulling[image] <= 0:
            del self._pulling[image]
            if came or image not in self._doubtful:
                self._settled.add(image)

    def _row(self, credential: Credential) -> list[str] | None:
        if credential.secret is None:
            return None
        login = f"{self._salt}\0{credential.registry}\0{credential.username}\0{credential.password}"
        one = credential.secret
        return [one.uid, one.namespace, one.name, hashlib.sha256(login.encode()).hexdigest()]

    async def _try_write(self) -> None:
        try:
            await self._write()
        except EdgeletError as error:
            log.warning("cannot keep who may use an image", extra={"reason": error.reason, "error": error})

    async def _write(self) -> None:
        if len(self._records) > _IMAGES_KEPT:
            here = {one.id for one in await self._images.list()}
            self._records = {name: record for name, record in self._records.items() if name in here}
        self._begun -= self._settled
        self._settled.clear()
        state = {"salt": self._salt, "begun": sorted(self._begun), "images": self._records}
        await self._ledger.write(_FACT, json.dumps(state, separators=(",", ":"), sort_keys=True).encode())


def _nobody() -> dict[str, Any]:
    return {"everyone": False, "secrets": []}


def _read(fact: bytes | None) -> dict[str, Any]:
    if fact is None:
        return {}
    state: dict[str, Any] = json.loads(fact)
    return state


def _repository(image: str) -> str:
    """Return registry and path, the same for all ways to write them. An id has none."""
    return "" if image_name.image_id(image) else image_name.repository_of(image_name.complete(image))
