"""Runs the scenarios, prints one table, keeps the figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import rounds as profiles
from bench.figures import Figure, table
from bench.meter import Meter
from bench.rounds import Rounds
from bench.scenarios import crowd, lifecycle, loading, probing, restart

SCENARIOS: Mapping[str, Callable[[Meter, Rounds], list[Figure]]] = {
    "lifecycle": lifecycle.run,
    "restart": restart.run,
    "crowd": crowd.run,
    "loading": loading.run,
}
ON_REQUEST: Mapping[str, Callable[[Meter, Rounds], list[Figure]]] = {"probes": probing.run}  # by --only

RESULTS = Path(__file__).parent / "results"


def main(argv: Sequence[str]) -> int:
    options = _options(argv)
    rounds = profiles.QUICK if options.quick else profiles.FULL if options.full else profiles.USUAL
    rounds = replace(
        rounds,
        sandbox=options.sandbox,
        crowds=tuple(options.pods or rounds.crowds),
        idle_s=options.idle_s or rounds.idle_s,
    )
    meter = Meter(Path(os.environ["BENCH_CGROUP"]))
    meter.step_aside()
    begun_s = time.monotonic()
    figures: list[Figure] = []
    for name in options.only or SCENARIOS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures += {**SCENARIOS, **ON_REQUEST}[name](meter, rounds)
    host = _host()
    print(table(figures))
    print(f"{', '.join(f'{key} {value}' for key, value in host.items())}; {time.monotonic() - begun_s:.0f} s")
    target = options.json or (None if options.only else RESULTS / f"{_today()}-{_kind(host)}-{options.sandbox}.json")
    if target is not None:
        profile = "quick" if options.quick else "full" if options.full else "usual"
        document = {
            "profile": profile,
            "sandbox": options.sandbox,
            "host": host,
            "figures": [one.to_document() for one in figures],
        }
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(document, indent=1) + "\n")
        print(f"kept in {target}", file=sys.stderr)
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="few rounds, 10 pods: under four minutes")
    size.add_argument("--full", action="store_true", help="many rounds, up to 110 pods, ten idle minutes each")
    names = [*SCENARIOS, *ON_REQUEST]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument(
        "--sandbox", default=profiles.USUAL.sandbox, choices=("infra", "pinned", "auto"), help="[network] sandbox"
    )
    parser.add_argument("--pods", nargs="+", type=int, metavar="N", help="crowds of so many pods")
    parser.add_argument("--idle-s", type=float, metavar="S", help="how long a crowd rests while it is watched")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go (default: bench/results)")
    return parser.parse_args(argv)


def _host() -> dict[str, Any]:
    """Return what makes figures comparable; no names."""
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    podman = subprocess.run(("podman", "--version"), check=True, capture_output=True, text=True).stdout
    return {
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "memory GB": round(memory_kib * 1024 / 1e9),
        "kernel": platform.release().split("-")[0],
        "cgroup": 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1,
        "Podman": podman.split()[-1],
        "Python": platform.python_version(),
    }


def _kind(host: Mapping[str, Any]) -> str:
    return f"{host['machine']}-{host['cpus']}cpu"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
