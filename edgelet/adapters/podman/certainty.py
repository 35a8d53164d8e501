"""Of which pods memory is as good as a question to the engine: what changed since was done by us, and succeeded.

A container that ends is seen from outside (exits.py), so the engine, which rests, need not be started to be asked about
it: that would cost more than all the rest of a restart. Whatever is done to a pod puts it in doubt until it succeeded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping


class Certainty:
    """Which pods, by uid, were seen whole and not touched since by anything whose end is unknown."""

    def __init__(self) -> None:
        self._seen_all = False
        self._doubts: dict[str, int] = {}  # uid -> which doubt: a later one is another
        self._last = 0

    def sure(self, uid: str) -> bool:
        """Whether memory holds everything of the pod. One that was never heard of has nothing."""
        return self._seen_all and uid not in self._doubts

    def doubt(self, uid: str) -> None:
        """Have the engine asked at the next look."""
        self._last += 1
        self._doubts[uid] = self._last

    @contextlib.contextmanager
    def touching(self, uid: str) -> Iterator[None]:
        """Do something whose outcome memory is told; the pod is in doubt if it fails or is broken off."""
        try:
            yield
        except BaseException:
            self.doubt(uid)
            raise

    def look_begins(self) -> Mapping[str, int]:
        """Return what a look that begins now can settle."""
        return dict(self._doubts)

    def look_ended(self, before: Mapping[str, int], uids: Iterable[str] | None) -> None:
        """Note that these pods, or None for all, were seen whole; what was done to them meanwhile is still in doubt."""
        for uid in tuple(before) if uids is None else uids:
            if uid in before and self._doubts.get(uid) == before[uid]:
                del self._doubts[uid]
        self._seen_all |= uids is None
