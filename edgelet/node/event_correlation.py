"""Which event a happening belongs to: the same again is counted, many similar ones become one, floods are held back.

Source: client-go tools/record/events_cache.go (aggregator, logger, spam filter, in that order). Decides by the
monotonic clock; every table is bounded: what is past is forgotten, and beyond that the least recently
used.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_SIMILAR_MAX = 10  # messages that differ, before they are combined
_SIMILAR_WINDOW_S = 600.0
_BURST = 25.0  # events about one object that are told at once; then one every 300 s
_REFILL_PER_S = 1 / 300
_COMBINED = "(combined from similar events): "


@dataclass(frozen=True, slots=True)
class Subject:
    """What events of one kind of trouble have in common: everything but the message."""

    kind: str
    namespace: str
    name: str
    uid: str
    container: str
    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Correlated:
    """Where a happening is counted (`identity`), under which message, and whether it may be told to others."""

    identity: Hashable
    message: str
    tell: bool


class Recent(dict[K, V], Generic[K, V]):
    """A table of the most recently used; `touch` makes an entry the newest, the oldest beyond `limit` goes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def touch(self, key: K, value: V) -> None:
        """Set an entry and make it the newest."""
        self.pop(key, None)
        self[key] = value
        if len(self) > self._limit:
            del self[next(iter(self))]

    def let_go(self, past: Callable[[V], bool]) -> None:
        """Forget from the oldest on, up to the first that still says something."""
        while self and past(self[oldest := next(iter(self))]):
            del self[oldest]


@dataclass(frozen=True, slots=True)
class _Similar:
    messages: frozenset[str]
    last_s: float


@dataclass(frozen=True, slots=True)
class _Budget:
    left: float
    at_s: float


class Correlator:
    """Decides for each happening in turn."""

    def __init__(self, *, limit: int) -> None:
        self._similar: Recent[Subject, _Similar] = Recent(limit)
        self._budgets: Recent[tuple[str, str, str, str], _Budget] = Recent(limit)

    def correlate(self, subject: Subject, message: str, *, now_s: float) -> Correlated:
        """Return what the happening counts as. `now_s` is monotonic."""
        self._similar.let_go(lambda one: now_s - one.last_s > _SIMILAR_WINDOW_S)
        self._budgets.let_go(lambda one: _refilled(one, now_s) >= _BURST)
        tell = self._may_be_told(subject, now_s)
        if self._is_one_of_many(subject, message, now_s):
            return Correlated(subject, _COMBINED + message, tell)
        return Correlated((subject, message), message, tell)

    def _is_one_of_many(self, subject: Subject, message: str, now_s: float) -> bool:
        known = self._similar.get(subject)
        messages = known.messages if known and now_s - known.last_s <= _SIMILAR_WINDOW_S else frozenset()
        many = len(messages | {message}) >= _SIMILAR_MAX
        # Once there are many, which ones does not matter any more: the set stays as large as it is.
        self._similar.touch(subject, _Similar(messages if many else messages | {message}, now_s))
        return many

    def _may_be_told(self, subject: Subject, now_s: float) -> bool:
        object_ = (subject.kind, subject.namespace, subject.name, subject.uid)
        known = self._budgets.get(object_)
        left = _refilled(known, now_s) if known else _BURST
        self._budgets.touch(object_, _Budget(left - 1 if left >= 1 else left, now_s))
        return left >= 1


def _refilled(budget: _Budget, now_s: float) -> float:
    return min(_BURST, budget.left + (now_s - budget.at_s) * _REFILL_PER_S)
