"""What edgelet and its engine write to flash in 24 hours, and whether that is more than they should (pure)."""

from __future__ import annotations

from dataclasses import dataclass

_SLOT_S = 900.0
_SLOTS = 96  # 24 hours of them
_MB = 1_000_000
_EASED_SHARE = 0.9  # of the budget: the pressure ends below it, so that the condition does not flap


@dataclass(frozen=True, slots=True)
class Written:
    """A rolling sum, kept in memory only: an agent that starts anew begins with nothing. At most 24 h in 97 slots."""

    total_bytes: int = 0  # the counter, when it was read last
    slots: tuple[tuple[int, int], ...] = ()  # number of the quarter of an hour, bytes in it; ascending
    pressed: bool = False

    @property
    def day_bytes(self) -> int:
        """Bytes of the last 24 hours, to a quarter of an hour."""
        return sum(count for _, count in self.slots)


def advance(before: Written, *, total_bytes: int, now_s: float, budget_bytes: int) -> Written:
    """Return the sum after a reading of the counter.

    Args:
        before: The sum until now.
        total_bytes: A counter that only grows. One that began anew counts from 0.
        now_s: Monotonic.
        budget_bytes: For 24 hours; 0: no budget.
    """
    news = total_bytes - before.total_bytes if total_bytes >= before.total_bytes else total_bytes
    slot = int(now_s // _SLOT_S)
    recent = {number: count for number, count in before.slots if slot - number < _SLOTS}
    if news:
        recent[slot] = recent.get(slot, 0) + news
    after = Written(total_bytes, tuple(sorted(recent.items())))
    limit = budget_bytes * (_EASED_SHARE if before.pressed else 1)
    return Written(total_bytes, after.slots, pressed=bool(budget_bytes) and after.day_bytes > limit)


def explanation(written: Written, *, budget_bytes: int) -> str:
    """Return for people why there is pressure, "" where there is none.

    The amount is told in whole budgets: a text that changed with each write would be written and sent each time.
    """
    if not written.pressed:
        return ""
    times = written.day_bytes // budget_bytes
    amount = (
        f"more than {budget_bytes // _MB} MB" if times <= 1 else f"more than {times} times {budget_bytes // _MB} MB"
    )
    return f"edgelet and its engine wrote {amount} to flash in 24 hours ([flash] write_budget_mb_per_day)"
