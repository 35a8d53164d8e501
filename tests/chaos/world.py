"""Rounds: some work, one fault in the middle of it, and then the world must become what is wanted, by itself."""

from __future__ import annotations

import collections
import json
import random
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos import checker, processes, witness
from tests.chaos.board import Site
from tests.chaos.checker import Snapshot
from tests.chaos.fault import Fault, Hit
from tests.chaos.orders import Counter, Order
from tests.chaos.witness import Seen
from tests.chaos.work import Work

_REST_S = 10.0
_NEED_WORK = frozenset({"engine_killed", "agent_and_engine_killed", "helper_killed"})  # nothing to kill at rest


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a round went. `recovered_s` is from the end of the fault; violations are empty where all is well."""

    number: int
    fault: str
    note: str
    orders: tuple[Order, ...]
    recovered_s: float
    violations: tuple[str, ...] = ()


@dataclass(slots=True)
class World:
    """A site, what is wanted of it, and who hands that over."""

    site: Site
    chance: random.Random
    bound_s: float
    pods_max: int = 8
    tolerated: re.Pattern[str] | None = None  # violations that are known and open: counted, not fatal
    tolerances: collections.Counter[str] = field(default_factory=collections.Counter)
    work: Work = field(init=False)
    counter: Counter = field(init=False)
    snapshot: Snapshot = field(default_factory=lambda: Snapshot({}))

    def __post_init__(self) -> None:
        self.work = Work(self.chance, (self.site.image(1), self.site.image(2)), pods_max=self.pods_max)
        self.counter = Counter(self.site)

    def settle_in(self, number: int) -> Outcome:
        """Start some pods, so that the first fault finds something to break."""
        orders, _ = self.work.some(self.pods_max)
        self.counter.take(*orders)
        settled_s, violations = self._converge(frozenset())
        return Outcome(number, "settle_in", "", tuple(orders), settled_s, violations)

    def round(self, number: int, name: str, fault: Fault) -> Outcome:
        """Do one."""
        chance = self.chance
        need_work = name in _NEED_WORK
        first, touched = self.work.restart() if need_work else self.work.some(chance.randint(0, 3))
        self.counter.take(*first)
        time.sleep(0 if need_work else chance.choice((0.0, chance.uniform(0, 1.5), chance.uniform(0, 4))))
        with fault(self.site, chance) as hit:
            second, others = self.work.some(chance.randint(0, 2))
            self.counter.take(*second)
        self.work.wishes.gone_pods.update(dict.fromkeys(hit.came_and_went, "mqtt"))
        if hit.memory_lost:
            self._await_delivery()
            self._await_link()
            self.counter.take(*self.work.everything_again())
        if hit.broker_forgets:
            self._await_delivery()
            self.counter.take(*self._forgotten())
        for _ in range(hit.repeats):
            self._await_delivery()
            again = [one for one in self.work.everything_again() if one.way == "mqtt"]
            chance.shuffle(again)
            self.counter.take(*again)
        untouched = self._untouched(touched | others, hit)
        recovered_s, violations = self._converge(untouched)
        return Outcome(number, name, hit.note, (*first, *second), recovered_s, violations)

    def _forgotten(self) -> list[Order]:
        """Return what the broker does not retain as it is wished: its own loss, which no board can know of."""
        retained = witness.desired(self.site)
        orders = [one for one in self.work.everything_again() if one.way == "mqtt"]
        return [one for one in orders if retained.get(one.topic) != (one.wish.document() if one.wish else None)]

    def _untouched(self, touched: set[str], hit: Hit) -> frozenset[str]:
        return frozenset() if hit.everything else frozenset(self.work.wishes.pods) - touched - hit.pods

    def _await_link(self) -> None:
        """A deletion is no retained message: it reaches only a board that the broker knows."""
        end = time.monotonic() + self.bound_s
        while time.monotonic() < end:
            if witness.statuses(self.site).get("status/online", {}).get("state") == "online":
                return

    def _await_delivery(self) -> None:
        end = time.monotonic() + self.bound_s
        while self.counter.pending and time.monotonic() < end:
            time.sleep(0.1)

    def _converge(self, untouched: frozenset[str]) -> tuple[float, tuple[str, ...]]:
        began = time.monotonic()
        while True:
            violations, seen = self._check(untouched)
            elapsed_s = time.monotonic() - began
            if not violations and seen is not None:
                self.snapshot = Snapshot.of(seen)
                return elapsed_s, tuple(self._at_rest())
            if elapsed_s > self.bound_s or any(one.startswith("RESTARTED") for one in violations):
                return elapsed_s, tuple(violations)
            time.sleep(0.3)

    def _check(self, untouched: frozenset[str]) -> tuple[list[str], Seen | None]:
        if pending := self.counter.pending:
            refusals = list(self.counter.refusals)[-1:]
            return [f"not acknowledged: {one}" for one in pending] + refusals, None
        if not self.site.board.answers:
            return ["the agent does not answer"], None
        statuses = witness.statuses(self.site)
        if violations := checker.told(self.work.wishes, statuses):
            return violations, None
        try:
            seen = witness.look(self.site, statuses)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return [f"podman cannot tell: {error}"], None
        found = checker.judge(self.work.wishes, seen, self.snapshot, untouched)
        if self.tolerated is None:
            return found, seen
        known = [one for one in found if self.tolerated.search(one)]
        self.tolerances.update(known)
        return [one for one in found if one not in known], seen

    def _at_rest(self) -> list[str]:
        board = self.site.board
        rests = _within(_REST_S, lambda: not any(map(_is_service, board.engine_processes())))
        violations = [] if rests else ["the engine does not rest"]
        listed = board.cli("get", "pods,configmaps", "-o", "json", check=False, timeout_s=30)
        if listed.returncode:
            return [*violations, f"the local API does not answer: {listed.stderr}"]
        names = {(one["kind"], one["metadata"]["name"]) for one in json.loads(listed.stdout)["items"]}
        wishes = self.work.wishes
        wanted = {("Pod", one) for one in wishes.pods} | {("ConfigMap", one) for one in wishes.configs}
        return violations + [
            f"the local API: {one} is {'lost' if one in wanted else 'there'}" for one in names ^ wanted
        ]


def _within(seconds: float, look: Callable[[], object]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if look():
            return True
        time.sleep(0.1)
    return False


def _is_service(pid: int) -> bool:
    return "service" in processes.arguments(pid)
