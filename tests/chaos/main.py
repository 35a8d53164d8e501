"""The command behind scripts/chaos."""

from __future__ import annotations

import argparse
import random
import re
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import board as boards
from tests.chaos.board import Site
from tests.chaos.faults.catalogue import FAULTS
from tests.chaos.world import Outcome, World

_HISTORY = 12


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(argv: Sequence[str]) -> int:
    """Return the exit code: 1 where a promise was broken."""
    options = _options(argv)
    if options.list:
        _say("\n".join(FAULTS))
        return 0
    boards.require_namespaces()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(100_000)
    _say(f"chaos: seed {seed}, {options.rounds} rounds")
    began = time.monotonic()
    outcomes: list[Outcome] = []
    broken = ""
    with Site(sandbox=options.sandbox) as site:
        chance = random.Random(seed)  # noqa: S311  repeatable, no secret
        world = World(
            site, chance, bound_s=options.bound_s, tolerated=re.compile(options.tolerate) if options.tolerate else None
        )
        names, weights = _chosen(options.faults, site.board.shim.missing)
        try:
            if violations := world.settle_in():
                broken = "before the first fault:\n" + "\n".join(violations)
            for number in range(1, options.rounds + 1):
                if broken:
                    break
                name = _next(names, weights, number, world.chance, every=options.each)
                outcome = world.round(number, name, FAULTS[name][0])
                outcomes.append(outcome)
                _say(_line(outcome, len(world.work.wishes.pods)))
                if outcome.violations:
                    broken = _report(seed, outcomes, site)
        except AssertionError as error:
            broken = f"{_report(seed, outcomes, site)}\nthe harness itself: {error!r}"
        world.counter.close()
        if broken:
            _say(broken)
            _keep(site, options.keep, broken)
    if not broken:
        shutil.rmtree(site.directory)
    if world.tolerances:
        _say(f"TOLERATED, so not held: {len(world.tolerances)} violations, such as {next(iter(world.tolerances))}")
    _say(_table(outcomes))
    _say(f"{time.monotonic() - began:.0f} s")
    return 1 if broken else 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/chaos")
    parser.add_argument("--seed", type=int, help="the same seed asks for the same work and the same faults")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--faults", default="", help="names, separated by commas; all without it")
    parser.add_argument("--each", action="store_true", help="the faults in order, one after the other, not by chance")
    parser.add_argument("--sandbox", default="auto", choices=("infra", "pinned", "auto"), help="who holds namespaces")
    parser.add_argument("--bound-s", type=float, default=60.0, help="how long the world may take to heal")
    parser.add_argument("--tolerate", default="", help="a pattern of violations that are known: counted, not fatal")
    parser.add_argument("--keep", default="", help="where logs and state go where a promise was broken")
    parser.add_argument("--list", action="store_true", help="name the faults")
    return parser.parse_args(argv)


def _chosen(wanted: str, missing: dict[str, str]) -> tuple[list[str], list[int]]:
    names = wanted.split(",") if wanted else list(FAULTS)
    if unknown := set(names) - set(FAULTS):
        raise SystemExit(f"error: no such fault: {', '.join(sorted(unknown))}; see --list")
    for name, why in missing.items():
        if name in names:
            _say(f"NOT TRIED: {name}: {why}")
            names.remove(name)
    return names, [FAULTS[name][1] for name in names]


def _next(names: list[str], weights: list[int], number: int, chance: random.Random, *, every: bool) -> str:
    return names[(number - 1) % len(names)] if every else chance.choices(names, weights)[0]


def _line(outcome: Outcome, pods: int) -> str:
    orders = ", ".join(map(str, outcome.orders)) or "no orders"
    verdict = f"healed in {outcome.recovered_s:4.1f} s" if not outcome.violations else "BROKEN"
    note = f" ({outcome.note})" if outcome.note else ""
    return f"{outcome.number:4} {outcome.fault}{note}: {verdict}, {pods} pods; {orders}"


def _report(seed: int, outcomes: list[Outcome], site: Site) -> str:
    lines = [f"\nseed {seed}, round {len(outcomes)}; before that:"]
    lines += [_line(one, 0) for one in outcomes[-_HISTORY:]]
    if outcomes:
        lines += ["violations:", *(f"  {one}" for one in outcomes[-1].violations)]
    return "\n".join([*lines, "the agent's log:", site.board.log_tail(60)])


def _keep(site: Site, place: str, report: str) -> None:
    target = Path(place or f"{site.directory}-kept")
    target.mkdir(parents=True, exist_ok=True)
    (target / "report").write_text(report)
    for name in ("agent.log", "log"):
        if (site.directory / name).exists():
            shutil.copy(site.directory / name, target / name)
    state = site.board.base / "state"
    if state.exists():
        shutil.copytree(state, target / "state", dirs_exist_ok=True, ignore=shutil.ignore_patterns("copy"))
    for name, arguments in {"ps": ("ps", "--all", "--external"), "pods": ("pod", "ps")}.items():
        (target / name).write_text(site.board.podman(*arguments, check=False))
    (target / "cgroups").write_text("\n".join(map(str, boards.cgroups())))
    (target / "mounts").write_text(Path("/proc/self/mountinfo").read_text())
    _say(f"kept: {target}")


def _table(outcomes: list[Outcome]) -> str:
    lines = [f"{'fault':28} {'rounds':>6} {'median s':>9} {'worst s':>8} {'broken':>6}"]
    for name in [*sorted({one.fault for one in outcomes}), "all"]:
        some = [one for one in outcomes if name in {one.fault, "all"}]
        if some:
            times = [one.recovered_s for one in some]
            broken = sum(bool(one.violations) for one in some)
            median = statistics.median(times)
            lines.append(f"{name:28} {len(some):6} {median:9.1f} {max(times):8.1f} {broken:6}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
