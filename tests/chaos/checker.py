"""Holds what is seen against what is wanted. Pure but for two looks into running containers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos import processes
from tests.chaos.wishes import PodWish, Wishes
from tests.chaos.witness import Container, Seen

Identity = tuple[str, int]  # container id and pid
Status = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Who ran at the end of a round: by pod and container name ("" = infra)."""

    running: Mapping[tuple[str, str], Identity]

    @staticmethod
    def of(seen: Seen) -> Snapshot:
        return Snapshot({(one.pod, one.name): (one.id, one.pid) for one in seen.containers if one.running})


def told(wishes: Wishes, statuses: Mapping[str, Status]) -> list[str]:
    """Return how the retained statuses differ from what is wanted."""
    return list(_told(wishes, statuses))


def _told(wishes: Wishes, statuses: Mapping[str, Status]) -> Iterator[str]:
    if (online := statuses.get("status/online", {})).get("state") != "online":
        yield f"status/online says {online.get('state')}"
    ready = {one["type"]: one for one in statuses.get("status/node", {}).get("status", {}).get("conditions", ())}
    if ready.get("Ready", {}).get("status") != "True":
        yield f"status/node says {ready.get('Ready')}"
    said = {topic.rpartition("/")[2] for topic in statuses if topic.startswith("status/pods/default/")}
    for name in sorted(said - set(wishes.pods)):
        yield f"pod {name}: has a status and is not wanted"
    for wish in wishes.pods.values():
        message = statuses.get(f"status/pods/default/{wish.name}")
        if message is None:
            yield f"pod {wish.name}: no status"
            continue
        yield from _phase(wish, message)
    said = {topic.rpartition("/")[2] for topic in statuses if topic.startswith("status/configmaps/default/")}
    for name in sorted(said ^ set(wishes.configs)):
        yield f"configmap {name}: {'has a status and is not wanted' if name in said else 'no status'}"


def _phase(wish: PodWish, message: Status) -> Iterator[str]:
    status = message.get("status", {})
    if "error" in message:
        yield f"pod {wish.name}: refused: {message['error'].get('message')}"
    if not wish.runs:
        if status.get("phase") not in {"Succeeded", "Failed"}:  # killed before its end it has failed
            yield f"pod {wish.name}: phase {status.get('phase')}, an end is wanted"
        return
    conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
    if status.get("phase") != "Running" or conditions.get("Ready") != "True":
        waiting = [one.get("state") for one in status.get("containerStatuses", ())]
        yield f"pod {wish.name}: phase {status.get('phase')}, Ready {conditions.get('Ready')}, {waiting}"


def judge(wishes: Wishes, seen: Seen, before: Snapshot, untouched: frozenset[str]) -> list[str]:
    """Return every way in which the world is wrong. `untouched`: pods whose containers must be those of `before`."""
    return [
        *told(wishes, seen.statuses),
        *_runs(wishes, seen),
        *_left_over(wishes, seen),
        *_truth(wishes, seen),
        *_kept(seen, before, untouched),
    ]


def _runs(wishes: Wishes, seen: Seen) -> Iterator[str]:
    running = Counter((one.pod, one.name) for one in seen.containers if one.running and one.name)
    wanted = {(wish.name, name) for wish in wishes.pods.values() if wish.runs for name in wish.containers}
    for pod, name in sorted(wanted | set(running)):
        number, target = running[pod, name], int((pod, name) in wanted)
        if number != target:
            yield f"container {pod}/{name}: runs {number} times, {target} wanted"
    for one in seen.containers:
        wish = wishes.pods.get(one.pod)
        if one.running and one.name and wish is not None:
            yield from _right(wish, one, wishes)
        if not one.running and not one.name and wish is not None and wish.runs:  # its containers will not stay either
            yield f"container {one.pod}/infra: does not run, and its pod is wanted"
    for wish in wishes.pods.values():
        if wish.shape == "port" and (answer := processes.fetch("127.0.0.1", wish.host_port)) != "page\n":
            yield f"pod {wish.name}: its hostPort answers {answer!r}"


