"""Many pods: what it takes to have them all, what they cost at rest, and how an agent that starts finds them again."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench import process, wire
from bench.figures import Figure, Target
from bench.meter import Meter, comm
from bench.pods import pod
from bench.rounds import Rounds
from bench.site import Site, site

_RSS = {10: Target(at_most=45), 110: Target(at_most=60)}
_PSS = {10: Target(at_most=36)}
_FEW, _MANY = 10, 30  # what the targets speak of
_SECONDS_A_DAY = 86_400


def run(meter: Meter, rounds: Rounds) -> list[Figure]:
    """Measure each number of pods on a board of its own."""
    found = []
    for count in rounds.crowds:
        with site(meter, sandbox=rounds.sandbox) as board:
            found += _fill(board, count)
            meter.settle()
            found += _memory(board, count)
            found += _idle(board, count, rounds.idle_s)
            found += _adopt(board, count, rounds.adoptions)
    return found


def _fill(board: Site, count: int) -> list[Figure]:
    agent = process.activity(board.agent.pid).cpu_ns
    tree, begun_s = board.meter.board_ns(), time.monotonic()
    wall_s = board.run_all([pod(f"p{number}") for number in range(count)]) - begun_s
    board.meter.settle()
    agent = process.activity(board.agent.pid).cpu_ns - agent
    tree = board.meter.board_ns() - tree
    return [
        _one(f"{count} pods by the local API -> all Running, wall", "s", wall_s),
        _one(f"{count} pods -> all Running, CPU of the whole tree, per pod", "ms", tree / 1e6 / count),
        _one(f"{count} pods -> all Running, CPU of the agent alone, per pod", "ms", agent / 1e6 / count),
    ]


def _memory(board: Site, count: int) -> list[Figure]:
    pid = board.agent.pid
    pids = board.meter.pids()
    monitors = [one for one in pids if comm(one) == "conmon"]
    pauses = [one for one in pids if comm(one) in {"catatonit", "pause"}]

    def together(which: list[int]) -> float:
        return sum(process.pss_mb(one) for one in which)

    return [
        _one(f"{count} pods: RSS of the agent", "MB", process.rss_mb(pid), _RSS.get(count)),
        _one(f"{count} pods: PSS of the agent", "MB", process.pss_mb(pid), _PSS.get(count)),
        _one(f"{count} pods: PSS of all conmon ({len(monitors)})", "MB", together(monitors)),
        _one(f"{count} pods: PSS of all pause processes ({len(pauses)})", "MB", together(pauses)),
        _one(f"{count} pods: engine processes at rest", "", len(board.meter.engine_pids()), Target(at_most=0)),
    ]


def _idle(board: Site, count: int, seconds: float) -> list[Figure]:
    pid, port = board.agent.pid, board.broker.port
    before, sent, tree = process.activity(pid), wire.traffic(port), board.meter.board_ns()
    begun_s = time.monotonic()
    time.sleep(seconds)
    elapsed_s = time.monotonic() - begun_s
    after, then, tree_after = process.activity(pid), wire.traffic(port), board.meter.board_ns()
    up = then.sent_bytes - sent.sent_bytes
    per_day = _SECONDS_A_DAY / elapsed_s
    few = count == _FEW
    rest = f"{count} pods at rest for {seconds:g} s:"
    return [
        _one(
            f"{rest} CPU of the agent",
            "% of a core",
            (after.cpu_ns - before.cpu_ns) / 1e7 / elapsed_s,
            Target(at_most=0.3) if few else None,
        ),
        _one(f"{rest} CPU of the whole tree", "% of a core", (tree_after - tree) / 1e7 / elapsed_s),
        _one(f"{rest} wake-ups of the agent", "/s", (after.wakeups - before.wakeups) / elapsed_s),
        _one(f"{rest} the agent writes", "kB/day", (after.written_bytes - before.written_bytes) / 1000 * per_day),
        _one(
            f"{rest} uplink with TCP/IP headers",
            "kB/day",
            up / 1000 * per_day,
            Target(at_most=100) if few else None,
        ),
    ]


def _adopt(board: Site, count: int, rounds: int) -> list[Figure]:
    def ids() -> set[str]:
        return set(board.agent.podman("ps", "--no-trunc", "--quiet").split())

    here = ids()
    samples = [_start_again(board, end) for end in (board.agent.kill, board.agent.stop) for _ in range(rounds)]
    # Adopted means untouched: had the agent begun anything anew, it would show after it came to rest.
    board.meter.settle()
    lost = len(here - ids())
    return [
        Figure(
            name=f"agent start with {count} running pods -> all adopted",
            unit="s",
            samples=tuple(wall_s for wall_s, _ in samples),
            target=Target(at_most=1.5) if count == _MANY else None,
        ),
        Figure(
            name=f"agent start with {count} running pods -> all adopted, CPU of the whole tree",
            unit="s",
            samples=tuple(cpu_s for _, cpu_s in samples),
        ),
        _one(f"agent start with {count} running pods: containers not the same", "", lost, Target(at_most=0)),
    ]


def _start_again(board: Site, end: Callable[[], object]) -> tuple[float, float]:
    """Return wall time and CPU; the little that Python uses before it is on the account is not counted."""
    end()
    board.meter.settle()
    before, begun_s = board.meter.board_ns(), time.monotonic()
    board.start()
    ready_s = board.wait_ready()
    return ready_s - begun_s, (board.meter.board_ns() - before) / 1e9


def _one(name: str, unit: str, value: float, target: Target | None = None) -> Figure:
    return Figure(name=name, unit=unit, samples=(value,), target=target)
