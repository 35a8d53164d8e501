"""From what libpod says to what the pod worker sees. Pure: what is known of ends comes in as values.

The engine's word alone is not enough: it says "running" for some 150 ms after an end, for ever when conmon was killed,
and after a reboot everything is "created" again with StartedAt kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from edgelet.adapters.podman import labels
from edgelet.adapters.podman.exits import LOST_CODE, End
from edgelet.adapters.podman.inspection import Inspected, ListedPod
from edgelet.ports.runtime import (
    ContainerState,
    Created,
    Exited,
    ObservedContainer,
    ObservedPod,
    ObservedSandbox,
    PodRef,
    Running,
)

_ENDED = frozenset({"exited", "stopped"})


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the exit watch knows of one container."""

    end: End | None = None
    dead: bool = False


NOTHING = Knowledge()


def pods(
    sandboxes: Iterable[ListedPod], containers: Iterable[Inspected], known: Mapping[str, Knowledge]
) -> tuple[ObservedPod, ...]:
    """Put everything together, sorted by uid."""
    refs: dict[str, PodRef] = {}
    newest: dict[str, ListedPod] = {}
    for sandbox in sandboxes:
        uid = sandbox.pod.uid
        refs[uid] = sandbox.pod
        if uid not in newest or newest[uid].attempt < sandbox.attempt:
            newest[uid] = sandbox
    infra: dict[str, Inspected] = {}
    members: dict[str, list[ObservedContainer]] = {}
    for each in containers:
        if each.pod is None:
            continue
        refs.setdefault(each.pod.uid, each.pod)
        if each.infra:
            infra[each.pod_id] = each
        else:
            members.setdefault(each.pod.uid, []).append(container(each, known.get(each.id, NOTHING)))
    return tuple(
        ObservedPod(
            pod=refs[uid],
            sandbox=_sandbox(newest.get(uid), infra, known),
            containers=tuple(sorted(members.get(uid, ()), key=lambda each: (each.name, each.instance))),
        )
        for uid in sorted(refs)
    )


def container(seen: Inspected, known: Knowledge) -> ObservedContainer:
    """Return one instance."""
    return ObservedContainer(
        id=seen.id,
        name=seen.name,
        instance=labels.number(seen.labels, labels.CONTAINER_INSTANCE),
        spec_hash=seen.labels.get(labels.CONTAINER_HASH, ""),
        image=seen.image,
        image_id=seen.image_id,
        state=state(seen, known),
        created_at=seen.created_at,
        log_path=seen.log_path,
        layer_path=seen.layer_path,
        user=seen.user,
        labels=labels.further(seen.labels),
    )


def state(seen: Inspected, known: Knowledge) -> ContainerState:
    """Decide between the engine's word and what was seen from outside.

    Never Running for a process known dead; a code that the engine knows wins over one that was lost.
    """
    if seen.status in _ENDED and seen.finished_at is not None:
        return _exited_by_engine(seen, known.end)
    if known.end is not None:
        end = known.end
        return Exited(
            exit_code=end.exit_code,
            started_at=seen.started_at,
            finished_at=_not_before(end.finished_at, seen.started_at),
            oom_killed=end.oom_killed,
            lost=end.lost,
            message=end.message,
        )
    if seen.startable:
        return Created()
    if seen.alive and not known.dead and seen.started_at is not None:
        return Running(seen.started_at, seen.pid)
    return Exited(LOST_CODE, seen.started_at, seen.finished_at, lost=True, message=seen.error)


def ready(sandbox: ListedPod, infra: Inspected | None, known: Knowledge) -> bool:
    """Whether the sandbox's network is up and its infra container alive."""
    if infra is None or not isinstance(state(infra, known), Running):
        return False
    return sandbox.namespaces.network or bool(infra.ips)


def _sandbox(
    sandbox: ListedPod | None, infra: Mapping[str, Inspected], known: Mapping[str, Knowledge]
) -> ObservedSandbox | None:
    if sandbox is None:
        return None
    if sandbox.pinned is not None:
        return ObservedSandbox(
            id=sandbox.id,
            ready=sandbox.pinned.ready,
            ips=sandbox.pinned.ips,
            created_at=sandbox.created_at,
            attempt=sandbox.attempt,
        )
    own = infra.get(sandbox.id)
    return ObservedSandbox(
        id=sandbox.id,
        ready=ready(sandbox, own, known.get(own.id, NOTHING) if own else NOTHING),
        ips=own.ips if own else (),
        created_at=sandbox.created_at,
        attempt=sandbox.attempt,
    )


def _exited_by_engine(seen: Inspected, end: End | None) -> Exited:
    return Exited(
        exit_code=seen.exit_code,
        started_at=seen.started_at,
        finished_at=_not_before(seen.finished_at, seen.started_at),
        oom_killed=end.oom_killed if end else False,
        message=seen.error,
    )


def _not_before(at: datetime | None, start: datetime | None) -> datetime | None:
    # The end is the time of a file, with the kernel's coarse clock: it may lie some ms before the start.
    return max(at, start) if at and start else at