def _right(wish: PodWish, one: Container, wishes: Wishes) -> Iterator[str]:
    if one.image != wish.image:
        yield f"container {one.pod}/{one.name}: image {one.image}, {wish.image} wanted"
    if f"VERSION={wish.version}" not in one.environment:
        yield f"container {one.pod}/{one.name}: not of version {wish.version}"
    if wish.config_map:
        wanted = wishes.configs[wish.config_map].value
        path = Path(f"/proc/{one.pid}/root/config/value")
        found = path.read_text() if path.exists() else None
        if found != wanted:
            yield f"container {one.pod}/{one.name}: reads {found!r} of its ConfigMap, {wanted!r} wanted"


def _left_over(wishes: Wishes, seen: Seen) -> Iterator[str]:
    for one in seen.containers:
        if one.pod not in wishes.pods:
            yield f"container {one.id[:12]} of {one.pod or 'no pod'} is there and not wanted"
    uids: dict[str, set[str]] = {}
    for one in seen.containers:
        uids.setdefault(one.pod, set()).add(one.pod_uid)
    yield from (f"pod {name}: of {len(found)} uids at once: {found}" for name, found in uids.items() if len(found) > 1)
    known = {one.id for one in seen.containers} | seen.pod_ids
    for place, ids in seen.ids_by_place.items():
        yield from (f"{place}: {one[:12]} is left over" for one in sorted(ids - known))
    wanted = {
        message["metadata"]["uid"]
        for topic, message in seen.statuses.items()
        if topic.startswith("status/pods/") and "metadata" in message and "uid" in message["metadata"]
    }
    for place, found in seen.uids_by_place.items():
        yield from (f"{place}: pod {one} is left over" for one in sorted(found - wanted))
    yield from (f"left over: {one}" for one in seen.stray)
    yield from seen.complaints
    yield from (f"process: {one}" for one in seen.processes)
    conmons = Counter(seen.conmons)
    for each in sorted(set(conmons) | {one.id for one in seen.containers if one.running}):
        target = int(any(one.id == each and one.running for one in seen.containers))
        if conmons[each] != target:
            yield f"conmon of {each[:12]}: {conmons[each]}, {target} wanted"
    yield from _network(seen)


def _network(seen: Seen) -> Iterator[str]:
    own = {one.network: one.address for one in seen.containers if one.running and one.address}
    if seen.veths != len(own):
        yield f"{seen.veths} veths, {len(own)} wanted"
    for network in sorted(seen.namespaces ^ set(own)):
        yield f"network namespace {network}: {'not kept' if network in own else 'nobody is in it'}"
    for address in sorted(seen.addresses - set(own.values())):
        yield f"firewall: {address} is left over"


def _truth(wishes: Wishes, seen: Seen) -> Iterator[str]:
    for wish in wishes.pods.values():
        message = seen.statuses.get(f"status/pods/default/{wish.name}", {})
        status = message.get("status", {})
        uids = {one.pod_uid for one in seen.containers if one.pod == wish.name}
        if uids and uids != {message.get("metadata", {}).get("uid")}:
            yield f"pod {wish.name}: the broker says uid {message.get('metadata', {}).get('uid')}, podman {uids}"
        if not wish.runs:
            continue
        said = {
            one["name"]: one.get("containerID", "").removeprefix("podman://")
            for one in status.get("containerStatuses", ())
            if "running" in one.get("state", {})
        }
        true = {one.name: one.id for one in seen.containers if one.pod == wish.name and one.name and one.running}
        if said != true:
            yield f"pod {wish.name}: the broker says {_short(said)} run, podman {_short(true)}"
        address = next((one.address for one in seen.containers if one.pod == wish.name and one.address), "")
        if address and status.get("podIP") != address:
            yield f"pod {wish.name}: the broker says address {status.get('podIP')}, podman {address}"


def _kept(seen: Seen, before: Snapshot, untouched: frozenset[str]) -> Iterator[str]:
    now = Snapshot.of(seen).running
    for (pod, name), identity in before.running.items():
        if pod in untouched and now.get((pod, name)) != identity:
            yield f"RESTARTED container {pod}/{name or 'infra'}: was {identity}, is {now.get((pod, name))}"


def _short(ids: Mapping[str, str]) -> dict[str, str]:
    return {name: one[:12] for name, one in ids.items()}
