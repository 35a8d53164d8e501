"""What is to be told and was not yet: newest per topic, bounded in bytes, the least important forgotten first. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

_ENTRY_BYTES = 256  # of keeping any letter at all


class Rank(IntEnum):
    """What goes first, and is forgotten last."""

    BIRTH = 0
    REPLY = 1
    STATUS = 2
    EVENT = 3


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to send. `payload` None: it is made from the newest state when it is sent."""

    topic: str
    rank: Rank
    payload: bytes | None = None
    retain: bool = False
    expiry_s: int | None = None
    due_s: float = 0.0  # not before that, on the monotonic clock

    @property
    def size_bytes(self) -> int:
        return _ENTRY_BYTES + len(self.topic) + len(self.payload or b"")


class Outbox:
    """Letters waiting, one per topic, and those under way. A topic under way waits with its next letter."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._waiting: dict[Rank, dict[str, Letter]] = {rank: {} for rank in Rank}
        self._under_way: dict[str, Letter] = {}
        self._bytes = 0
        self.dropped = 0  # letters forgotten for lack of room

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values())) + len(self._under_way)

    @property
    def size_bytes(self) -> int:
        return self._bytes

    def put(self, letter: Letter) -> None:
        """Add, in place (and in the turn) of a waiting letter of the same topic."""
        waiting = self._waiting[letter.rank]
        before = waiting.get(letter.topic)
        if before is not None:
            self._bytes -= before.size_bytes
        waiting[letter.topic] = letter
        self._bytes += letter.size_bytes
        while self._bytes > self._max_bytes and self._forget_one():
            self.dropped += 1

    def waiting(self, rank: Rank) -> tuple[Letter, ...]:
        """Return the letters of a rank that were not sent, oldest first, those under way too."""
        under_way = (letter for letter in self._under_way.values() if letter.rank is rank)
        return (*under_way, *self._waiting[rank].values())

    def take(self, *, now_s: float) -> Letter | None:
        """Return the first letter that is due, and count it as under way; None if there is none."""
        for waiting in self._waiting.values():
            for topic, letter in waiting.items():
                if letter.due_s <= now_s and topic not in self._under_way:
                    del waiting[topic]
                    self._under_way[topic] = letter
                    return letter
        return None

    def sent(self, letter: Letter) -> None:
        """Forget a letter that was under way."""
        del self._under_way[letter.topic]
        self._bytes -= letter.size_bytes

    def failed(self, letter: Letter, *, due_s: float) -> None:
        """Put a letter back that was under way, unless a newer one waits for its topic."""
        self.sent(letter)
        if letter.topic not in self._waiting[letter.rank]:
            self.put(Letter(letter.topic, letter.rank, letter.payload, letter.retain, letter.expiry_s, due_s=due_s))

    def next_due_s(self) -> float | None:
        """Return when `take` may give something again without anything new; None: never."""
        dues = [
            letter.due_s
            for waiting in self._waiting.values()
            for letter in waiting.values()
            if letter.topic not in self._under_way
        ]
        return min(dues, default=None)

    def busy(self, *, now_s: float) -> bool:
        """Whether something is under way or due."""
        due_s = self.next_due_s()
        return bool(self._under_way) or (due_s is not None and due_s <= now_s)

    def _forget_one(self) -> bool:
        """Forget the oldest of the least important; letters made from state cost little and stay."""
        for rank in reversed(Rank):
            waiting = self._waiting[rank]
            victim = next((letter for letter in waiting.values() if letter.payload is not None), None)
            if victim is not None:
                del waiting[victim.topic]
                self._bytes -= victim.size_bytes
                return True
        return False
