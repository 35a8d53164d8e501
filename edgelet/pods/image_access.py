"""Which pods may use an image that is here: one that came by a login is no present to pods without it.

Kept on disk, so that a restart does not open what was closed; written when an image comes by a login, not at rest.

Source: Kubernetes pkg/kubelet/images/pullmanager/image_pull_manager.go with the policy NeverVerifyPreloadedImages: what
nobody fetched here by a login is for all pods. Unlike there, a name that was loaded or tagged on the board stays for
all although the same image came by a login under another name: a board without a link could not verify it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from edgelet.api import image_name
from edgelet.api.errors import (
    AbandonedPullError,
    DamagedImageError,
    EdgeletError,
    ImageError,
    StorageError,
    UnclearPullError,
)
from edgelet.pods import image_doubts
from edgelet.pods.image_doubts import ImageDoubts, repository_of
from edgelet.ports.clock import Clock
from edgelet.ports.images import Credential, ImageInfo, Images
from edgelet.ports.object_store import Ledger

log = logging.getLogger(__name__)

FACT = "image-access"
_SECRETS_MAX = 100  # kept for one name of one image; Kubernetes' writeRecordWhileMatchingLimit
_ID_DIGITS = 12  # of an image, as Podman shows it
_IMAGES_KEPT = 64  # above that, records of images that have gone are dropped

_TOLD_MAX = 3  # repositories that one Event names

Tell = Callable[[str, str], None]  # reason and message of a warning about the node
_Secrets = list[list[str]]  # uid, namespace, name, salted hash of the login
_Record = dict[str, Any]  # repository -> {"everyone": bool, "secrets": _Secrets}


class ImageAccess:
    """Shared by all pods.

    Args:
        ledger: Keeps the records. What it held and cannot be read closes all images that are here.
        images: Asked for what is here while it is in doubt, and when there are many records.
        clock: Tells when a pull that was cut must be over.
        tell: Takes what people should know.
        new_salt: Makes 32 hexadecimal digits, once a board.
    """

    def __init__(
        self,
        ledger: Ledger,
        images: Images,
        clock: Clock,
        *,
        tell: Tell,
        new_salt: Callable[[], str] | None = None,
    ) -> None:
        self._ledger = ledger
        self._images = images
        self._clock = clock
        self._tell = tell
        state = _read(ledger, tell)
        self._salt: str = state.get("salt") or (new_salt() if new_salt else secrets.token_hex(16))
        self._records: dict[str, _Record] = state.get("images", {})
        self._on_disk = {_completed(name) for name in state.get("begun", ())}  # doubts, perhaps some more, never less
        self._doubts = ImageDoubts(self._on_disk, state.get("known", ()), clock.monotonic_s())
        self._beginning = asyncio.Lock()
        self._writing = asyncio.Lock()

    async def allowed(self, image: str, info: ImageInfo, credentials: Sequence[Credential]) -> bool:
        """Whether a pod with these logins may use the image without asking the registry. Fails to no."""
        if self._doubts.open():
            await self._look()
        repository = repository_of(image)
        record = self._records.get(info.id, {})
        known = record.get(repository)
        if known is not None:
            return known["everyone"] or await self._is_one_of(known["secrets"], info.id, image, credentials)
        # Another name of it, given by a person here; an id says no name, so it may be the locked one.
        if (record and not repository) or self._doubts.about(info.id, repository):
            return False
        past = {image_name.repository_of(name) for name in self._on_disk - self._doubts.names()}
        if past and (not repository or repository in past):
            await self._try_write()  # a doubt that is none any more would close this image after a restart
        return True

    async def pull(self, image: str, credentials: tuple[Credential, ...]) -> ImageInfo:
        """Fetch an image and note by which login it came.

        Raises:
            EdgeletError: As Images.pull.
            StorageError: It cannot be noted that it may come: better none than one for all.
        """
        if self._doubts.open():
            await self._look()
        name = image_name.complete(image)
        if credentials:
            await self._begin(name)
        try:
            info = await self._images.pull(image, credentials)
        except BaseException as error:
            if credentials:
                await self._failed(name, error)
            raise
        await self._came(name, info, offered=bool(credentials))
        return replace(info, pulled_with=None)

    async def _failed(self, name: str, error: BaseException) -> None:
        """Note what a pull by a login may have left; on disk only if something came."""
        if isinstance(error, ImageError) and not isinstance(error, UnclearPullError | DamagedImageError):
            self._doubts.end(name)
            return
        over = isinstance(error, ImageError) and not isinstance(error, AbandonedPullError)
        self._doubts.cut(name, over=over, now_s=self._clock.monotonic_s())
        if isinstance(error, Exception):  # one who is cancelled does not wait for an answer
            await self._look()

    async def _begin(self, name: str) -> None:
        async with self._beginning:
            here: tuple[ImageInfo, ...] = ()
            if not self._doubts.names():
                try:
                    here = await self._images.list()
                except EdgeletError as error:  # then all that is here is in doubt until this pull ends
                    log.debug("cannot list the images before a pull", extra={"error": error})
            self._doubts.begin(name, here)
            if name in self._on_disk:
                return
            try:
                await self._write()
            except BaseException:
                self._doubts.end(name)
                raise

    async def _came(self, name: str, info: ImageInfo, *, offered: bool) -> None:
        """Note who may use it. A write that fails leaves the doubt on disk, and so a closed door."""
        repository = repository_of(name)
        row = self._row(info.pulled_with) if info.pulled_with is not None else None
        if row is not None:
            known = self._records.setdefault(info.id, {}).setdefault(repository, _nobody())
            changed = _add(known, row)
        elif info.id in self._records:
            known = self._records[info.id].setdefault(repository, _nobody())
            changed, known["everyone"] = not known["everyone"], True
        else:
            changed = bool(self._doubts.names())
            self._doubts.is_for_all(info.id, repository)
        if offered:
            self._doubts.end(name)
        if changed or name in self._on_disk:
            await self._try_write()

    async def _is_one_of(self, rows: _Secrets, image_id: str, image: str, credentials: Sequence[Credential]) -> bool:
        """Whether one of the logins is known to open the image: the same Secret, or the same login in another."""
        for credential in credentials:
            mine = self._row(credential)
            if mine is None:
                continue
            if any(row[3] == mine[3] or row[:3] == mine[:3] for row in rows):
                if _add(self._records[image_id][repository_of(image)], mine):
                    await self._try_write()
                return True
        return False

    async def _look(self) -> None:
        """Close what came under a doubtful name, until somebody shows a login for it; drop doubts that are over."""
        over = self._doubts.over(self._clock.monotonic_s())
        try:
            for name in sorted(over - {image_doubts.EVERY}):
                if await self._is_damaged(name):
                    over.discard(name)
            here = await self._images.list()
        except EdgeletError as error:  # the doubts go on
            log.debug("cannot look what a pull that was cut brought", extra={"error": error})
            return
        closed = []
        for info in here:
            for repository in self._doubts.suspects(info) - self._records.get(info.id, {}).keys():
                self._records.setdefault(info.id, {})[repository] = _nobody()
                closed.append(f"{repository} ({info.id[:_ID_DIGITS]})")
        if closed:
            self._tell("ImageAccessClosed", _closed(closed))
        self._doubts.settle(over)
        if closed or image_doubts.EVERY in over:  # of the others the next write takes care
            await self._try_write()

    async def _is_damaged(self, name: str) -> bool:
        """Whether it is here and not listed."""
        try:
            await self._images.find(name)
        except DamagedImageError:
            return True
        except ImageError:  # of another architecture
            return False
        return False

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
        async with self._writing:
            if len(self._records) > _IMAGES_KEPT:
                await self._drop_gone()
            doubts = self._doubts.names()
            state = {
                "salt": self._salt,
                "begun": sorted(doubts),
                "known": sorted(self._doubts.known()),
                "images": self._records,
            }
            self._on_disk &= doubts  # it may reach the disk although nobody waits for it any more
            await self._ledger.write(FACT, json.dumps(state, separators=(",", ":"), sort_keys=True).encode())
            self._on_disk = doubts

    async def _drop_gone(self) -> None:
        here = {one.id for one in await self._images.list()}
        for image_id in self._records.keys() - here:
            try:
                gone = await self._images.find(image_id) is None
            except ImageError:  # a damaged one is not listed
                gone = False
            if gone:
                del self._records[image_id]


def _completed(name: str) -> str:
    """Return a name in full: records of before have names as pods wrote them. EVERY stays what it is."""
    try:
        return image_name.complete(name)
    except ImageError:
        return name


def _nobody() -> dict[str, Any]:
    return {"everyone": False, "secrets": []}


def _add(known: dict[str, Any], row: list[str]) -> bool:
    """Add a Secret to those that open an image; whether it is new."""
    rows: _Secrets = known["secrets"]
    if row in rows:
        return False
    others = [one for one in rows if one[:3] != row[:3]]
    known["secrets"] = [*others[-(_SECRETS_MAX - 1) :], row]
    return True


def _closed(images: Sequence[str]) -> str:
    more = f" and {len(images) - _TOLD_MAX} more" if len(images) > _TOLD_MAX else ""
    return (
        f"It is not known by which login these images came: {', '.join(images[:_TOLD_MAX])}{more}. "
        "They are closed until a pod asks the registry"
    )


def _read(ledger: Ledger, tell: Tell) -> dict[str, Any]:
    why = "it is no object"
    try:
        fact = ledger.read(FACT)
        state = json.loads(fact) if fact is not None else {}
        if isinstance(state, dict):
            return state
    except (StorageError, ValueError) as error:
        why = str(error)
    message = f"It cannot be read who may use the images: {why}. Pods have to ask the registry for each of them"
    tell("ImageAccessLost", message)
    return {"begun": [image_doubts.EVERY]}
