"""What probes cost: each kind for itself, and a board of many pods that have three each."""

from __future__ import annotations

import time

from bench import process
from bench.figures import Figure, Target
from bench.meter import Meter
from bench.pods import HANDLERS, Document, pod, probed
from bench.rounds import Rounds
from bench.site import Site, site

_OFTEN = 20  # containers of one pod, two probes a second each
_PODS = 30
_PERIOD_S = 10
_CPU_SHARE = Target(at_most=1.0)


def run(meter: Meter, rounds: Rounds) -> list[Figure]:
    """Measure one kind after another, then the crowd."""
    with site(meter, sandbox=rounds.sandbox) as board:
        found = [figure for kind in ("http", "tcp", "exec") for figure in _kind(board, kind, rounds.idle_s)]
    with site(meter, sandbox=rounds.sandbox) as board:
        plain_mb = _plain(board)
    with site(meter, sandbox=rounds.sandbox) as board:
        return found + _crowd(board, rounds.idle_s, plain_mb)


def _kind(board: Site, kind: str, seconds: float) -> list[Figure]:
    per_s = 2 * _OFTEN if kind != "exec" else 2
    handler = HANDLERS[kind]
    board.run_all([probed(kind, containers=per_s // 2, liveness=handler, readiness=handler, period_s=1)])
    _wait_ready(board, 1)
    agent, tree = _measure(board, seconds)
    board.agent.cli("delete", "pod", kind, "--grace-period=0", "--force")
    board.meter.settle()
    return [
        _one(f"1000 {kind} probes, CPU of the agent", "s", agent / per_s * 1000),
        _one(f"1000 {kind} probes, CPU of the whole tree", "s", tree / per_s * 1000),
    ]


def _plain(board: Site) -> float:
    board.run_all([pod(f"p{number}") for number in range(_PODS)])
    board.meter.settle()
    return process.rss_mb(board.agent.pid)


def _crowd(board: Site, seconds: float, plain_mb: float) -> list[Figure]:
    http, tcp, command = (HANDLERS[one] for one in ("http", "tcp", "exec"))
    pods = [
        probed(f"p{number}", containers=1, liveness=http, readiness=tcp, startup=command, period_s=_PERIOD_S)
        for number in range(_PODS)
    ]
    board.run_all(pods)
    _wait_ready(board, _PODS)
    agent, tree = _measure(board, max(seconds, 3.0 * _PERIOD_S))
    pid = board.agent.pid
    what = f"{_PODS} pods with startup (exec), liveness (http) and readiness (tcp) probe each {_PERIOD_S} s"
    return [
        _one(f"{what}: CPU of the agent", "% of a core", agent * 100, _CPU_SHARE),
        _one(f"{what}: CPU of the whole tree", "% of a core", tree * 100),
        Figure(
            name=f"{what}: RSS of the agent, beside the same without probes",
            unit="MB",
            samples=(process.rss_mb(pid),),
            beside=(plain_mb,),
        ),
        _one(f"{what}: engine processes", "", len(board.meter.engine_pids()), Target(at_most=0)),
    ]


def _measure(board: Site, seconds: float) -> tuple[float, float]:
    """Return what agent and tree use, as shares of a core."""
    time.sleep(5)  # the engine is gone, statuses are on disk
    agent, tree, begun_s = process.activity(board.agent.pid).cpu_ns, board.meter.board_ns(), time.monotonic()
    time.sleep(seconds)
    elapsed_ns = (time.monotonic() - begun_s) * 1e9
    after = process.activity(board.agent.pid).cpu_ns
    return (after - agent) / elapsed_ns, (board.meter.board_ns() - tree) / elapsed_ns


def _wait_ready(board: Site, count: int) -> None:
    end_s = time.monotonic() + 90
    while sum(_ready(one) for one in board.api.pods()) < count:
        assert time.monotonic() < end_s, f"not all ready\n{board.agent.log_tail()}"
        time.sleep(0.5)


def _ready(document: Document) -> bool:
    conditions = (document.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _one(name: str, unit: str, value: float, target: Target | None = None) -> Figure:
    return Figure(name=name, unit=unit, samples=(value,), target=target)
