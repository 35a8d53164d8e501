"""What is there: from memory where that is certain, else two lists, and an inspect only of what changed since."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from edgelet.adapters.podman import inspection, labels, netns, observe, oci_user
from edgelet.adapters.podman.certainty import Certainty
from edgelet.adapters.podman.errors import LibpodError
from edgelet.adapters.podman.exits import ExitWatch, Subject
from edgelet.adapters.podman.inspection import Inspected, Listed, ListedPod
from edgelet.adapters.podman.libpod import Libpod
from edgelet.adapters.podman.observe import Knowledge
from edgelet.adapters.podman.station import is_absence
from edgelet.api.errors import EngineError
from edgelet.ports.pinned_sandboxes import PinnedSandboxes
from edgelet.ports.runtime import ObservedPod

log = logging.getLogger(__name__)

SETTLE_S = 2.0  # conmon writes the code 2-160 ms after the end
_NOT_LISTED = ("not listed",)  # no line's fingerprint: the next list asks again
_LIST_TRIES = 3
_LOST_NETNS = re.compile(r"network namespace at (?P<path>/run/netns/netns-[0-9a-f-]{36}): .*no such file")
_HEARD_TRIES, _HEARD_PAUSE_S = 10, 0.2  # a loaded board takes its time; the files of conmon are gone after 60 ms


class Inventory:
    """Looks, remembers what does not change, and has the exit watch follow whatever it sees."""

    def __init__(self, *, libpod: Libpod, exits: ExitWatch, owner: str, pinned: PinnedSandboxes | None = None) -> None:
        self._libpod = libpod
        self._exits = exits
        self._owner = owner
        self._pinned = pinned
        self._pods_expected = True  # until a look at everything shows that there is none
        self._pods_made = 0  # so that a look does not forget one that is made meanwhile
        self._engine_pods: dict[str, tuple[ListedPod, ...]] = {}  # by uid, as listed last
        self._certainty = Certainty()
        self._inspected: dict[str, tuple[tuple[object, ...], Inspected]] = {}

    async def look(self, uid: str | None = None) -> tuple[ObservedPod, ...]:
        """Look at one pod or at everything of ours. For one pod the engine is asked only where memory is not certain.

        Raises:
            EngineError: EngineUnavailable.
        """
        try:
            if uid is not None and self._certainty.sure(uid):
                sandboxes, seen = await self.sandboxes(uid), await self._decided(await self.containers(uid))
            else:
                sandboxes, seen = await self._ask(uid)
        except LibpodError as error:
            raise EngineError("EngineUnavailable", f"cannot list what runs: {error.message}") from error
        known = {each.id: Knowledge(self._exits.end(each.id), self._exits.is_dead(each.id)) for each in seen}
        return observe.pods(sandboxes, seen, known)

    async def _ask(self, uid: str | None) -> tuple[tuple[ListedPod, ...], tuple[Inspected, ...]]:
        before = self._exits.known()  # what is made while we look is not missed, and not forgotten
        with self._certainty.looking(uid) as look:
            sandboxes, seen = await self.sandboxes(uid), await self._decided(await self.containers(uid))
            mine = before if uid is None else before & {each.id for each in self.remembered(uid)}
            for gone in mine - {each.id for each in seen}:
                self.forget(gone)
            self._certainty.settle(look)
        return sandboxes, seen

    def touching(self, uid: str) -> AbstractContextManager[None]:
        """Do something to a pod of whose outcome memory hears; if it fails the next look asks the engine."""
        return self._certainty.touching(uid)

    def changing(self, uid: str) -> AbstractContextManager[None]:
        """Do something to a pod that only the engine knows of: it is asked meanwhile, and at the next look."""
        return self._certainty.changing(uid)

    def doubt(self, uid: str | None = None) -> None:
        """Have the engine asked at the next look at a pod, or at any pod that is known of."""
        known = {seen.pod.uid for _, seen in self._inspected.values() if seen.pod} | set(self._engine_pods)
        for each in known if uid is None else (uid,):
            self._certainty.doubt(each)

    async def sandboxes(self, uid: str | None) -> tuple[ListedPod, ...]:
        """List our pods and pinned sandboxes, the newest attempt last. Raises LibpodError."""
        every = (*await self.engine_pods(uid), *self.pinned(uid))
        return tuple(sorted(every, key=lambda each: each.attempt))

    async def engine_pods(self, uid: str | None) -> tuple[ListedPod, ...]:
        """List our pods, the newest attempt last. Raises LibpodError."""
        if uid is not None and self._certainty.sure(uid):
            return self._engine_pods.get(uid, ())
        if uid is not None and not self._pods_expected:
            return ()
        made = self._pods_made
        parsed = (inspection.listed_pod(line) for line in await self._list("/pods/json", self._filters(uid)))
        found = tuple(sorted((each for each in parsed if each), key=lambda each: each.attempt))
        by_uid: dict[str, tuple[ListedPod, ...]] = {uid: ()} if uid is not None else {}
        for each in found:
            by_uid[each.pod.uid] = (*by_uid.get(each.pod.uid, ()), each)
        if uid is None and made == self._pods_made:  # else one that was made meanwhile may be missing
            self._pods_expected = bool(found) or self._pinned is None
            self._engine_pods.clear()
        self._engine_pods.update(by_uid)
        return found

    def expect_pods(self) -> None:
        """Hear that a pod is about to be made: where sandboxes are pinned there is none, and none is asked for."""
        self._pods_expected = True
        self._pods_made += 1

    def pinned(self, uid: str | None) -> tuple[ListedPod, ...]:
        """List the pinned sandboxes; the engine is not asked."""
        return tuple(map(inspection.of_pinned, self._pinned.look(uid) if self._pinned else ()))

    def addresses(self) -> frozenset[str]:
        """Return the addresses that the engine gave to sandboxes, as far as the last looks saw them."""
        return frozenset(ip for _, seen in self._inspected.values() if seen.infra for ip in seen.ips)

    async def containers(self, uid: str | None) -> tuple[Inspected, ...]:
        """List our containers with what is known of each, infra containers too. Raises LibpodError."""
        if uid is not None and self._certainty.sure(uid):
            return await self._all_settled(self.remembered(uid))
        query = {**self._filters(uid), "all": "true", "pod": "true"}
        with self._certainty.looking(uid):
            lines = [inspection.listed(line) for line in await self._list("/containers/json", query)]
            found = [await self._known_or_inspect(line) for line in lines]
        return await self._all_settled(each for each in found if each)

    async def inspect(self, name_or_id: str) -> Inspected | None:
        """Ask the engine about one container and follow it; None if it is not there. Raises LibpodError."""
        try:
            reply = await self._libpod.call("GET", f"/containers/{name_or_id}/json")
        except LibpodError as error:
            if error.status == HTTPStatus.NOT_FOUND or is_absence(error):
                self.forget(name_or_id)
                return None
            seen = await self._broken(name_or_id)
            if seen is None:
                raise
        else:
            seen = inspection.inspected(reply.json())
            seen = replace(seen, user=None if seen.infra else oci_user.read(seen.config_path))
        if self.is_ours(seen):
            self._inspected[seen.id] = (_NOT_LISTED, seen)
            self._follow(seen)
        return seen

    async def find(self, container_id: str) -> Inspected | None:
        """Return what is known of a container of ours; asks unless it was alive, or is certain. Raises LibpodError."""
        remembered = self._inspected.get(container_id)
        seen = remembered[1] if remembered else None
        if seen is None or not (seen.alive or (seen.pod and self._certainty.sure(seen.pod.uid))):
            seen = await self.inspect(container_id)
        return seen if seen is not None and self.is_ours(seen) else None

    def remembered(self, uid: str) -> tuple[Inspected, ...]:
        """Return what the last looks saw of a pod's containers."""
        every = (seen for _, seen in self._inspected.values())
        return tuple(seen for seen in every if seen.pod and seen.pod.uid == uid)

    def is_ours(self, seen: Inspected) -> bool:
        """Whether it carries our label."""
        return seen.labels.get(labels.OWNER) == self._owner and seen.pod is not None

    def forget(self, container_id: str) -> None:
        """Drop what is known of a container that is no more."""
        self._inspected.pop(container_id, None)
        self._exits.forget(container_id)

    def doom(self, container_id: str) -> None:
        """Note that a container is about to be removed; `forget` it when it is."""
        self._exits.doom(container_id)

    async def _list(self, path: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        for left in reversed(range(_LIST_TRIES)):
            try:
                return (await self._libpod.call("GET", path, query=query)).json() or []
            except LibpodError as error:
                lost = _LOST_NETNS.search(error.message)
                if not left or not (lost or is_absence(error)):
                    raise  # else: one was removed while libpod went through them
                if lost:  # of a pod that is dead: it keeps libpod from listing any other
                    log.warning("put an empty network namespace back", extra={"reason": error.message})
                    await asyncio.to_thread(netns.put_back, Path(lost["path"]))
        return []

    async def _broken(self, name_or_id: str) -> Inspected | None:
        for line in await self._list("/containers/json", {**self._filters(None), "all": "true", "pod": "true"}):
            if name_or_id in (line["Id"], *(line.get("Names") or ())):
                return inspection.broken(line)
        return None

    def _filters(self, uid: str | None) -> dict[str, Any]:
        wanted = [f"{labels.OWNER}={self._owner}"]
        if uid is not None:
            wanted.append(f"{labels.POD_UID}={uid}")
        return {"filters": json.dumps({"label": wanted})}

    async def _known_or_inspect(self, line: Listed) -> Inspected | None:
        remembered = self._inspected.get(line.id)
        if remembered is not None and remembered[0] == line.fingerprint:
            return remembered[1]
        seen = await self.inspect(line.id)
        if seen is None:
            self.forget(line.id)
            return None
        self._inspected[line.id] = (line.fingerprint, seen)
        return seen

    async def _all_settled(self, seen: Iterable[Inspected]) -> tuple[Inspected, ...]:
        return tuple(each for each in await asyncio.gather(*map(self._settled, seen)) if each)

    async def _settled(self, seen: Inspected) -> Inspected | None:
        """Let a container that just ended tell its code, and ask the engine again where nobody else can.

        None: somebody removed it, and it is forgotten; to show it once more would show it alive.
        """
        if not seen.alive or not self._exits.is_dead(seen.id) or self._exits.end(seen.id):
            return seen
        if await self._exits.settle(seen.id, timeout_s=SETTLE_S):
            return seen
        ask = self.inspect if self._exits.is_silent(seen.id) else self._engine_heard
        again = await ask(seen.id)
        if again is not None and again.alive:
            self._exits.note_lost(seen.id)  # conmon was killed: the engine will say "running" for ever
        return again

    async def _decided(self, seen: tuple[Inspected, ...]) -> tuple[Inspected, ...]:
        """Let those tell their code, too, that ended while others were waited for: they would count as lost."""
        for _ in range(_LIST_TRIES):
            if not any(each.alive and self._exits.is_dead(each.id) and not self._exits.end(each.id) for each in seen):
                break
            seen = tuple(each for each in await asyncio.gather(*(self._settled(each) for each in seen)) if each)
        return seen

    async def _engine_heard(self, container_id: str) -> Inspected | None:
        """Ask the engine about an end whose exit file was missed: it hears of it 60 to 300 ms later than we do."""
        seen = await self.inspect(container_id)
        for _ in range(_HEARD_TRIES):
            if seen is None or not seen.alive:
                break
            await asyncio.sleep(_HEARD_PAUSE_S)
            seen = await self.inspect(container_id)
        return seen

    def _follow(self, seen: Inspected) -> None:
        if seen.pod is None:
            return
        alive = seen.alive
        subject = Subject(
            id=seen.id,
            pod_uid=seen.pod.uid,
            container=seen.name,
            pid=seen.pid if alive else 0,
            conmon_pid=seen.conmon_pid if alive else 0,
            cgroup_path=seen.cgroup_path if alive else "",
        )
        self._exits.watch(subject)
