"""Of which pods memory is as good as a question to the engine: what changed since was done by us, and succeeded.

A container that ends is seen from outside (exits.py), so the engine, which rests, need not be started to be asked about
it: that would cost more than all the rest of a restart. Whatever is done to a pod puts it in doubt until it succeeded.
A look settles doubts, except where something was done to a pod beside it: who knows which of both came first.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Look:
    """A question to the engine that is under way, about one pod or (uid None) everything."""

    uid: str | None
    doubts: Mapping[str, int]  # which it can settle
    touched: set[str] = field(default_factory=set)  # to which something is done while it is under way

    def concerns(self, uid: str) -> bool:
        """Whether its answer says something of a pod."""
        return self.uid in {None, uid}


class Certainty:
    """Which pods, by uid, were seen whole and not touched since by anything whose end is unknown."""

    def __init__(self) -> None:
        self._seen_all = False
        self._doubts: dict[str, int] = {}  # uid -> which doubt: a later one is another
        self._last = 0
        self._under_way: Counter[str] = Counter()  # what is being done, by uid
        self._changing: Counter[str] = Counter()  # of that, what asks the engine itself how far it is
        self._looks: list[Look] = []

    def sure(self, uid: str) -> bool:
        """Whether memory holds everything of the pod. One that was never heard of has nothing."""
        return self._seen_all and uid not in self._doubts and not self._changing[uid]

    def doubt(self, uid: str) -> None:
        """Have the engine asked at the next look."""
        self._last += 1
        self._doubts[uid] = self._last

    @contextlib.contextmanager
    def touching(self, uid: str) -> Iterator[None]:
        """Do something whose outcome memory is told; the pod is in doubt if it fails or is broken off."""
        self._note(uid)
        self._under_way[uid] += 1
        try:
            yield
        except BaseException:
            self.doubt(uid)
            raise
        finally:
            _less(self._under_way, uid)
            self._note(uid)

    @contextlib.contextmanager
    def changing(self, uid: str) -> Iterator[None]:
        """Do something of which memory hears nothing: the engine is asked meanwhile, and at the next look."""
        self._changing[uid] += 1
        try:
            with self.touching(uid):
                yield
        finally:
            _less(self._changing, uid)
            self.doubt(uid)

    @contextlib.contextmanager
    def looking(self, uid: str | None) -> Iterator[Look]:
        """Ask the engine about one pod or everything; what is touched meanwhile is in doubt."""
        look = Look(uid, dict(self._doubts))
        look.touched.update(each for each in self._under_way if look.concerns(each))
        self._looks.append(look)
        try:
            yield look
        finally:
            self._looks.remove(look)
            for each in look.touched:
                self.doubt(each)

    def settle(self, look: Look) -> None:
        """Note that all that the look concerns was seen whole."""
        settled: Iterable[str] = look.doubts if look.uid is None else (look.uid,)
        for uid in settled:
            if uid in look.doubts and self._doubts.get(uid) == look.doubts[uid]:
                del self._doubts[uid]
        self._seen_all |= look.uid is None

    def _note(self, uid: str) -> None:
        for look in self._looks:
            if look.concerns(uid):
                look.touched.add(uid)


def _less(counter: Counter[str], uid: str) -> None:
    counter[uid] -= 1
    if not counter[uid]:
        del counter[uid]
