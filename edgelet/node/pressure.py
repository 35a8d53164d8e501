"""When the node is short of something: thresholds, what was observed, what follows (pure).

Source: Kubernetes pkg/kubelet/eviction/eviction_manager.go synchronize, helpers.go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from edgelet.api.amount import NOTHING, Amount
from edgelet.api.quantity import Quantity
from edgelet.ports.pod_eviction import Part, Resource, Shortage

MEMORY, DISK, TASKS = "MemoryPressure", "DiskPressure", "PIDPressure"

_RESOURCES: Mapping[str, Resource] = {
    "memory.available": "memory",
    "nodefs.available": "ephemeral-storage",
    "nodefs.inodesFree": "inodes",
    "imagefs.available": "ephemeral-storage",
    "imagefs.inodesFree": "inodes",
    "pid.available": "pids",
}
_CONDITIONS: Mapping[Resource, str] = {"memory": MEMORY, "ephemeral-storage": DISK, "inodes": DISK, "pids": TASKS}


@dataclass(frozen=True, slots=True)
class Threshold:
    """Less than `value` available is too little; `grace_s` 0: at once (hard)."""

    signal: str
    value: Amount
    grace_s: float = 0.0
    reclaim: Amount = NOTHING  # so much more has to be free again, once it was too little

    @property
    def resource(self) -> Resource:
        """What is short then."""
        return _RESOURCES[self.signal]

    @property
    def condition(self) -> str:
        """What the node says of itself then."""
        return _CONDITIONS[self.resource]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """How much of something there is. `place`: the path, where it is a file system; `parts`: of pods that lie on it."""

    available: int
    capacity: int
    place: str = ""
    parts: Collection[Part] = ()


Seen = Mapping[str, tuple[Observation, ...]]  # by signal; nodefs may be several file systems


@dataclass(frozen=True, slots=True)
class Pressure:
    """What is known from look to look. Times are monotonic seconds."""

    starved: tuple[Threshold, ...] = ()  # crossed for their grace period, not resolved yet; memory first
    first_s: Mapping[Threshold, float] = field(default_factory=dict)  # crossed since
    last_s: Mapping[str, float] = field(default_factory=dict)  # by condition: when it was last so
    conditions: frozenset[str] = frozenset()  # as the node tells them


def thresholds(
    hard: Mapping[str, str], soft: Mapping[str, str], *, grace_s: Mapping[str, float], reclaim: Mapping[str, str]
) -> tuple[Threshold, ...]:
    """Return the thresholds of settings that were judged already; those that bound nothing are left out."""
    least = {signal: Amount.parse(text) for signal, text in reclaim.items()}
    found = [
        Threshold(signal, Amount.parse(text), period_s, least.get(signal, NOTHING))
        for texts, periods in ((hard, {}), (soft, grace_s))
        for signal, text in texts.items()
        for period_s in (periods.get(signal, 0.0),)
    ]
    return tuple(one for one in found if not one.value.is_nothing)


def crossed(one: Threshold, seen: Seen, *, reclaim: bool = False) -> Observation | None:
    """Return what is below a threshold; `reclaim` asks for what has to be free in addition."""
    for seen_one in seen.get(one.signal, ()):
        least = one.value.of(seen_one.capacity) + (one.reclaim.of(seen_one.capacity) if reclaim else 0)
        if seen_one.available < least:
            return seen_one
    return None


def enough(all_: Collection[Threshold], seen: Seen) -> bool:
    """Whether nothing is short any more, minimum reclaim included."""
    return all(crossed(one, seen, reclaim=True) is None for one in all_)


def advance(
    before: Pressure, all_: Collection[Threshold], seen: Seen, *, now_s: float, transition_s: float
) -> Pressure:
    """Return the pressure after a look. A condition stays for `transition_s` after its cause is gone."""
    met = [one for one in all_ if crossed(one, seen)]
    met += [one for one in before.starved if one not in met and crossed(one, seen, reclaim=True)]
    first_s = {one: before.first_s.get(one, now_s) for one in met}
    causes = {one.condition for one in met}
    last_s = {**before.last_s, **dict.fromkeys(causes, now_s)}
    held = {condition for condition, at_s in last_s.items() if now_s - at_s < transition_s}
    starved = [one for one in met if now_s - first_s[one] >= one.grace_s]
    return Pressure(
        starved=tuple(sorted(starved, key=lambda one: one.resource != "memory")),
        first_s=first_s,
        last_s={condition: last_s[condition] for condition in causes | held},
        conditions=frozenset(causes | held),
    )


def shortage(one: Threshold, seen: Seen, *, max_grace_s: float) -> Shortage | None:
    """Return what pods are told they have to go for; None where it is over."""
    found = crossed(one, seen, reclaim=True)
    if found is None:
        return None
    counted = one.resource in {"inodes", "pids"}
    return Shortage(
        resource=one.resource,
        threshold=str(one.value.quantity or Quantity.of_bytes(one.value.of(found.capacity))),
        available=str(Quantity.of_milli(found.available * 1000) if counted else Quantity.of_bytes(found.available)),
        parts=found.parts,
        hard=one.grace_s == 0,
        max_grace_s=max_grace_s,
    )


def words(all_: Collection[Threshold], seen: Seen, condition: str, *, reclaim: bool = False) -> str:
    """Return for people what is short, "" where nothing is; `reclaim` as in `crossed`."""
    texts = [
        _words(one, found)
        for one in all_
        if one.condition == condition and (found := crossed(one, seen, reclaim=reclaim)) is not None
    ]
    return "; ".join(dict.fromkeys(texts))


def _words(one: Threshold, found: Observation) -> str:
    name, _, what = one.signal.partition(".")
    whose = f"{name} ({found.place})" if found.place else name
    kind = "inodes free" if what == "inodesFree" else "available"
    if one.value.quantity is None:
        share = 100 * found.available / found.capacity if found.capacity else 0.0
        return f"{whose} has {share:.1f} % {kind}, less than {one.value}"
    return f"{whose} has {Quantity.of_bytes(found.available)} {kind}, less than {one.value}"
