"""Starting Python: the agent's imports, and commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from bench import import_time
from bench.figures import Figure, Target
from bench.meter import Meter
from bench.pods import pod
from bench.rounds import Rounds
from bench.site import site

# As the command does it, for a broker without TLS.
_IMPORT = "from edgelet.agent import deferred_modules as one; one.install(tls=False); import edgelet.agent.main"
_MEASURE = f"{_IMPORT}; print(open('/proc/self/smaps_rollup').read())"
_TOP = 12


def run(meter: Meter, rounds: Rounds) -> list[Figure]:
    """Measure the agent's imports and the commands people wait for."""
    times = range(rounds.starts)
    bare = tuple(_cpu_ms((sys.executable, "-c", "")) for _ in times)
    found = [
        Figure(
            name="importing the agent, CPU, beside Python alone",
            unit="ms",
            samples=tuple(_cpu_ms((sys.executable, "-c", _IMPORT)) for _ in times),
            beside=bare,
        ),
        _memory("RSS of the agent's imports", "Rss"),
        _memory("PSS of the agent's imports", "Pss"),
        *_top(),
    ]
    with site(meter, sandbox=rounds.sandbox) as board:
        board.run_all([pod(f"p{number}") for number in range(3)])
        meter.settle()
        os.environ["EDGELET_SOCKET"] = str(board.agent.socket)
        for words, bound_ms in (("version", 100), ("get pods", 200)):
            argv = (sys.executable, "-m", "edgelet", *words.split())
            found.append(
                Figure(
                    name=f"`edgelet {words}`, CPU, beside Python alone",
                    unit="ms",
                    samples=tuple(_cpu_ms(argv) for _ in times),
                    beside=bare,
                    target=Target(at_most=bound_ms),
                )
            )
    return found


def _cpu_ms(argv: Sequence[str]) -> float:
    before = os.times()
    subprocess.run(argv, check=True, capture_output=True)
    after = os.times()
    user_s, system_s = after.children_user - before.children_user, after.children_system - before.children_system
    return (user_s + system_s) * 1000


def _memory(name: str, field: str) -> Figure:
    done = subprocess.run((sys.executable, "-c", _MEASURE), check=True, capture_output=True, text=True)
    line = next(one for one in done.stdout.splitlines() if one.startswith(f"{field}:"))
    return Figure(name=name, unit="MB", samples=(int(line.split()[1]) * 1.024 / 1000,))


def _top() -> list[Figure]:
    done = subprocess.run(
        (sys.executable, "-X", "importtime", "-c", _IMPORT), check=True, capture_output=True, text=True
    )
    packages = import_time.by_package(done.stderr)
    heaviest = sorted(packages, key=lambda name: -packages[name])[:_TOP]
    return [Figure(name=f"  of it {name}", unit="ms", samples=(packages[name],)) for name in heaviest]
