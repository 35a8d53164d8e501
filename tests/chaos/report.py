"""Figures of rounds: a line of JSON each, so that an interrupted run loses none, and a table of them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.chaos.world import Outcome


@dataclass(frozen=True, slots=True)
class Row:
    """One round. `recovered_s` is from the end of the fault, `took_s` all of it."""

    seed: int
    sandbox: str
    number: int
    fault: str
    note: str
    recovered_s: float
    took_s: float
    pods: int
    orders: tuple[str, ...]
    violations: tuple[str, ...]


def row(seed: int, sandbox: str, outcome: Outcome, *, took_s: float, pods: int) -> Row:
    """Return what is kept of a round."""
    return Row(
        seed=seed,
        sandbox=sandbox,
        number=outcome.number,
        fault=outcome.fault,
        note=outcome.note,
        recovered_s=round(outcome.recovered_s, 2),
        took_s=round(took_s, 2),
        pods=pods,
        orders=tuple(map(str, outcome.orders)),
        violations=outcome.violations,
    )


def append(path: str, one: Row) -> None:
    """Add a line to a file; "" for none."""
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps(asdict(one)) + "\n")


def read(paths: Iterable[str]) -> list[Row]:
    """Return the rounds of files; a last line that was cut is passed over."""
    found = []
    for path in paths:
        for line in Path(path).read_text().splitlines():
            if line.endswith("}"):
                fields = json.loads(line)
                fields["orders"], fields["violations"] = tuple(fields["orders"]), tuple(fields["violations"])
                found.append(Row(**fields))
    return found


def table(rows: Sequence[Row]) -> str:
    """Return a line a fault and one for all; the times are of the rounds that healed."""
    lines = [f"{'fault':32} {'rounds':>6} {'median s':>9} {'p95 s':>8} {'worst s':>8} {'not healed':>10}"]
    for name in [*sorted({one.fault for one in rows}), "all"]:
        some = [one for one in rows if name in {one.fault, "all"}]
        times = sorted(one.recovered_s for one in some if not one.violations)
        broken = len(some) - len(times)
        if times:
            p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
            figures = f"{statistics.median(times):9.1f} {p95:8.1f} {times[-1]:8.1f}"
        else:
            figures = f"{'-':>9} {'-':>8} {'-':>8}"
        lines.append(f"{name:32} {len(some):6} {figures} {broken:10}")
    if rows:
        lines.append(f"{sum(one.took_s for one in rows) / len(rows):.1f} s a round")
    return "\n".join(lines)
