"""One view of a container's instances: what the engine shows, completed by what the worker remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from edgelet.api.container import Container
from edgelet.pods.memory import LastInstance, Memory
from edgelet.pods.spec_hash import spec_hash
from edgelet.ports.runtime import ContainerState, Created, Exited, ObservedContainer, ObservedPod, ProcessUser, Running

LOST_EXIT_CODE = 137  # of an instance that vanished (kubelet: ContainerStatusUnknown)


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a container. `present`: the engine still has it."""

    name: str
    number: int
    id: str
    image: str
    image_id: str
    spec_hash: str
    state: ContainerState
    present: bool
    log_path: str = ""
    user: ProcessUser | None = None

    @property
    def started_at(self) -> datetime | None:
        """When its process began, as far as it is known."""
        match self.state:
            case Running(started_at=started_at):
                return started_at
            case Exited(started_at=at):
                return at
            case Created():
                return None


def outdated(instance: Instance | None, container: Container) -> bool:
    """Whether the newest instance was made to another specification: it is replaced, however it ended.

    Also where the engine has lost it since. One from a stored status has no hash: only its image can have changed.
    """
    if instance is None:
        return False
    if instance.present or instance.spec_hash:
        return instance.spec_hash != spec_hash(container)
    return instance.image not in {"", container.image}


def newest(seen: ObservedPod | None, memory: Memory, name: str) -> Instance | None:
    """Return the container's newest instance, None if it never had one."""
    last = memory.container(name).last
    observed = max(_of(seen, name), key=lambda one: one.instance, default=None)
    if observed is not None and (last is None or observed.instance >= last.number):
        return _from_observed(observed)
    return _from_memory(name, last) if last else None


def previous(seen: ObservedPod | None, memory: Memory, name: str) -> Instance | None:
    """Return the ended instance before the newest one, for lastState."""
    now = newest(seen, memory, name)
    if now is None:
        return None
    older = [one for one in _of(seen, name) if one.instance < now.number and isinstance(one.state, Exited)]
    observed = max(older, key=lambda one: one.instance, default=None)
    remembered = [
        one
        for one in (memory.container(name).last, memory.container(name).previous)
        if one is not None and one.number < now.number
    ]
    last = max(remembered, key=lambda one: one.number, default=None)
    if observed is not None and (last is None or observed.instance >= last.number):
        return _from_observed(observed)
    return _from_memory(name, last) if last else None


def running(seen: ObservedPod | None, names: tuple[str, ...]) -> tuple[ObservedContainer, ...]:
    """Return the living instances of these containers, in the order of the names."""
    return tuple(one for name in names for one in _of(seen, name) if isinstance(one.state, Running))


def surplus(seen: ObservedPod | None) -> tuple[ObservedContainer, ...]:
    """Return ended instances older than the one before the newest: kubelet's MaxPerPodContainer 1."""
    if seen is None:
        return ()
    names = {one.name for one in seen.containers}
    return tuple(
        one
        for name in sorted(names)
        for one in sorted(_of(seen, name), key=lambda one: -one.instance)[2:]
        if not isinstance(one.state, Running)
    )


def next_number(instance: Instance | None) -> int:
    """Return the restartCount of the instance to be started; one that was only created is started itself."""
    if instance is None:
        return 0
    if isinstance(instance.state, Created):
        return instance.number
    return instance.number + 1


def remembered(instance: Instance) -> LastInstance:
    """Return what to keep of an instance."""
    return LastInstance(
        number=instance.number,
        id=instance.id,
        image=instance.image,
        image_id=instance.image_id,
        spec_hash=instance.spec_hash,
        ended=instance.state if isinstance(instance.state, Exited) else None,
        started_at=instance.started_at,
    )


def _of(seen: ObservedPod | None, name: str) -> Iterator[ObservedContainer]:
    return (one for one in (seen.containers if seen else ()) if one.name == name)


def _from_observed(one: ObservedContainer) -> Instance:
    return Instance(
        name=one.name,
        number=one.instance,
        id=one.id,
        image=one.image,
        image_id=one.image_id,
        spec_hash=one.spec_hash,
        state=one.state,
        present=True,
        log_path=one.log_path,
        user=one.user,
    )


def _from_memory(name: str, last: LastInstance) -> Instance:
    lost = Exited(exit_code=LOST_EXIT_CODE, started_at=last.started_at, finished_at=None, lost=True)
    return Instance(
        name=name,
        number=last.number,
        id=last.id,
        image=last.image,
        image_id=last.image_id,
        spec_hash=last.spec_hash,
        state=last.ended or lost,
        present=False,
    )
